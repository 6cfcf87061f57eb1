"""A server that speaks the part of Vertex AI's REST API that starts, lists and stops pipelines and custom jobs."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

JOBS = re.compile(r"/v1/(projects/[^/]+/locations/[^/]+)/(pipelineJobs|customJobs)(?:/([^/:]+))?(?::(cancel))?")


class VertexServer(ThreadingHTTPServer):
    """Keeps pipeline jobs as they came; a job id is taken once, as in the real one."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.jobs: dict[str, dict[str, Any]] = {}
        self.custom_jobs: dict[str, dict[str, Any]] = {}
        self.lock = threading.Lock()
        self.on_start: Callable[[dict[str, Any]], None] = lambda job: None

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        match = JOBS.fullmatch(parts.path)
        if not match:
            return 404, _error(404, "NOT_FOUND", parts.path)
        parent, kind, name, action = match.groups()
        if kind == "customJobs":
            return self._custom_job(method, parent, name, action, body, query)
        with self.lock:
            if method == "POST" and name is None:
                job_id = query["pipelineJobId"]
                if job_id in self.jobs:
                    return 409, _error(409, "ALREADY_EXISTS", job_id)
                full = f"{parent}/pipelineJobs/{job_id}"
                self.jobs[job_id] = {**body, "name": full, "state": "PIPELINE_STATE_RUNNING"}
                self.on_start(self.jobs[job_id])
                return 200, self.jobs[job_id]
            if method == "POST" and action:
                self.jobs[name]["state"] = "PIPELINE_STATE_CANCELLED"
                return 200, {}
            if name is None:
                found = re.search(r'labels\.run="([^"]+)"', query.get("filter", ""))
                jobs = [job for job in self.jobs.values() if found and job["labels"]["run"] == found[1]]
                return 200, {"pipelineJobs": jobs}
            return (200, self.jobs[name]) if name in self.jobs else (404, _error(404, "NOT_FOUND", name))

    def _custom_job(self, method: str, parent: str, name: Any, action: Any, body: Any, query: Any) -> Any:  # noqa: PLR0917
        with self.lock:
            if method == "POST" and name is None:
                number = str(len(self.custom_jobs) + 1)
                full = f"{parent}/customJobs/{number}"
                self.custom_jobs[number] = {**body, "name": full, "state": "JOB_STATE_PENDING"}
                return 200, self.custom_jobs[number]
            if action:
                self.custom_jobs[name]["state"] = "JOB_STATE_CANCELLED"
                return 200, {}
            if name is None:
                found = re.search(r'labels\.run="([^"]+)"', query["filter"])
                jobs = [job for job in self.custom_jobs.values() if found and job["labels"]["run"] == found[1]]
                return 200, {"customJobs": jobs}
            return 200, self.custom_jobs[name]


def _error(code: int, status: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "status": status, "message": message}}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: VertexServer

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, reply = self.server.answer(self.command, self.path, json.loads(body) if body else {})
        content = json.dumps(reply).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _serve  # noqa: N815


@contextmanager
def serving() -> Iterator[VertexServer]:
    server = VertexServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
