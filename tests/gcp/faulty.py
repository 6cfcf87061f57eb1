"""A server on loopback that answers with faults first and then passes everything on."""

import http.client
import socket
import threading
from contextlib import AbstractContextManager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.loopback import running


class FaultyProxy(ThreadingHTTPServer):
    """Meets the next request with `plan[0]` and so on: a status, `reset`, `lost` (done, answer lost), or
    `hang`: says nothing until whoever asks gives up."""

    daemon_threads = True

    def __init__(self, target: str, handler: "type[ProxyHandler] | None" = None) -> None:
        super().__init__(("127.0.0.1", 0), handler or ProxyHandler)
        self.target = urlsplit(target).netloc
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.plan: list[int | str] = []
        self.body = b'{"error": {"message": "planned"}}'
        self.seen: list[str] = []
        self._lock = threading.Lock()

    def next_fault(self, request: str) -> int | str | None:
        with self._lock:
            self.seen.append(request)
            return self.plan.pop(0) if self.plan else None

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is part of the play."""


class ProxyHandler(BaseHTTPRequestHandler):
    """Meets one request as planned, or passes it on."""

    protocol_version = "HTTP/1.1"
    server: FaultyProxy

    def _serve(self) -> None:
        body = self._body()
        fault = self.server.next_fault(f"{self.command} {self.path}")
        if fault == "hang":
            self.connection.settimeout(60)
            with suppress(OSError):
                self.connection.recv(1, socket.MSG_PEEK)
        if fault in {"reset", "hang"}:
            self._cut()
            return
        if isinstance(fault, int):
            self._answer(fault, [("Content-Type", "application/json")], self.server.body)
            return
        upstream = http.client.HTTPConnection(self.server.target, timeout=30)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in {"host", "transfer-encoding"}}
        upstream.request(self.command, self.path, body, {**headers, "Host": self.server.target})
        reply = upstream.getresponse()
        content = reply.read()
        upstream.close()
        if fault == "lost":
            self._cut()
            return
        own = self.server.url.removeprefix("http://")
        kept = [(k, v.replace(self.server.target, own)) for k, v in reply.getheaders()]
        dropped = {"content-length", "transfer-encoding", "connection"}
        self._answer(reply.status, [(k, v) for k, v in kept if k.lower() not in dropped], content)

    def _cut(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = _serve  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Quiet."""


def before(target: str) -> AbstractContextManager[FaultyProxy]:
    """A proxy in front of `target`."""
    return running(FaultyProxy(target))
