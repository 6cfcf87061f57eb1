"""What the pages of one running web app share."""

import os
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from flask import current_app, request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from twin.backends.local.database import Database
from twin.base import models
from twin.base.vocabulary import Vocabulary
from twin.platform import Platform
from twin.web.awake import Awake
from twin.web.faults import log_fault
from twin.web.keys import Keys
from twin.web.mail import Mailer
from twin.web.store import Store
from twin.web.under_way import UnderWay

LANGUAGES = {"en": "English", "es": "Español"}


@dataclass
class Site:
    """A running web app.

    Attributes:
        jobs: does what takes longer than a page may: reading uploads, making blind tests.
        now: the clock; aware.
    """

    platform: Platform
    store: Store
    mail: Mailer
    keys: Keys
    secret: str
    now: Callable[[], datetime]
    under_way: UnderWay = field(default_factory=UnderWay)
    jobs: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2, thread_name_prefix="web-job"))

    @property
    def folder(self) -> Path:
        """Where the web app keeps what it is receiving; outside everything that is served."""
        folder = self.platform.folder / "web"
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    @property
    def public(self) -> bool:
        """Whether others than whoever sits at this machine can reach the app."""
        return bool(self.platform.settings.url)

    @cached_property
    def direct(self) -> bool:
        """Whether browsers send uploads straight to the object store."""
        return self.platform.objects.upload_url("users/anybody", content_type="text/plain", size=1) is not None

    @property
    def secure(self) -> bool:
        """Whether people reach it over TLS."""
        return urlsplit(self.platform.settings.url).scheme == "https"

    @property
    def admins(self) -> frozenset[str]:
        listed = self.platform.settings.admins.split(",")
        return frozenset(email.strip().casefold() for email in listed if email.strip())

    @cached_property
    def awake(self) -> Awake:
        return Awake(self.platform, self.later)

    def later(self, job: Callable[..., object], *arguments: object) -> None:
        """Do something after the page; a fault in it is noted."""

        def guarded() -> None:
            try:
                job(*arguments)
            except Exception as error:  # noqa: BLE001  nobody waits for it who could say it better
                log_fault(error)

        self.jobs.submit(guarded)

    def tokens(self, text: str) -> int:
        """How many tokens of the installation's base model a text is."""
        return len(self._vocabulary.encode(text))

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return models.find(self.platform.settings.base, folder=self.platform.bases).vocabulary

    def link(self, path: str) -> str:
        """An address that works in a mail."""
        return (self.platform.settings.url or request.host_url).rstrip("/") + path

    def sign(self, purpose: str, *values: str) -> str:
        """A token that says these values, for one purpose."""
        return URLSafeTimedSerializer(self.secret, salt=purpose).dumps(values)

    def signed(self, purpose: str, token: str, *, max_age_s: float) -> tuple[str, ...] | None:
        """What a token says; None where it is forged, for another purpose, or too old."""
        try:
            return tuple(URLSafeTimedSerializer(self.secret, salt=purpose).loads(token, max_age=int(max_age_s)))
        except BadSignature:
            return None


def open_site(
    platform: Platform, *, mail: Mailer | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Site:
    """What the web app keeps of an installation. Close its `store.database` after use."""
    settings = platform.settings
    database = Database(settings.web_address)
    mailer = mail or Mailer(settings.mail, settings.mail_from)
    return Site(platform, Store(database), mailer, Keys(database), secret_key(platform.folder), now)


def site() -> Site:
    """The site of the page that is being made."""
    return current_app.extensions["twin"]


def secret_key(folder: Path) -> str:
    """The key that signs cookies and links, made once. Whoever has it can be anybody: only its owner reads it."""
    path = folder / "secret-key"
    made = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    if not path.exists():
        handle = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            path.hardlink_to(made)
        except FileExistsError:
            pass  # another process was faster
        finally:
            made.unlink()
    return path.read_text("ascii")
