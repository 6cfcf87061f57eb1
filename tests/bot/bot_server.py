"""A server on the loopback that speaks the part of Telegram's Bot API that bots of twin use."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "123:token"


class BotServer:
    """Holds what people wrote until the bot fetches it, and all that the bot sent.

    Attributes:
        sent: parameters of every `sendMessage`, in order, with the `message_id` it got.
        calls: every other method but `getUpdates`, with its parameters.
        blocked: chats to which nothing can be sent.
        trouble: what to answer instead to the next calls: (status, body).
    """

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.blocked: set[int] = set()
        self.trouble: list[tuple[int, Any]] = []
        self._updates: list[dict[str, Any]] = []
        self._number = 0
        self._changed = threading.Condition()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
                status, answer = server._answer(self.path, body)
                content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def write(self, person: int, *texts: str, **extra: Any) -> None:
        """Somebody writes to the bot, several messages at once."""
        who = {"id": person, "first_name": "Ana", "username": f"user{person}"}
        chat = {"id": person, "type": "private"}
        with self._changed:
            for text in texts:
                self._add({"message": {"message_id": 0, "from": who, "chat": chat, "text": text} | extra})

    def press(self, person: int, data: str) -> None:
        """Somebody presses a button."""
        with self._changed:
            self._add({"callback_query": {"id": "q", "from": {"id": person}, "data": data}})

    def wait(self, done: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(done, 20), (self.sent, self.calls)

    def texts(self, chat: int) -> list[str]:
        """What the bot sent to somebody."""
        return [message["text"] for message in self.sent if message["chat_id"] == chat]

    def idle(self) -> bool:
        """Whether everything was fetched."""
        return not self._updates

    def _add(self, update: dict[str, Any]) -> None:
        self._number += 1
        self._updates.append({"update_id": self._number} | update)
        self._changed.notify_all()

    def _answer(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if not path.startswith(f"/bot{TOKEN}/"):
            return 401, {"ok": False, "error_code": 401, "description": "Unauthorized"}
        method = path.rpartition("/")[2]
        with self._changed:
            if self.trouble:
                return self.trouble.pop(0)
            if method == "getUpdates":
                return 200, {"ok": True, "result": self._news(body)}
            if body.get("chat_id") in self.blocked:
                return 403, {"ok": False, "error_code": 403, "description": "Forbidden: bot was blocked"}
            result: Any = True
            if method == "getMe":
                result = {"id": 1, "is_bot": True, "username": "ben_twin_bot"}
            elif method == "sendMessage":
                result = body | {"message_id": 1000 + len(self.sent)}
                self.sent.append(result)
            else:
                self.calls.append((method, body))
            self._changed.notify_all()
            return 200, {"ok": True, "result": result}

    def _news(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        self._updates = [update for update in self._updates if update["update_id"] >= body["offset"]]
        self._changed.notify_all()
        if not self._updates:
            self._changed.wait(body["timeout"] or 0.01)
        return list(self._updates)
