"""The compiled pipeline, and the runner that submits it to Vertex AI."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform
from google.cloud.aiplatform_v1.services.pipeline_service import PipelineServiceClient
from google.cloud.aiplatform_v1.services.pipeline_service.transports import PipelineServiceRestTransport
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from tests.gcp import faulty, vertex_server
from twin.backends.gcp.training import CustomTraining
from twin.backends.gcp.vertex import VertexAddress, VertexRunner, job_id, pipeline_job
from twin.domain.runs import Run, RunState, Stage
from twin.errors import SettingsError, UnavailableError
from twin.pipeline.kubeflow import compile_to

pytestmark = pytest.mark.cloud

GOLDEN = Path(__file__).parent / "golden" / "pipeline.yaml"
IMAGES = {
    "prepare_image": "europe-docker.pkg.dev/example/twin/prepare:1",
    "trainer_image": "europe-docker.pkg.dev/example/twin/trainer:1",
}
BUCKET = "gs://twin-example"
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
RUN = Run(id="0f" * 16, twin_id="ab" * 16, state=RunState.QUEUED, created_at=NOON, updated_at=NOON)


@pytest.fixture
def server() -> Iterator[vertex_server.VertexServer]:
    with vertex_server.serving() as server:
        yield server


ADDRESS = VertexAddress("twin-test", "europe-west4", GOLDEN, BUCKET, "bigquery://twin-test/twin", "stages@x")


def runner(url: str, *, deadline_s: float = 24, training: CustomTraining | None = None) -> VertexRunner:
    scheme, _, host = url.partition("://")
    transport = PipelineServiceRestTransport(host=host, url_scheme=scheme, credentials=AnonymousCredentials())
    client = PipelineServiceClient(transport=transport)
    return VertexRunner(ADDRESS, client=client, training=training, deadline_s=deadline_s)


def test_the_pipeline_is_the_golden_file(tmp_path: Path) -> None:
    """After a change on purpose: python -m twin.pipeline.kubeflow tests/gcp/golden/pipeline.yaml, with these images."""
    compile_to(tmp_path / "pipeline.yaml", **IMAGES)
    assert (tmp_path / "pipeline.yaml").read_text() == GOLDEN.read_text()


def test_the_pipeline_is_strictly_a_pipeline_spec() -> None:
    spec = json_format.ParseDict(yaml.safe_load(GOLDEN.read_text()), pipeline_spec_pb2.PipelineSpec())
    assert spec.schema_version == "2.1.0"
    stages = spec.components["comp-exit-handler-1"].dag.tasks
    assert {task.task_info.name for task in stages.values()} == {stage.value for stage in Stage}
    train = next(task for task in stages.values() if task.task_info.name == "train")
    label = spec.components[train.component_ref.name].executor_label
    executor = spec.deployment_spec["executors"][label]["container"]
    assert executor["resources"]["accelerator"]["resourceType"] == "NVIDIA_L4"
    assert executor["image"] == IMAGES["trainer_image"]
    assert not any("pip install" in part for part in executor["command"])


def test_kubeflow_elsewhere_names_accelerators_differently(tmp_path: Path) -> None:
    compile_to(tmp_path / "pipeline.yaml", **IMAGES, accelerator="nvidia.com/gpu")
    text = (tmp_path / "pipeline.yaml").read_text()
    assert "nvidia.com/gpu" in text
    assert "NVIDIA_L4" not in text


def test_googles_own_sdk_makes_the_same_job_of_it() -> None:
    credentials = AnonymousCredentials()
    aiplatform.init(project="twin-test", location="europe-west4", credentials=credentials)
    values = {"run": RUN.id, "asked_at": NOON.isoformat(), "objects": BUCKET, "training": "", "serving": ""}
    values["records"] = "bigquery://twin-test/twin"
    theirs: Any = aiplatform.PipelineJob(
        display_name=f"run {RUN.id}",
        template_path=str(GOLDEN),
        pipeline_root=f"{BUCKET}/{RUN.twin_id}/runs/{RUN.id}/pipeline",
        parameter_values=values,
    )
    ours = pipeline_job(ADDRESS, RUN)
    assert theirs.pipeline_spec == json_format.MessageToDict(ours._pb.pipeline_spec)
    assert theirs.runtime_config.parameter_values == ours.runtime_config.parameter_values
    assert theirs.runtime_config.gcs_output_directory == ours.runtime_config.gcs_output_directory
    with pytest.raises(ValueError, match="not found in the pipeline job input definitions"):
        aiplatform.PipelineJob(
            display_name="x", template_path=str(GOLDEN), pipeline_root=BUCKET, parameter_values={"rnu": "x"}
        )


def test_a_pipeline_of_another_version_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    spec = yaml.safe_load(GOLDEN.read_text())
    spec["root"]["inputDefinitions"]["parameters"]["run"]["parameterType"] = "NUMBER_INTEGER"
    for text, says in ((yaml.safe_dump(spec), "Compile it anew"), ("nothing", "is no compiled pipeline")):
        (tmp_path / "p.yaml").write_text(text)
        with pytest.raises(SettingsError, match=says):
            pipeline_job(replace(ADDRESS, template=tmp_path / "p.yaml"), RUN)


def test_a_run_is_submitted_once(server: vertex_server.VertexServer) -> None:
    vertex = runner(server.url)
    vertex.submit(RUN)
    vertex.submit(RUN)
    (job,) = server.jobs.values()
    assert job["runtimeConfig"]["parameterValues"] == {
        "run": RUN.id,
        "asked_at": NOON.isoformat(),
        "objects": BUCKET,
        "records": "bigquery://twin-test/twin",
        "training": "",
        "serving": "",
    }
    assert job["runtimeConfig"]["gcsOutputDirectory"] == f"{BUCKET}/{RUN.twin_id}/runs/{RUN.id}/pipeline"
    assert job["serviceAccount"] == "stages@x"
    assert job["labels"] == {"run": RUN.id, "twin": RUN.twin_id}
    # A run that was broken off and is asked for again is another job.
    vertex.submit(replace(RUN, updated_at=NOON + timedelta(hours=1)))
    assert len(server.jobs) == 2


def test_a_run_that_is_not_queued_has_no_job() -> None:
    with pytest.raises(ValueError, match="only a queued run"):
        job_id(replace(RUN, state=RunState.RUNNING))


def test_cancelling_stops_what_is_under_way(server: vertex_server.VertexServer) -> None:
    vertex = runner(server.url)
    vertex.cancel(RUN)  # nothing is no error
    vertex.submit(RUN)
    vertex.submit(replace(RUN, id="1e" * 16))
    vertex.cancel(replace(RUN, state=RunState.RUNNING, updated_at=NOON + timedelta(minutes=5)))
    states = {job["labels"]["run"]: job["state"] for job in server.jobs.values()}
    assert states == {RUN.id: "PIPELINE_STATE_CANCELLED", "1e" * 16: "PIPELINE_STATE_RUNNING"}
    vertex.cancel(RUN)


def test_stopping_all_of_a_twin_says_when_they_have_ended(server: vertex_server.VertexServer) -> None:
    vertex = runner(server.url)
    assert vertex.stop_all(RUN.twin_id)
    for run in (RUN, replace(RUN, id="1e" * 16), replace(RUN, id="2d" * 16, twin_id="cd" * 16)):
        vertex.submit(run)
    first, second, other = server.jobs.values()
    second["state"] = "PIPELINE_STATE_CANCELLING"
    assert not vertex.stop_all(RUN.twin_id)
    assert first["state"] == "PIPELINE_STATE_CANCELLED"
    assert second["state"] == "PIPELINE_STATE_CANCELLING", "it was asked already"
    assert other["state"] == "PIPELINE_STATE_RUNNING"
    second["state"] = "PIPELINE_STATE_CANCELLED"
    assert vertex.stop_all(RUN.twin_id)


@pytest.mark.parametrize("fault", [429, 503, "reset", "lost", "hang"])
def test_faults_start_no_second_pipeline(server: vertex_server.VertexServer, fault: Any) -> None:
    with faulty.before(server.url) as proxy:
        proxy.plan = [fault]
        runner(proxy.url).submit(RUN)
    assert len(server.jobs) == 1


def test_a_missing_role_names_the_command(server: vertex_server.VertexServer) -> None:
    with faulty.before(server.url) as proxy:
        proxy.plan = [403]
        message = "Permission 'aiplatform.pipelineJobs.create' denied"
        proxy.body = json.dumps({"error": {"code": 403, "status": "PERMISSION_DENIED", "message": message}}).encode()
        with pytest.raises(SettingsError, match=r"roles/aiplatform\.user"):
            runner(proxy.url).submit(RUN)
    assert server.jobs == {}


def test_an_outage_ends_at_the_deadline(server: vertex_server.VertexServer) -> None:
    with faulty.before(server.url) as proxy:
        proxy.plan = [503] * 1000
        with pytest.raises(UnavailableError, match="Vertex AI in europe-west4"):
            runner(proxy.url, deadline_s=2).submit(RUN)
