"""The web app over a folder, with a tiny random Gemma as its voice."""

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from tests.tiny import TinyGemma, tiny_adapter
from werkzeug.test import TestResponse

from twin.convert.gguf import write_adapter
from twin.domain.examples import Example, Role, Split, Turn
from twin.domain.jsonl import write_examples
from twin.domain.runs import Run, RunState, Stage
from twin.domain.twins import Twin
from twin.likeness import Report
from twin.likeness.figures import Figure
from twin.likeness.report import Account, Sample
from twin.pipeline import keys
from twin.platform import Platform
from twin.settings import Settings
from twin.web import create_app
from twin.web.mail import Mailer
from twin.web.site import Site

PASSWORD = "long enough to be good"


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 4, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.time += timedelta(milliseconds=1)
        return self.time


class Person:
    """Somebody with a browser."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.browser: FlaskClient = app.test_client()
        self.token = ""

    def get(self, path: str, *, status: int = 200, follow: bool = False) -> str:
        answer = self.browser.get(path, headers={"Accept": "text/html"}, follow_redirects=follow)
        assert answer.status_code == status, (path, answer.status_code, answer.text[:400])
        self._keep_token(answer)
        return answer.text

    def post(
        self, path: str, data: dict[str, object] | None = None, *, status: int = 302, accept: str = "text/html"
    ) -> TestResponse:
        self.token = self.token or self._first_token()
        answer = self.browser.post(path, data={"csrf_token": self.token, **(data or {})}, headers={"Accept": accept})
        assert answer.status_code == status, (path, answer.status_code, answer.text[:400])
        self._keep_token(answer)
        answer.get_data()
        answer.close()
        return answer

    def sign_up(self, email: str, password: str = PASSWORD) -> "Person":
        self.post("/signup", {"email": email, "password": password})
        self.token = ""
        return self

    @property
    def headers(self) -> dict[str, str]:
        return {"X-CSRFToken": self.token or self._first_token()}

    def file(self, address: str) -> tuple[bytes, str]:
        """A static file and how long it is kept."""
        with self.browser.get(address) as answer:
            return answer.get_data(), answer.headers["Cache-Control"]

    def _first_token(self) -> str:
        self.get("/privacy")
        return self.token

    def _keep_token(self, answer: TestResponse) -> None:
        html = answer.text if answer.mimetype == "text/html" else ""
        if found := re.search(r'name="csrf-token" content="([^"]+)"', html):
            self.token = found[1]


@dataclass
class House:
    """A running web app, and what tests want of it."""

    app: Flask
    platform: Platform
    clock: Clock
    mails: list[str]
    tiny: TinyGemma

    @property
    def site(self) -> Site:
        return self.app.extensions["twin"]

    def person(self) -> Person:
        return Person(self.app)

    def ana(self) -> Person:
        return self.person().sign_up("ana@example.org")

    def twin(self, owner_email: str, *, name: str = "Nora") -> Twin:
        """A twin that was trained: its adapter and its examples are there."""
        account = self.site.store.accounts.by_email(owner_email)
        assert account
        now = self.clock()
        twin = Twin(uuid4().hex, account.id, name, ("Nora Quill",), str(self.tiny.gguf), now)
        self.platform.records.save(twin)
        return self.version(twin)

    def version(self, twin: Twin, **figures: float) -> Twin:
        """One more training that was finished."""
        now = self.clock()
        figures = figures or {"loss_base": 4.0, "loss_twin": 3.0, "tokens_per_s": 500.0}
        run = Run(uuid4().hex, twin.id, RunState.DONE, now, now, stage=Stage.PUBLISH, figures=figures)
        folder = self.platform.scratch / twin.id
        folder.mkdir(parents=True, exist_ok=True)
        write_adapter(tiny_adapter(), folder / "adapter.gguf")
        self.platform.objects.put(keys.run(run) + keys.ADAPTER_GGUF, folder / "adapter.gguf")
        tiny_adapter().save(folder / "peft", base=twin.base)
        for file in (folder / "peft").iterdir():
            self.platform.objects.put(keys.run(run) + keys.ADAPTER + file.name, file)
        write_examples(folder / "examples.jsonl", EXAMPLES)
        self.platform.objects.put(keys.run(run) + keys.EXAMPLES, folder / "examples.jsonl")
        (folder / "report.json").write_text(json.dumps(REPORT.to_json()), "utf-8")
        self.platform.objects.put(keys.run(run) + keys.REPORT, folder / "report.json")
        twin = replace(twin, run_id=run.id)
        self.platform.records.save(run)
        self.platform.records.save(twin)
        return twin

    def wait(self) -> None:
        """Until everything that was put off is done: both workers of the pool meet here."""
        meeting = threading.Barrier(2)
        for met in [self.site.jobs.submit(meeting.wait) for _ in range(2)]:
            met.result(300)


def held_out(number: int) -> Example:
    asked = Turn(Role.OTHER, "Ben", (f"did you water bed {number}?",))
    return Example((asked, Turn(Role.OWNER, "Nora Quill", ("yes", f"twice, bed {number} too"))), 1, Split.HELD_OUT, "c")


REPORT = Report(
    speaker="Nora Quill",
    base="tiny",
    full=False,
    seed=0,
    choice=Figure(0.5, 0.41, 0.59, 100),
    position={"twin": Figure(0.6, 0.4, 0.8, 40)},
    copying={"twin": Figure(0.02, 0.01, 0.05, 100), "person": Figure(0.01, 0.0, 0.03, 100)},
    samples=(Sample((("Ben", "did you water the beans?"),), ("yes", "twice"), ("the rain <did>",)),),
    account=Account(messages=2200, kept=2000, owner_messages=1000),
)

EXAMPLES = [held_out(number) for number in range(8)]


@pytest.fixture
def settings(tmp_path: Path, tiny: TinyGemma) -> Settings:
    return Settings(home=str(tmp_path / "home"), base=str(tiny.gguf))


@pytest.fixture
def house(settings: Settings, tiny: TinyGemma) -> Iterator[House]:
    clock, mails = Clock(), list[str]()
    with Platform(settings) as platform:
        app = create_app(platform, mail=Mailer("", "twin@example.org", show=mails.append), now=clock)
        app.testing = True
        app.config["RATELIMIT_ENABLED"] = False
        house = House(app, platform, clock, mails, tiny)
        yield house
        house.site.jobs.shutdown()
        house.site.store.database.close()
