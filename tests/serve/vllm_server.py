"""A server that speaks the part of vLLM's HTTP that twin uses, and computes with llama.cpp.

vLLM itself needs a GPU. The weights, the adapters and the probabilities here are real; what is imitated is the HTTP.
"""

import json
import time
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.loopback import running
from twin.domain.ports import Sampling
from twin.serve.server import LlamaServer

BUCKET = "gs://twin-example/"


class VllmServer(ThreadingHTTPServer):
    """Meets the next request with `plan[0]` and so on: a status, `reset`, `broken` (in mid-reply) or `slow`."""

    daemon_threads = True

    def __init__(self, llama: LlamaServer, names: dict[str, int | None], letter: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.llama, self.names, self.letter = llama, names, letter
        self.plan: list[int | str] = []
        self.requests: list[dict[str, Any]] = []
        self.key: str | None = None

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is part of the play."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: VllmServer

    def do_GET(self) -> None:
        self._answer(200, {})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(request)
        fault = self.server.plan.pop(0) if self.server.plan else None
        if fault == "reset":
            self.close_connection = True
        elif isinstance(fault, int):
            self._answer(fault, {"error": {"message": "planned, quoting the prompt"}})
        elif self.server.key and self.headers.get("Authorization") != f"Bearer {self.server.key}":
            self._answer(401, {"error": "Unauthorized"})
        elif _model(request) not in self.server.names:
            self._answer(404, {"error": {"message": f"The model `{request['model']}` does not exist.", "code": 404}})
        elif request.get("stream"):
            self._stream(request, fault)
        else:
            self._score(request)

    def _stream(self, request: dict[str, Any], fault: Any) -> None:
        sampling = Sampling(
            temperature=request["temperature"],
            top_p=request["top_p"],
            top_k=request["top_k"],
            min_p=request["min_p"],
            max_tokens=request["max_tokens"],
            seed=request.get("seed"),
        )
        self.send_response_only(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.close_connection = True
        if fault == "slow":
            time.sleep(2)
        texts = self.server.llama.generate(
            request["prompt"],
            adapter=self.server.names[_model(request)],
            name="x",
            sampling=sampling,
            deadline=time.monotonic() + 60,
        )
        for text in texts:
            event = {"choices": [{"index": 0, "text": text, "finish_reason": None}]}
            self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
            if fault == "broken":
                return
        self.wfile.write(b"data: [DONE]\n\n")

    def _score(self, request: dict[str, Any]) -> None:
        first, *rest = request["prompt"]
        found = self.server.llama.log_probabilities(
            [first],
            rest,
            letter=self.server.letter,
            adapter=self.server.names[_model(request)],
            name="x",
            deadline=time.monotonic() + 60,
        )
        logprobs = [None, *({str(token): {"logprob": value}} for token, value in zip(rest, found, strict=True))]
        self._answer(200, {"choices": [{"index": 0, "text": "", "prompt_logprobs": logprobs}]})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response_only(status)
        if status == 429:
            self.send_header("Retry-After", "7")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def _model(request: dict[str, Any]) -> str:
    """What is asked for, by name, or as Google's build is asked: the base, and a folder in the bucket."""
    return request.get("dynamic-lora", request["model"]).removeprefix(BUCKET)


def serving(llama: LlamaServer, names: dict[str, int | None], *, letter: int) -> AbstractContextManager[VllmServer]:
    """The server, with llama.cpp's number of each adapter by its name; None is the untouched base."""
    return running(VllmServer(llama, names, letter))
