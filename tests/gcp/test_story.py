"""One person's life in the cloud, from the sign-up to the deletion, over every wire there is.

The web app runs as it does in the cloud. Pub/Sub, Cloud Storage and BigQuery are emulators; what they lack of signed
uploads stands before them; Vertex AI is a server of ours that runs the submitted pipeline with `kfp.local`, each step
a process that calls `twin stage`. The base is a random Gemma of two layers.
"""

import io
import json
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import functions_framework
import httpx
import openai
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.credentials import AnonymousCredentials
from google.cloud.aiplatform_v1.services.pipeline_service import PipelineServiceClient
from google.cloud.aiplatform_v1.services.pipeline_service.transports import PipelineServiceRestTransport
from google.oauth2 import service_account
from sqlalchemy import inspect, text
from werkzeug.serving import make_server

import twin.functions
from tests.cli.conftest import lines
from tests.gcp import backends, bucket_front, emulators, vertex_server
from tests.gcp.test_pubsub import Wires, eventually
from tests.loopback import running
from tests.serve import vllm_server
from tests.tiny import TinyGemma
from twin.backends.gcp.storage import BucketObjectStore
from twin.backends.gcp.vertex import VertexAddress, VertexRunner
from twin.domain.runs import RunState, Stage
from twin.domain.twins import Twin
from twin.functions import Function
from twin.pipeline import keys, runs
from twin.pipeline.cloud import COST, ESTIMATE
from twin.platform import Platform
from twin.serve.server import LlamaServer
from twin.settings import Settings
from twin.web import create_app

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(2700)]

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden" / "pipeline.yaml"
PASSWORD = "as long as it takes"


def export() -> bytes:
    """A chat with a picture, as messengers pack them: large enough for several pieces."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("kitchen.txt", lines("Mira Holt", "Otto", 40))
        archive.writestr("IMG-20260102-WA0001.jpg", b"\xff\xd8\xff\xe0" + bytes(range(256)) * 3000)
    return packed.getvalue()


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
    """Everything that `make cloud-up` would have made.

    Attributes:
        url: of the web app.
        web, platform: the web app's platform, and that of the function.
        vllm: the server of replies; which adapters it sees is set when there are some.
        failures: what pipelines said that did not even start their last step.
    """

    url: str
    web: Platform
    platform: Platform
    bucket: str
    dataset: str
    vllm: vllm_server.VllmServer
    front: bucket_front.BucketFront
    failures: list[str]


@contextmanager
def served(app: Any) -> Iterator[str]:
    """A WSGI app on loopback; its address."""
    with running(make_server("127.0.0.1", 0, app, threaded=True)) as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, tiny: TinyGemma) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("cloud")
    _, bucket = backends.bucket(emulators.fake_gcs())
    _, dataset = backends.dataset(emulators.bigquery())
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    failures: list[str] = []
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        tokens = stack.enter_context(running(TokenServer(("127.0.0.1", 0), TokenServer.Handler)))
        front = stack.enter_context(bucket_front.before(emulators.fake_gcs(), key.public_key()))
        vertex = stack.enter_context(vertex_server.serving())
        vllm = stack.enter_context(vllm_server.serving(None, {}, letter=0))  # type: ignore[arg-type]
        account = {"type": "service_account", "client_email": "twin@example.iam.gserviceaccount.com"}
        uri = f"http://127.0.0.1:{tokens.server_port}/token"
        (folder / "key.json").write_text(json.dumps({**account, "private_key": pem, "token_uri": uri}))
        environ = {
            "STORAGE_EMULATOR_HOST": front.url,
            "BIGQUERY_EMULATOR_HOST": emulators.bigquery(),
            "PUBSUB_EMULATOR_HOST": emulators.pubsub(),
            "GOOGLE_APPLICATION_CREDENTIALS": str(folder / "key.json"),
            "GOOGLE_CLOUD_PROJECT": emulators.PROJECT,
            "TWIN_HOME": str(folder / "stages"),
        }
        for name, value in environ.items():
            patch.setenv(name, value)
        pipelines: list[threading.Thread] = []

        def execute(job: dict[str, Any]) -> None:
            parameters = json.dumps(job["runtimeConfig"]["parameterValues"])
            command = [sys.executable, "-m", "tests.gcp.local_pipeline", str(folder / "kfp"), parameters]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            if done.returncode:
                failures.append(done.stdout + done.stderr)

        def start(job: dict[str, Any]) -> None:
            pipelines.append(threading.Thread(target=execute, args=(job,)))
            pipelines[-1].start()

        vertex.on_start = start
        stack.callback(lambda: [one.join() for one in pipelines])
        addresses = {"objects": f"gs://{bucket}", "records": f"bigquery://{emulators.PROJECT}/{dataset}"}
        transport = PipelineServiceRestTransport(
            host=vertex.url.removeprefix("http://"), url_scheme="http", credentials=AnonymousCredentials()
        )
        started_by = VertexRunner(
            VertexAddress(emulators.PROJECT, "europe-west4", GOLDEN, **addresses),
            client=PipelineServiceClient(transport=transport),
        )
        platform = stack.enter_context(Platform(Settings(home=str(folder / "function"), **addresses)))
        platform.records.create()  # type: ignore[attr-defined]
        does = Function(objects=platform.objects, records=platform.records, pipelines=started_by)  # type: ignore[arg-type]
        patch.setattr(twin.functions, "_function", lambda: does)
        (folder / "source.py").write_text("from twin.functions import main\n")
        function = functions_framework.create_app("main", str(folder / "source.py"), "cloudevent")
        wires = Wires(emulators.pubsub(), stack.enter_context(served(function)) + "/")
        settings = Settings(
            home=str(folder / "web"),
            **addresses,
            runner=f"pubsub:{emulators.PROJECT}/{wires.name}?users={wires.name}&dead={wires.name}-dead",
            chat=f"vllm:{vllm.url}",
            base=str(tiny.gguf),
            web=f"sqlite:///{folder}/web.db",
        )
        web = stack.enter_context(Platform(settings))
        # Google's client takes no credentials to an emulator by itself, and without any, nothing is signed.
        signing = service_account.Credentials.from_service_account_file(folder / "key.json")
        web.objects = BucketObjectStore(bucket, client=backends.storage_client(front.url, signing))
        url = stack.enter_context(served(create_app(web)))
        yield Cloud(url, web, platform, bucket, dataset, vllm, front, failures)


class Browser:
    """Somebody's browser, with cookies and the pages' own token."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, headers={"Accept": "text/html"}, timeout=120)
        self._token = ""

    def get(self, path: str) -> str:
        answer = self._client.get(path, follow_redirects=True)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:500])
        found = re.search(r'name="csrf-token" content="([^"]+)"', answer.text)
        self._token = found[1] if found else self._token
        return answer.text

    def post(self, path: str, **form: str) -> httpx.Response:
        answer = self._client.post(path, data={"csrf_token": self._token, **form})
        assert answer.status_code in {200, 302}, (path, answer.status_code, answer.text[:500])
        return answer

    def ask(self, path: str, body: Any = None, *, status: int = 200) -> Any:
        """What a page's script asks."""
        headers = {"X-CSRFToken": self._token, "Accept": "application/json"}
        answer = self._client.post(path, json=body, headers=headers)
        assert answer.status_code == status, (path, answer.status_code, answer.text[:500])
        return answer.json() if answer.content else None

    def close(self) -> None:
        self._client.close()


