"""What a pipeline deploys: adapters in the registry, a shared server, merged models of their own."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.aiplatform_v1beta1 import AcceleratorType, EndpointServiceClient, ModelServiceClient
from google.cloud.aiplatform_v1beta1.services.endpoint_service.transports import EndpointServiceRestTransport
from google.cloud.aiplatform_v1beta1.services.model_service.transports import ModelServiceRestTransport

from tests.gcp import faulty, serving_server
from tests.tiny import TinyGemma, tiny_adapter
from twin.backends.gcp.serving import ServingAddress, VertexServing
from twin.backends.local.database import Database
from twin.backends.local.objects import FolderObjectStore
from twin.backends.local.records import SqlRecordStore
from twin.domain.runs import Run, RunState, Stage
from twin.domain.twins import Twin
from twin.errors import BusyError, SettingsError
from twin.functions import command
from twin.pipeline import cloud, keys
from twin.platform import Platform
from twin.settings import Settings

pytestmark = pytest.mark.cloud

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
RUN = Run("0f" * 16, "ab" * 16, RunState.RUNNING, created_at=NOON, updated_at=NOON, stage=Stage.EVALUATE)
IMAGE = "europe-west4-docker.pkg.dev/example/twin/vllm:1"
ADDRESS = ServingAddress("twin-test", "europe-west4", IMAGE, "gs://twin-example/bases/gemma", account="vllm@x")
ADAPTER = "gs://twin-example/t/runs/r/adapter"
BASE_URL = "https://twin-base-"


@pytest.fixture
def server() -> Iterator[serving_server.ServingServer]:
    with serving_server.serving() as server:
        yield server


def connected(url: str, *, deadline_s: float = 24) -> VertexServing:
    scheme, _, host = url.partition("://")
    options: dict[str, Any] = {"host": host, "url_scheme": scheme, "credentials": AnonymousCredentials()}
    models = ModelServiceClient(transport=ModelServiceRestTransport(**options))
    endpoints = EndpointServiceClient(transport=EndpointServiceRestTransport(**options))
    return VertexServing(ADDRESS, models=models, endpoints=endpoints, deadline_s=deadline_s)


def test_twins_of_a_base_share_a_server_that_sleeps(server: serving_server.ServingServer) -> None:
    server.takes_time = True
    serving = connected(server.url)
    url = serving.publish(RUN, ADAPTER)
    assert url == serving.publish(RUN, ADAPTER)  # again: nothing new
    other = replace(RUN, id="1e" * 16, twin_id="cd" * 16)
    assert serving.publish(other, ADAPTER.replace("/t/", "/u/")) == url
    (name,) = server.endpoints
    assert url.startswith(f"https://{name}.europe-west4-1.prediction.vertexai.goog/v1/projects/twin-test/")
    assert url.endswith(f"/endpoints/{name}/invoke")
    assert server.endpoints[name]["dedicatedEndpointEnabled"] is True
    (deployed,) = server.endpoints[name]["deployedModels"]
    resources = deployed["dedicatedResources"]
    assert resources.get("minReplicaCount", 0) == 0
    assert resources["scaleToZeroSpec"] == {"idleScaledownPeriod": "900s"}
    assert resources["machineSpec"]["acceleratorType"] == AcceleratorType.NVIDIA_L4
    assert deployed["serviceAccount"] == "vllm@x"
    container = server.models[name][0]["containerSpec"]
    assert container["imageUri"] == IMAGE
    assert {"--model=gs://twin-example/bases/gemma", "--enable-lora"} <= set(container["args"])
    assert set(server.models) == {name, f"twin-{RUN.twin_id}", f"twin-{other.twin_id}"}


def test_each_run_is_a_version_of_its_twin(server: serving_server.ServingServer) -> None:
    serving = connected(server.url)
    for run_id in ("0f" * 16, "1e" * 16, "0f" * 16):
        serving.publish(replace(RUN, id=run_id), f"gs://b/{run_id}")
    versions = server.models[f"twin-{RUN.twin_id}"]
    assert [version["artifactUri"] for version in versions] == [f"gs://b/{run_id}" for run_id in ("0f" * 16, "1e" * 16)]
    assert [version["versionAliases"] for version in versions] == [[f"run-{'0f' * 16}"], [f"run-{'1e' * 16}"]]
    assert {version["labels"]["twin"] for version in versions} == {RUN.twin_id}


def test_a_merged_model_has_an_endpoint_of_its_own(server: serving_server.ServingServer) -> None:
    url = connected(server.url).publish_merged(RUN, "gs://b/merged")
    name = f"twin-merged-{RUN.id}"
    assert name in url
    container = server.models[name][0]["containerSpec"]
    assert "--model=gs://b/merged" in container["args"]
    assert "--enable-lora" not in container["args"]


def test_what_a_twin_had_deployed_is_deleted_and_the_shared_server_stays(
    server: serving_server.ServingServer,
) -> None:
    serving = connected(server.url)
    serving.publish(RUN, ADAPTER)
    serving.publish_merged(RUN, "gs://b/merged")
    assert serving.forget(RUN.twin_id) == 3
    assert serving.forget(RUN.twin_id) == 0
    (name,) = server.endpoints
    assert name.startswith("twin-base-")
    assert set(server.models) == {name}


@pytest.mark.parametrize("fault", [429, 503, "reset", "lost", "hang"])
def test_faults_make_nothing_twice(server: serving_server.ServingServer, fault: Any) -> None:
    """Whichever request they meet."""
    with faulty.before(server.url) as proxy:
        serving = connected(proxy.url)
        serving.publish(RUN, ADAPTER)
        requests, whole = len(proxy.seen), server.deployments
        for at in range(requests) if fault != "hang" else (0, requests // 2):
            serving.forget(RUN.twin_id)
            server.endpoints.clear()
            server.models.clear()
            proxy.plan = [*["ok"] * at, fault]
            url = serving.publish(RUN, ADAPTER)
            assert url.startswith(BASE_URL)
            assert {name: len(versions) for name, versions in server.models.items()} == dict.fromkeys(server.models, 1)
            assert len(server.models) == 2
        assert server.deployments == whole * (1 + (2 if fault == "hang" else requests))


def test_a_missing_quota_is_named(server: serving_server.ServingServer) -> None:
    with faulty.before(server.url) as proxy:
        proxy.plan = [429] * 1000
        with pytest.raises(BusyError, match="quota of NVIDIA_L4 for serving"):
            connected(proxy.url, deadline_s=4).publish(RUN, ADAPTER)


def test_a_missing_role_names_the_command(server: serving_server.ServingServer) -> None:
    with faulty.before(server.url) as proxy:
        proxy.plan = [403]
        proxy.body = json.dumps({"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "denied"}}).encode()
        with pytest.raises(SettingsError, match=r"roles/aiplatform\.user"):
            connected(proxy.url).publish(RUN, ADAPTER)


@pytest.mark.parametrize("address", ["vertex:p", "vertex:p/r?image=x", "vertex:p/r?image=x&base=gs://b&spot=1"])
def test_a_wrong_address_says_the_right_form(address: str) -> None:
    with pytest.raises(SettingsError, match=r"vertex:PROJECT/REGION\?image=IMAGE&base=gs://BUCKET"):
        ServingAddress.parse(address)


class TestRecorded:
    """What the steps of a pipeline write down."""

    @pytest.fixture
    def platform(
        self,
        tmp_path: Path,
        server: serving_server.ServingServer,
        tiny: TinyGemma,
        database: Callable[[str], Database],
    ) -> Platform:
        settings = Settings(home=str(tmp_path), serving="vertex:p/r?image=x&base=gs://b/y")
        platform = Platform(settings)
        platform.records = SqlRecordStore(database("records"))
        platform.objects = FolderObjectStore(tmp_path / "objects")
        platform.serving = connected(server.url)
        platform.records.save(Twin(RUN.twin_id, "u1", "Ana", ("Ana",), str(tiny.gguf), NOON))
        platform.records.save(RUN)
        tiny_adapter().save(tmp_path / "peft", base=str(tiny.gguf))
        for file in (tmp_path / "peft").iterdir():
            platform.objects.put(keys.run(RUN) + keys.ADAPTER + file.name, file)
        return platform

    def test_the_address_of_the_server(self, platform: Platform, server: serving_server.ServingServer) -> None:
        for _ in range(2):
            command(["deploy", RUN.id], platform)
        assert platform.records.twin(RUN.twin_id).options[cloud.ENDPOINT].startswith(BASE_URL)
        assert platform.records.run(RUN.id).state is RunState.RUNNING

    def test_why_nothing_was_deployed(self, platform: Platform, server: serving_server.ServingServer) -> None:
        with faulty.before(server.url) as proxy:
            platform.serving = connected(proxy.url, deadline_s=4)
            proxy.plan = [429] * 1000
            with pytest.raises(BusyError):
                command(["deploy", RUN.id], platform)
            run = platform.records.run(RUN.id)
            assert run.state is RunState.FAILED
            assert "quota of NVIDIA_L4" in (run.error or "")
            proxy.plan = []
            command(["deploy", RUN.id], platform)  # the step is tried again
        assert platform.records.run(RUN.id).state is RunState.RUNNING

    def test_a_merged_model_is_made_uploaded_and_deployed(
        self, platform: Platform, server: serving_server.ServingServer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        command(["merge", RUN.id], platform)
        stored = [key.removeprefix(keys.run(RUN)) for key in platform.objects.keys(keys.run(RUN) + keys.MERGED)]
        assert {"merged/config.json", "merged/model.safetensors", "merged/tokenizer.model"} <= set(stored)
        url = platform.records.twin(RUN.twin_id).options[cloud.MERGED_ENDPOINT]
        assert capsys.readouterr().out.strip() == url
        assert f"twin-merged-{RUN.id}" in url
