"""What browsers and programs send: every route of the web app with any values, and the API with any body."""

import json
import logging
import re
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.fuzz.source import Source
from tests.tiny import tiny_gemma
from tests.web.conftest import PASSWORD, Clock, House
from tests.web.test_access import Things
from twin.platform import Platform
from twin.settings import Settings
from twin.web import create_app, limits
from twin.web.mail import Mailer

EMAIL = "ana@example.org"
SLOW = {"training.stream"}
"""Routes that answer for as long as a training takes."""


class Visit:
    """A web app with an account that has one of everything."""

    def __init__(self) -> None:
        self._open = ExitStack()
        folder = Path(self._open.enter_context(tempfile.TemporaryDirectory()))
        tiny = tiny_gemma(folder)
        platform = self._open.enter_context(Platform(Settings(home=str(folder / "home"), base=str(tiny.gguf))))
        clock, mails = Clock(), list[str]()
        app = create_app(platform, mail=Mailer("", "twin@example.org", show=mails.append), now=clock)
        app.testing, app.config["PROPAGATE_EXCEPTIONS"] = True, False
        limits.limiter.enabled = False
        self.house = House(app, platform, clock, mails, tiny)
        self.faults: list[str] = []
        watch = logging.Handler(logging.ERROR)
        watch.emit = lambda record: self.faults.append(record.getMessage())
        logging.getLogger("twin").addHandler(watch)
        templates = Path(app.root_path, "templates").rglob("*.html")
        names = {name for file in templates for name in re.findall(r'name="([a-z_]+)"', file.read_text("utf-8"))}
        self.fields = sorted(names - {"csrf_token", "viewport"})
        self.rules = sorted(
            ((rule, method) for rule in app.url_map.iter_rules() for method in sorted(rule.methods or ())),
            key=str,
        )
        self.rules = [(rule, method) for rule, method in self.rules if rule.endpoint not in SLOW | {"static"}]
        self.renew()

    def renew(self) -> None:
        """Log in, and have one of everything."""
        self.ana = self.house.person()
        if self.house.site.store.accounts.by_email(EMAIL):
            self.ana.post("/login", {"email": EMAIL, "password": PASSWORD})
            self.ana.token = ""
        else:
            self.ana.sign_up(EMAIL)
        self.things = Things(self.house, EMAIL)
        _, self.secret = self.house.site.keys.make(
            self.things.ids["twin_id"], label="f", now=self.house.clock(), per_minute=1_000_000
        )
        self.headers = self.ana.headers

    def forms(self, data: bytes) -> None:
        """One request to any route, logged in, with any fields."""
        source = Source(data)
        rule, method = source.choice(self.rules)
        path = self.things.path(rule)
        if source.number(8) == 0:  # an id that is none
            path = path.rpartition("/")[0] + "/" + quote(source.line(), safe="")
        values = [self._value(source) for _ in range(source.number(5))]
        headers = {**self.headers, "Accept": source.choice(("text/html", "application/json", "text/event-stream"))}
        headers["Upload-Offset"] = source.choice(("0", "9", "-1", "x", "1" * 30))
        options: dict[str, Any] = {"data": {}}
        for name, value in values:
            options["data"].setdefault(name, []).append(value)
        if source.number(3) == 0:
            options = {"data": source.rest(), "content_type": source.choice(("application/json", "text/plain"))}
        if method == "GET" and "data" in options and isinstance(options["data"], dict):
            options = {"query_string": options.pop("data")}
        self._ask(lambda: self.ana.browser.open(path, method=method, headers=headers, **options), f"{method} {path}")
        if self.house.site.store.uploads.get(self.things.ids["upload_id"]) is None or not self._logged_in():
            self.renew()

    def api(self, data: bytes) -> None:
        """One request to the API with a valid key and any body."""
        source = Source(data)
        path = source.choice(("chat/completions", "completions", "models", "models/Nora"))
        authorization = f"Bearer {self.secret}" if source.number(16) else source.line().decode("latin-1").strip()
        body = source.rest()
        headers = {"Authorization": re.sub(r"[\x00-\x1f]", "", authorization), "Content-Type": "application/json"}
        browser, method = self.house.app.test_client(), "GET" if path.startswith("models") else "POST"
        answer = self._ask(lambda: browser.open(f"/v1/{path}", method=method, data=body, headers=headers), path)
        if answer.mimetype == "application/json":
            shown = json.loads(answer.data)
            assert answer.status_code == 200 or shown["error"]["message"].endswith("."), shown

    def close(self) -> None:
        self.house.site.jobs.shutdown()
        self.house.site.store.database.close()
        self._open.close()

    def _value(self, source: Source) -> tuple[str, str]:
        name = source.choice(self.fields)
        known = ("1", "-1", "yes", PASSWORD, EMAIL, "50", "dmy", "tiny", self.things.ids["message_id"], "\0", "1" * 40)
        shown = source.number(2) and source.line().decode("utf-8", "replace")
        return name, shown or source.choice(known)

    def _ask(self, ask: Callable[[], Any], what: str) -> Any:
        self.faults.clear()
        with ask() as answer:
            answer.get_data()
        assert answer.status_code < 500 or answer.status_code == 503, f"{what}: {answer.status_code} {self.faults}"
        assert not self.faults, f"{what}: {self.faults}"
        return answer

    def _logged_in(self) -> bool:
        return self.ana.browser.get("/account", headers={"Accept": "application/json"}).status_code == 200
