"""A server that speaks the part of Vertex AI's REST API that starts, lists and stops pipelines and custom jobs."""

import re
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.loopback import JsonServer, google_error, running

JOBS = re.compile(r"/v1/(projects/[^/]+/locations/[^/]+)/(pipelineJobs|customJobs)(?:/([^/:]+))?(?::(cancel))?")


class VertexServer(JsonServer):
    """Keeps pipeline jobs as they came; a job id is taken once, as in the real one."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[str, dict[str, Any]] = {}
        self.custom_jobs: dict[str, dict[str, Any]] = {}
        self.lock = threading.Lock()
        self.on_start: Callable[[dict[str, Any]], None] = lambda job: None

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        match = JOBS.fullmatch(parts.path)
        if not match:
            return 404, google_error(404, "NOT_FOUND", parts.path)
        parent, kind, name, action = match.groups()
        if kind == "customJobs":
            return self._custom_job(method, parent, name, action, body, query)
        with self.lock:
            if method == "POST" and name is None:
                job_id = query["pipelineJobId"]
                if job_id in self.jobs:
                    return 409, google_error(409, "ALREADY_EXISTS", job_id)
                full = f"{parent}/pipelineJobs/{job_id}"
                self.jobs[job_id] = {**body, "name": full, "state": "PIPELINE_STATE_RUNNING"}
                self.on_start(self.jobs[job_id])
                return 200, self.jobs[job_id]
            if method == "POST" and action:
                self.jobs[name]["state"] = "PIPELINE_STATE_CANCELLED"
                return 200, {}
            if name is None:
                found = re.search(r'labels\.(run|twin)="([^"]+)"', query.get("filter", ""))
                jobs = [job for job in self.jobs.values() if found and job["labels"][found[1]] == found[2]]
                return 200, {"pipelineJobs": jobs}
            return (200, self.jobs[name]) if name in self.jobs else (404, google_error(404, "NOT_FOUND", name))

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
                found = re.search(r'labels\.(run|twin)="([^"]+)"', query["filter"])
                jobs = [job for job in self.custom_jobs.values() if found and job["labels"][found[1]] == found[2]]
                return 200, {"customJobs": jobs}
            return 200, self.custom_jobs[name]


def serving() -> AbstractContextManager[VertexServer]:
    return running(VertexServer())
