"""One twin's life in the cloud: uploaded, trained by the pipeline, asked, deleted, over every wire there is.

Pub/Sub, Cloud Storage and BigQuery are emulators; Vertex AI is a server of ours that runs the submitted pipeline with
`kfp.local`, each step a process that calls `twin stage`. The base is a random Gemma of two layers.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import functions_framework
import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.credentials import AnonymousCredentials
from google.cloud.aiplatform_v1.services.pipeline_service import PipelineServiceClient
from google.cloud.aiplatform_v1.services.pipeline_service.transports import PipelineServiceRestTransport
from google.oauth2 import service_account
from werkzeug.serving import make_server

import twin.functions
from tests.cli.conftest import lines
from tests.gcp import backends, emulators, vertex_server
from tests.gcp.test_pubsub import Wires, eventually
from tests.serve import vllm_server
from tests.tiny import TinyGemma
from twin.backends.gcp.pubsub import PubSubRunner
from twin.backends.gcp.storage import BucketObjectStore
from twin.backends.gcp.vertex import VertexAddress, VertexRunner
from twin.domain.runs import RunState, Stage
from twin.domain.twins import LOCAL_USER, Twin
from twin.functions import Function
from twin.pipeline import deletion, keys, runs, uploads
from twin.platform import Platform
from twin.serve.server import LlamaServer
from twin.settings import Settings

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden" / "pipeline.yaml"
TYPE = "text/plain"


class TokenServer(ThreadingHTTPServer):
    """Gives an access token to every service account that asks."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = json.dumps({"access_token": "t", "expires_in": 3600, "token_type": "Bearer"}).encode()
            self.send_response_only(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Quiet."""


@dataclass
class Cloud:
    """Everything that `make cloud-up` would have made."""

    platform: Platform
    bucket: str
    vertex: VertexRunner
    failures: list[str]
    credentials: Path


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("cloud")
    _, bucket = backends.bucket(emulators.fake_gcs())
    _, dataset = backends.dataset(emulators.bigquery())
    tokens = TokenServer(("127.0.0.1", 0), TokenServer.Handler)
    threads = [threading.Thread(target=tokens.serve_forever)]
    threads[0].start()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    credentials = folder / "key.json"
    account = {"type": "service_account", "client_email": "twin@example.iam.gserviceaccount.com"}
    uri = f"http://127.0.0.1:{tokens.server_port}/token"
    credentials.write_text(json.dumps({**account, "private_key": key.decode(), "token_uri": uri}))
    environ = {
        "STORAGE_EMULATOR_HOST": emulators.fake_gcs(),
        "BIGQUERY_EMULATOR_HOST": emulators.bigquery(),
        "PUBSUB_EMULATOR_HOST": emulators.pubsub(),
        "GOOGLE_APPLICATION_CREDENTIALS": str(credentials),
        "GOOGLE_CLOUD_PROJECT": emulators.PROJECT,
        "TWIN_HOME": str(folder / "home"),
    }
    addresses = {"objects": f"gs://{bucket}", "records": f"bigquery://{emulators.PROJECT}/{dataset}"}
    failures: list[str] = []
    with pytest.MonkeyPatch.context() as patch, vertex_server.serving() as server:
        for name, value in environ.items():
            patch.setenv(name, value)

        def execute(job: dict[str, Any]) -> None:
            parameters = json.dumps(job["runtimeConfig"]["parameterValues"])
            command = [sys.executable, "-m", "tests.gcp.local_pipeline", str(folder / "kfp"), parameters]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            if done.returncode:
                failures.append(done.stdout + done.stderr)

        server.on_start = lambda job: threading.Thread(target=execute, args=(job,)).start()
        transport = PipelineServiceRestTransport(
            host=server.url.removeprefix("http://"), url_scheme="http", credentials=AnonymousCredentials()
        )
        vertex = VertexRunner(
            VertexAddress(emulators.PROJECT, "europe-west4", GOLDEN, **addresses),
            client=PipelineServiceClient(transport=transport),
        )
        platform = Platform(Settings(home=environ["TWIN_HOME"], **addresses))
        platform.records.create()  # type: ignore[attr-defined]
        patch.setattr(
            twin.functions,
            "_function",
            lambda: Function(objects=platform.objects, records=platform.records, pipelines=vertex),  # type: ignore[arg-type]
        )
        (folder / "source.py").write_text("from twin.functions import main\n")
        web = make_server(
            "127.0.0.1",
            0,
            functions_framework.create_app("main", str(folder / "source.py"), "cloudevent"),
            threaded=True,
        )
        threads.append(threading.Thread(target=web.serve_forever))
        threads[1].start()
        wires = Wires(emulators.pubsub(), f"http://127.0.0.1:{web.port}/")
        platform.runner = PubSubRunner(wires.topic)  # type: ignore[misc]
        yield Cloud(platform, bucket, vertex, failures, credentials)
        for one in (web, tokens):
            one.shutdown()
            one.server_close()
        for thread in threads:
            thread.join()


def test_a_twins_life(cloud: Cloud, tiny: TinyGemma, tmp_path: Path) -> None:
    platform = cloud.platform
    now = datetime.now(UTC)
    made = Twin("a" * 32, LOCAL_USER, "me", ("Mira Holt",), str(tiny.gguf), now)
    platform.records.save(made)

    # The browser sends the chat straight to the bucket, with a URL for exactly this object.
    chat = lines("Mira Holt", "Otto", 40).encode()
    signing = service_account.Credentials.from_service_account_file(cloud.credentials)
    signer = BucketObjectStore(cloud.bucket, client=backends.storage_client(emulators.fake_gcs(), signing))
    key = keys.upload(made.id, "b" * 32) + "000000"
    url = signer.upload_url(key, content_type=TYPE, size=len(chat))
    headers = {"Content-Type": TYPE, "x-goog-content-length-range": f"{len(chat)},{len(chat)}"}
    assert httpx.put(url or "", content=chat, headers=headers).status_code == 200
    uploads.complete(platform.objects, made.id, "b" * 32, ["kitchen.txt"])
    assert platform.records.runs(made.id) == []  # an upload alone trains nobody

    # Asked for over Pub/Sub, started by the function, done by the pipeline.
    asked, _ = runs.start(
        made, {"budget_s": "5"}, begin=None, records=platform.records, runner=platform.runner, now=now
    )
    platform.runner.submit(asked)  # delivered twice
    eventually(lambda: bool(cloud.failures) or platform.records.run(asked.id).state.final, within_s=400)
    run = platform.records.run(asked.id)
    assert not cloud.failures, cloud.failures[0][-3000:]
    assert (run.state, run.stage, run.error) == (RunState.DONE, Stage.PUBLISH, None)
    assert run.figures["loss_twin"] < run.figures["loss_base"]
    stored = list(platform.objects.keys(keys.run(run)))
    assert keys.run(run) + keys.ADAPTER + "adapter_model.safetensors" in stored
    assert platform.records.twin(made.id).run_id == run.id

    # It answers through the server that speaks vLLM's HTTP.
    adapter = tmp_path / "adapter.gguf"
    platform.objects.get(keys.run(run) + keys.ADAPTER_GGUF, adapter)
    server = LlamaServer(tiny.gguf, [adapter], threads=1, context=2048, slots=1, waiting=2)
    name = (keys.run(run) + keys.ADAPTER).rstrip("/")
    with vllm_server.serving(server, {str(tiny.gguf.resolve()): None, name: 0}, letter=0) as vllm:
        said = subprocess.run(
            [sys.executable, "-m", "twin", "chat", "me", "--once", "is the kettle on"],
            env={**os.environ, **environ_of(platform), "TWIN_CHAT": f"vllm:{vllm.url}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert said.returncode == 0, said.stderr
        assert said.stdout.strip()
        assert {request["model"] for request in vllm.requests} == {name}
    server.close()

    # Deleted, nothing is left of it anywhere.
    deletion.delete(
        made,
        objects=platform.objects,
        records=platform.records,
        runner=platform.runner,
        folder=platform.scratch,
    )
    assert list(platform.objects.keys("")) == []
    assert platform.records.twins(LOCAL_USER) == []
    assert platform.records.runs(made.id) == []
    assert list((emulators.gcs_root() / cloud.bucket).rglob("*.*")) == []


def environ_of(platform: Platform) -> dict[str, str]:
    return {"TWIN_OBJECTS": platform.settings.objects, "TWIN_RECORDS": platform.settings.records}


def test_a_pipeline_that_fails_is_recorded(cloud: Cloud) -> None:
    """The chat is too short: the stage says why, and the last step leaves that as it is."""
    platform = cloud.platform
    cloud.failures.clear()
    made = Twin("c" * 32, "u2", "me", ("Mira Holt",), "gemma3-270m", datetime.now(UTC))
    platform.records.save(made)
    asked, _ = runs.start(made, {}, begin=None, records=platform.records, runner=platform.runner, now=datetime.now(UTC))
    eventually(lambda: platform.records.run(asked.id).state.final, within_s=60)
    run = platform.records.run(asked.id)
    assert run.state is RunState.FAILED
    assert run.error
    assert "machine stopped" not in run.error
