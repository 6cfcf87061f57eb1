"""The part of Cloud Storage that no emulator has: resumable uploads that a signed URL begins, strictly.

It stands before an emulator and passes everything else on. A session begins only with a signature, type and size that
Cloud Storage would accept; it takes the announced bytes, in order and no others, and says after a break how far it is.
Source: https://cloud.google.com/storage/docs/performing-resumable-uploads
"""

import json
import re
import urllib.request
import uuid
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, unquote, urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tests.gcp.faulty import FaultyProxy, ProxyHandler
from tests.gcp.signatures import refusal
from tests.loopback import running

STEP = 256 * 1024
"""Every piece but the last is a multiple of this."""


@dataclass
class Session:
    """One upload under way."""

    bucket: str
    name: str
    size: int
    data: bytes = b""


class BucketFront(FaultyProxy):
    """Keeps the sessions, and why it refused one; meets the next piece with `breaks[0]`: `ok`, `reset` or `lost`."""

    def __init__(self, target: str, key: RSAPublicKey) -> None:
        super().__init__(target, _Handler)
        self.key = key
        self.sessions: dict[str, Session] = {}
        self.refused: list[str] = []
        self.breaks: list[str] = []

    def store(self, session: Session) -> None:
        url = f"http://{self.target}/upload/storage/v1/b/{session.bucket}/o?uploadType=media&name={quote(session.name, '')}"
        request = urllib.request.Request(url, session.data, {"Content-Type": "application/octet-stream"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert json.load(answer)["name"] == session.name


class _Handler(ProxyHandler):
    server: BucketFront

    def _serve(self) -> None:
        if self.command == "POST" and self.headers.get("x-goog-resumable") == "start":
            self._begin()
        elif self.command == "PUT" and (session := self.server.sessions.get(self.path.removeprefix("/session/"))):
            self._take(session)
        else:
            super()._serve()

    def _begin(self) -> None:
        self._body()
        headers = {
            name: value for name, value in self.headers.items() if name.lower().startswith(("x-goog", "content-t"))
        }
        url = self.server.url + self.path
        reason = refusal(url, self.server.key, method="POST", headers=headers, now=datetime.now(UTC))
        if reason:
            self.server.refused.append(reason)
            self._answer(403, [], reason.encode())
            return
        _, bucket, name = unquote(urlsplit(self.path).path).split("/", 2)
        low, _, high = self.headers["x-goog-content-length-range"].partition(",")
        assert low == high
        number = uuid.uuid4().hex
        self.server.sessions[number] = Session(bucket, name, int(low))
        self._answer(201, [("Location", f"{self.server.url}/session/{number}")], b"")

    def _take(self, session: Session) -> None:
        body = self._body()
        found = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+)", self.headers.get("Content-Range") or "")
        if not found or int(found[3]) != session.size or len(session.data) + len(body) > session.size:
            self._answer(400, [], b"size")
            return
        if body and (int(found[1]) != len(session.data) or int(found[2]) != int(found[1]) + len(body) - 1):
            self._answer(400, [], b"offset")
            return
        fault = self.server.breaks.pop(0) if body and self.server.breaks else "ok"
        if fault == "reset":
            self._cut()
            return
        whole = len(session.data) + len(body) == session.size
        session.data += body if whole else body[: len(body) // STEP * STEP]
        if fault == "lost":
            self._cut()
        elif whole:
            self.server.store(session)
            self._answer(200, [], b"")
        else:
            reached = [("Range", f"bytes=0-{len(session.data) - 1}")] if session.data else []
            self._answer(308, reached, b"")

    do_POST = do_PUT = _serve  # noqa: N815


def before(target: str, key: RSAPublicKey) -> AbstractContextManager[BucketFront]:
    """A front of the emulator at `target`, for URLs that the owner of `key` signs."""
    return running(BucketFront(target, key))
