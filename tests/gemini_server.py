"""A local server that speaks the Gemini API, as far as openings are asked for: whole answers, failures, refusals."""

import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[list[str]], tuple[int, dict[str, Any]]]


def whole(text: str, finish: str = "STOP") -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": finish, "index": 0}
    return {"candidates": [candidate], "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 20}}


def good(shown: list[str]) -> tuple[int, dict[str, Any]]:
    openings = [
        {"passage": number, "first_words": " ".join(text.split()[:5]), "message": f"how is the tree, {number}?"}
        for number, text in enumerate(shown, 1)
    ]
    return 200, whole(json.dumps({"openings": openings}))


def failure(code: int, status: str, **details: Any) -> tuple[int, dict[str, Any]]:
    return code, {"error": {"code": code, "message": "no", "status": status, "details": [details] if details else []}}


class Gemini:
    """The server. `answers` are used up in order; the last one stays."""

    def __init__(self) -> None:
        self.answers: list[Answer] = [good]
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.paths.append(self.path)
                outer.headers.append({name.lower(): value for name, value in self.headers.items()})
                outer.bodies.append(body)
                if self.path.endswith(":countTokens"):
                    code, answer = 200, {"totalTokens": 321}
                else:
                    text = body["contents"][0]["parts"][0]["text"]
                    shown = re.split(r"(?:^|\n\n)\[\d+\]\n", text)[1:]
                    answer_with = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                    code, answer = answer_with(shown)
                content = json.dumps(answer).encode()
                self.send_response(code)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