def send_straight(place: dict[str, Any], data: bytes, front: bucket_front.BucketFront) -> None:
    """What the page's script does: a resumable upload to the bucket, here with a connection that breaks."""
    began = httpx.post(place["url"], headers=place["headers"])
    assert began.status_code == 201, began.text
    session, step, at = began.headers["Location"], bucket_front.STEP, 0
    front.breaks = ["ok", "reset", "lost"]
    while at < len(data):
        last = min(at + step, len(data)) - 1
        try:
            span = {"Content-Range": f"bytes {at}-{last}/{len(data)}"}
            answer = httpx.put(session, content=data[at : last + 1], headers=span)
        except httpx.TransportError:
            answer = httpx.put(session, headers={"Content-Range": f"bytes */{len(data)}"})
        if answer.status_code == 200:
            return
        assert answer.status_code == 308, answer.text
        at = int(answer.headers["Range"].rpartition("-")[2]) + 1 if "Range" in answer.headers else 0


def test_a_persons_life(cloud: Cloud, tiny: TinyGemma, tmp_path: Path) -> None:
    records, objects = cloud.platform.records, cloud.platform.objects

    # Signed up: the function has written it down, and made a place in the bucket.
    browser = Browser(cloud.url)
    browser.get("/signup")
    browser.post("/signup", email="mira@example.org", password=PASSWORD)
    browser.get("/")

    def places() -> list[str]:
        return list(objects.keys("users/"))

    eventually(lambda: len(places()) == 1 and rows(cloud, "users") == 1)
    user_id = places()[0].split("/")[1]

    # The browser sends the chat straight to the bucket, over a connection that breaks, and it is read.
    twin_id = browser.post("/twins").headers["Location"].split("/")[2]
    chat = export()
    announced = {"name": "kitchen.zip", "files": [{"path": "kitchen.zip", "size": len(chat)}]}
    upload = browser.ask(f"/twins/{twin_id}/uploads", announced)
    assert upload["direct"] is True
    assert upload["offsets"] == [0]
    browser.ask(f"/twins/{twin_id}/uploads/{upload['id']}/arrived", status=409)
    place = browser.ask(f"/twins/{twin_id}/uploads/{upload['id']}/0/place")
    assert httpx.post(place["url"], headers={**place["headers"], "Content-Type": "text/html"}).status_code == 403
    assert cloud.front.refused == ["signature"]
    send_straight(place, chat, cloud.front)
    assert cloud.front.breaks == []
    browser.ask(f"/twins/{twin_id}/uploads/{upload['id']}/arrived", status=204)
    eventually(lambda: 'class="card upload ready"' in browser.get(f"/twins/{twin_id}/uploads"))
    assert records.runs(twin_id) == []  # an upload alone trains nobody

    # "Create my twin": over Pub/Sub to the function, which starts the pipeline.
    browser.post(f"/twins/{twin_id}/me", speaker="Mira Holt")
    browser.post(f"/twins/{twin_id}/create", name="me", consent="yes", budget="60")
    eventually(lambda: len(cloud.web.records.runs(twin_id)) == 1)
    (asked,) = cloud.web.records.runs(twin_id)
    cloud.web.runner.submit(asked)  # delivered twice
    eventually(lambda: bool(cloud.failures) or cloud.web.records.run(asked.id).state.final, within_s=1800)
    assert not cloud.failures, cloud.failures[0][-3000:]
    run = records.run(asked.id)
    assert (run.state, run.stage, run.error) == (RunState.DONE, Stage.PUBLISH, None)
    assert run.figures["loss_twin"] < run.figures["loss_base"]
    stored = list(objects.keys(keys.run(run)))
    assert keys.run(run) + keys.ADAPTER + "adapter_model.safetensors" in stored
    assert records.twin(twin_id).run_id == run.id
    statement = f"SELECT state, COUNT(*) FROM {cloud.dataset}.runs WHERE id = '{run.id}' GROUP BY state"
    client = records._client  # type: ignore[attr-defined]
    states = dict(tuple(row.values()) for row in client.query_and_wait(statement))
    assert states.keys() == {"queued", "running", "done"}

    # The last step, after the stages, has written down what it cost.
    eventually(lambda: COST in records.run(run.id).figures)
    figures = records.run(run.id).figures
    assert 0 < figures[COST] < 2 * figures[ESTIMATE]

    # It answers programs of OpenAI's, through the web app and the server that speaks vLLM's HTTP.
    adapter = tmp_path / "adapter.gguf"
    objects.get(keys.run(run) + keys.ADAPTER_GGUF, adapter)
    name = (keys.run(run) + keys.ADAPTER).rstrip("/")
    cloud.vllm.llama = LlamaServer(tiny.gguf, [adapter], threads=1, context=2048, slots=1, waiting=2)
    cloud.vllm.names = {str(tiny.gguf.resolve()): None, name: 0}
    browser.get(f"/twins/{twin_id}/keys")
    secret = re.search(r'readonly value="([^"]+)"', browser.post(f"/twins/{twin_id}/keys", label="test").text)
    assert secret
    with openai.OpenAI(base_url=f"{cloud.url}/v1", api_key=secret[1], timeout=120) as program:
        said = program.chat.completions.create(
            model=program.models.list().data[0].id, messages=[{"role": "user", "content": "is the kettle on"}]
        )
    assert (said.choices[0].message.content or "").strip()
    assert {request["model"] for request in cloud.vllm.requests} == {name}
    cloud.vllm.llama.close()

    # The admin sees that nothing was left undelivered.
    assert "Could not be delivered" in browser.get("/admin")
    assert cloud.web.dead_letters is not None
    assert cloud.web.dead_letters.look() == []

    # Deleted, nothing is left anywhere.
    browser.get("/account")
    browser.post("/account/delete", password=PASSWORD)
    browser.close()
    # What says that it was: an id and no byte, so that nothing that is late brings it back.
    eventually(lambda: list(objects.keys("")) == [keys.forgotten(twin_id)])
    assert {table: rows(cloud, table) for table in ("users", "twins", "runs")} == {"users": 0, "twins": 0, "runs": 0}
    assert list((emulators.gcs_root() / cloud.bucket).rglob("*.*")) == []
    database = cloud.web.records._database  # type: ignore[attr-defined]
    with database.read() as connection:
        tables = [table for table in inspect(connection).get_table_names() if "version" not in table]
        left = {table: connection.execute(text(f"SELECT * FROM {table}")).all() for table in tables}
    assert len(tables) > 10
    assert {
        table: found for table, found in left.items() if found and (user_id in str(found) or "mira" in str(found))
    } == {}


def rows(cloud: Cloud, table: str) -> int:
    """How many rows of a table there are in BigQuery."""
    client = cloud.platform.records._client  # type: ignore[attr-defined]
    (row,) = client.query_and_wait(f"SELECT COUNT(DISTINCT id) FROM {cloud.dataset}.{table}")
    return row[0]


def test_a_pipeline_that_fails_is_recorded(cloud: Cloud) -> None:
    """Nothing was uploaded: the stage says so, and the last step leaves that as it is."""
    records, now = cloud.platform.records, datetime.now(UTC)
    cloud.failures.clear()
    made = Twin("c" * 32, "u2", "me", ("Mira Holt",), "gemma3-270m", now)
    records.save(made)
    asked, _ = runs.start(made, {}, begin=None, records=records, runner=cloud.web.runner, now=now)
    eventually(lambda: records.run(asked.id).state.final, within_s=600)
    run = records.run(asked.id)
    assert run.state is RunState.FAILED
    assert run.error
    assert "machine stopped" not in run.error
