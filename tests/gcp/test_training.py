"""Training on spot machines, as custom jobs that a step of the pipeline waits for."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.aiplatform_v1 import JobServiceClient, Scheduling
from google.cloud.aiplatform_v1.services.job_service.transports import JobServiceRestTransport

from tests.gcp import faulty, vertex_server
from tests.gcp.test_vertex import IMAGES, RUN, runner
from twin.backends.gcp.training import CustomTraining, TrainingAddress
from twin.backends.local.database import Database
from twin.backends.local.records import SqlRecordStore
from twin.domain.runs import RunState
from twin.errors import BusyError, DataError, SettingsError, UnavailableError
from twin.pipeline import cloud
from twin.pipeline.kubeflow import compile_to

pytestmark = pytest.mark.cloud

ENVIRON = {"TWIN_OBJECTS": "gs://b", "TWIN_RECORDS": "bigquery://p/d"}
ADDRESS = TrainingAddress("twin-test", "europe-west4", IMAGES["trainer_image"], account="stages@x")


@pytest.fixture
def server() -> Iterator[vertex_server.VertexServer]:
    with vertex_server.serving() as server:
        yield server


class Time:
    """What happens to the newest job at each look."""

    def __init__(self, server: vertex_server.VertexServer, *states: str | BaseException) -> None:
        self.server, self.states = server, list(states)

    def __call__(self, seconds: float) -> None:
        now = self.states.pop(0)
        if isinstance(now, BaseException):
            raise now
        list(self.server.custom_jobs.values())[-1]["state"] = f"JOB_STATE_{now}"


def training(url: str, sleep: Time, *, deadline_s: float = 24) -> CustomTraining:
    scheme, _, host = url.partition("://")
    transport = JobServiceRestTransport(host=host, url_scheme=scheme, credentials=AnonymousCredentials())
    return CustomTraining(ADDRESS, client=JobServiceClient(transport=transport), deadline_s=deadline_s, sleep=sleep)


def test_a_training_is_a_job_on_a_spot_machine(server: vertex_server.VertexServer) -> None:
    training(server.url, Time(server, "RUNNING", "SUCCEEDED")).train(RUN, ENVIRON)
    (job,) = server.custom_jobs.values()
    (pool,) = job["jobSpec"]["workerPoolSpecs"]
    assert pool["containerSpec"]["imageUri"] == IMAGES["trainer_image"]
    assert pool["containerSpec"]["command"] == ["twin", "stage", "train", RUN.id]
    assert {one["name"]: one["value"] for one in pool["containerSpec"]["env"]} == ENVIRON
    assert pool["machineSpec"]["machineType"] == "g2-standard-8"
    assert job["jobSpec"]["scheduling"]["strategy"] == Scheduling.Strategy.SPOT
    assert job["jobSpec"]["scheduling"]["restartJobOnWorkerRestart"] is True
    assert job["jobSpec"]["serviceAccount"] == "stages@x"
    assert job["labels"] == {"run": RUN.id, "twin": RUN.twin_id}


def test_a_step_that_is_tried_again_waits_for_the_job_that_is_there(server: vertex_server.VertexServer) -> None:
    with pytest.raises(MemoryError):  # the machine of the step, not that of the job, is lost
        training(server.url, Time(server, MemoryError())).train(RUN, ENVIRON)
    training(server.url, Time(server, "SUCCEEDED")).train(RUN, ENVIRON)
    assert len(server.custom_jobs) == 1


def test_after_a_job_whose_machine_was_taken_away_too_often_comes_another(server: vertex_server.VertexServer) -> None:
    with pytest.raises(UnavailableError, match=r"JOB_STATE_FAILED.*gcloud ai custom-jobs describe 1 "):
        training(server.url, Time(server, "FAILED")).train(RUN, ENVIRON)
    training(server.url, Time(server, "SUCCEEDED")).train(RUN, ENVIRON)
    assert len(server.custom_jobs) == 2


def test_a_step_that_is_stopped_stops_its_job(server: vertex_server.VertexServer) -> None:
    with pytest.raises(SystemExit):
        training(server.url, Time(server, "RUNNING", SystemExit(143))).train(RUN, ENVIRON)
    assert [job["state"] for job in server.custom_jobs.values()] == ["JOB_STATE_CANCELLED"]


def test_jobs_stop_with_their_run_or_twin_though_their_step_said_nothing(server: vertex_server.VertexServer) -> None:
    other = replace(RUN, id="1e" * 16, twin_id="cd" * 16)
    for run in (RUN, other):
        with pytest.raises(MemoryError):
            training(server.url, Time(server, MemoryError())).train(run, ENVIRON)
    trainings = training(server.url, Time(server))
    pipelines = runner(server.url, training=trainings)
    assert not pipelines.stop_all(RUN.twin_id)
    assert [job["state"] for job in server.custom_jobs.values()] == ["JOB_STATE_CANCELLED", "JOB_STATE_PENDING"]
    assert pipelines.stop_all(RUN.twin_id)
    pipelines.cancel(other)
    assert [job["state"] for job in server.custom_jobs.values()] == ["JOB_STATE_CANCELLED"] * 2


@pytest.mark.parametrize("fault", [429, 503, "reset"])
def test_faults_while_waiting_are_not_noticed(server: vertex_server.VertexServer, fault: Any) -> None:
    with faulty.before(server.url) as proxy:
        proxy.plan = ["ok", "ok", fault]
        training(proxy.url, Time(server, "RUNNING", "SUCCEEDED")).train(RUN, ENVIRON)
    assert len(server.custom_jobs) == 1


def test_a_missing_quota_is_named(server: vertex_server.VertexServer) -> None:
    with faulty.before(server.url) as proxy:
        proxy.plan = [429] * 1000
        with pytest.raises(BusyError, match="quota of preemptible NVIDIA_L4"):
            training(proxy.url, Time(server), deadline_s=4).train(RUN, ENVIRON)


def test_what_failed_by_itself_is_not_tried_again(
    server: vertex_server.VertexServer, database: Callable[[str], Database]
) -> None:
    records = SqlRecordStore(database("records"))
    records.save(replace(RUN, state=RunState.FAILED, error="The chats hold too little."))
    with pytest.raises(DataError, match="was failed"):
        cloud.train(RUN.id, training(server.url, Time(server)), ENVIRON, records=records)
    assert server.custom_jobs == {}


def test_a_step_that_waits_needs_no_accelerator(tmp_path: Path) -> None:
    compile_to(tmp_path / "here.yaml", **IMAGES)
    compile_to(tmp_path / "there.yaml", **IMAGES, waits=True)
    assert (tmp_path / "here.yaml").read_text().count("resourceType: NVIDIA_L4") == 2
    assert (tmp_path / "there.yaml").read_text().count("resourceType: NVIDIA_L4") == 1


def test_a_wrong_address_says_the_right_form() -> None:
    with pytest.raises(SettingsError, match=r"vertex:PROJECT/REGION\?image=IMAGE"):
        TrainingAddress.parse("vertex:p/r?machine=x")
    tpu = TrainingAddress.parse("vertex:p/r?image=x&machine=ct5lp-hightpu-4t&accelerator=")
    assert (tpu.machine, tpu.accelerator) == ("ct5lp-hightpu-4t", "")
