"""A person with a browser over the loopback: signs up, uploads, makes a twin, talks with it, deletes the account."""

import re
import time
from collections.abc import Callable
from typing import Any

import httpx

PASSWORD = "long enough to be good"


class Refused(Exception):  # noqa: N818  it is no fault
    """A clear answer that it cannot be done now: too often, too busy, gone."""


class Visitor:
    """One person. Every request's seconds go to `watch`; an answer of 5xx that is no clear refusal raises.

    Args:
        source: the loopback address that the person comes from; limits count by it.
    """

    def __init__(
        self, address: str, email: str, *, source: str = "127.0.0.1", watch: Callable[[str, float], None] | None = None
    ) -> None:
        self.email = email
        self.twin = ""
        self._watch = watch or (lambda what, seconds: None)
        self._token = ""
        transport = httpx.HTTPTransport(local_address=source)
        self._client = httpx.Client(base_url=address, transport=transport, timeout=120, headers={"Accept": "text/html"})

    def close(self) -> None:
        self._client.close()

    def get(self, path: str) -> httpx.Response:
        return self._ask("GET", path)

    def post(self, path: str, form: dict[str, Any] | None = None, *, accept: str = "text/html") -> httpx.Response:
        if not self._token:
            self.get("/privacy")
        return self._ask("POST", path, data={**(form or {}), "csrf_token": self._token}, headers={"Accept": accept})

    def sign_up(self) -> None:
        self.post("/signup", {"email": self.email, "password": PASSWORD})
        self._token = ""

    def log_in(self) -> None:
        self._token = ""
        self.post("/login", {"email": self.email, "password": PASSWORD})
        self._token = ""

    def begin_twin(self) -> None:
        self.twin = self.post("/twins").headers["Location"].split("/")[2]

    def upload(self, name: str, content: bytes, *, piece: int = 1 << 16) -> None:
        """Announce a file and send what is not there yet: called again, it goes on where it was."""
        if not self._token:
            self.get("/privacy")
        headers = {"X-CSRFToken": self._token, "Accept": "application/json"}
        files = [{"path": name, "size": len(content)}]
        place = f"/twins/{self.twin}/uploads"
        about = self._ask("POST", place, json={"name": name, "files": files}, headers=headers).json()
        at = about["offsets"][0]
        while at < len(content):
            sent = self._ask(
                "PATCH",
                f"{place}/{about['id']}/0",
                content=content[at : at + piece],
                headers={**headers, "Upload-Offset": str(at), "Content-Type": "application/octet-stream"},
            )
            if "Upload-Offset" not in sent.headers:
                return  # it is complete, and being read
            at = int(sent.headers["Upload-Offset"])

    def wait_until_read(self, *, within_s: float = 120) -> None:
        """Until the upload was read and one can say who one is."""
        end = time.monotonic() + within_s
        while self.get(f"/twins/{self.twin}/me").status_code != 200:
            if time.monotonic() > end:
                raise TimeoutError("the upload was not read in time")
            time.sleep(0.3)

    def make_twin(self, speaker: str, name: str, *, budget: str = "") -> None:
        self.post(f"/twins/{self.twin}/me", {"speaker": speaker})
        self.post(f"/twins/{self.twin}/create", {"name": name, "consent": "yes", "budget": budget})

    def is_over(self) -> bool:
        """Whether the newest training has ended, however it did."""
        return 'data-over="yes"' in self.get(f"/twins/{self.twin}/training").text

    def say(self, text: str) -> str:
        """A new conversation; the whole stream."""
        return self.post(f"/twins/{self.twin}/chat", {"text": text}, accept="text/event-stream").text

    def delete_account(self) -> None:
        self.post("/account/delete", {"password": PASSWORD})

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        began = time.monotonic()
        answer = self._client.request(method, path, **options)
        self._watch(f"{method} {re.sub(r'/[0-9a-f]{32}', '/…', path)}", time.monotonic() - began)
        if answer.status_code in {429, 503}:
            raise Refused(f"{answer.status_code} {path}")
        if answer.status_code >= 500:
            raise AssertionError(f"{method} {path}: {answer.status_code}")
        if found := re.search(r'name="csrf-token" content="([^"]+)"', answer.text):
            self._token = found[1]
        return answer
