"""The runner of the cloud, as the contract suite takes it: Pub/Sub, the function and Vertex AI, over their wires.

Vertex AI is a server of ours; a job that it takes is done here, each step a small process, tried again where it dies,
and a last step records the outcome, as in the compiled pipeline.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests import stage_process
from tests.gcp import backends, emulators, vertex_server
from twin.domain.ports import RecordStore, Runner
from twin.domain.runs import Stage

TRIES = 3


@contextmanager
def runner(home: Path, records: RecordStore) -> Iterator[Runner]:
    """A runner whose runs are recorded in `records` and note what they do in `home`."""
    import functions_framework
    import pytest
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.aiplatform_v1.services.pipeline_service import PipelineServiceClient
    from google.cloud.aiplatform_v1.services.pipeline_service.transports import PipelineServiceRestTransport

    import twin.functions
    from tests.gcp.test_pubsub import Wires
    from tests.gcp.test_story import served
    from tests.gcp.test_vertex import GOLDEN
    from twin.backends.gcp.pubsub import PubSubRunner
    from twin.backends.gcp.vertex import VertexAddress, VertexRunner

    with ExitStack() as stack:
        vertex = stack.enter_context(vertex_server.serving())
        threads: list[threading.Thread] = []

        def start(job: dict[str, Any]) -> None:
            threads.append(threading.Thread(target=_do, args=(job, home, records)))
            threads[-1].start()

        def end() -> None:
            for job in vertex.jobs.values():
                job["state"] = "PIPELINE_STATE_CANCELLED"
            for thread in threads:
                thread.join()

        vertex.on_start = start
        stack.callback(end)
        transport = PipelineServiceRestTransport(
            host=vertex.url.removeprefix("http://"), url_scheme="http", credentials=AnonymousCredentials()
        )
        address = VertexAddress(emulators.PROJECT, "europe-west4", GOLDEN, "gs://b", "bigquery://p/d")
        pipelines = VertexRunner(address, client=PipelineServiceClient(transport=transport))
        objects: Any = backends.bucket_store(emulators.fake_gcs())
        function = twin.functions.Function(objects=objects, records=records, pipelines=pipelines)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(twin.functions, "_function", lambda: function)
        (home / "source.py").write_text("from twin.functions import main\n")
        app = functions_framework.create_app("main", str(home / "source.py"), "cloudevent")
        wires = Wires(emulators.pubsub(), stack.enter_context(served(app)) + "/")
        yield PubSubRunner(wires.topic)


def _do(job: dict[str, Any], home: Path, records: RecordStore) -> None:
    from twin.pipeline.cloud import finish

    values = job["runtimeConfig"]["parameterValues"]
    run_id, asked_at = values["run"], datetime.fromisoformat(values["asked_at"])
    done = all(any(_step(job, home, stage, run_id) for _ in range(TRIES)) for stage in Stage)
    cancelled = job["state"] == "PIPELINE_STATE_CANCELLED"
    state = "SUCCEEDED" if done else "CANCELLED" if cancelled else "FAILED"
    objects = stage_process.objects(home)
    finish(run_id, asked_at, state, objects=objects, records=records, now=datetime.now(UTC))


def _step(job: dict[str, Any], home: Path, stage: Stage, run_id: str) -> bool:
    command = [sys.executable, stage_process.__file__, str(home), stage, run_id]
    if job["state"] == "PIPELINE_STATE_CANCELLED":
        return False
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            if job["state"] == "PIPELINE_STATE_CANCELLED":
                process.kill()
            time.sleep(0.02)
    return process.returncode == 0
