"""Training on a spot machine: a custom job of Vertex AI, which a step of the pipeline starts and waits for.

Pipelines themselves cannot ask for spot machines, which cost about a third. One that is taken away is replaced, and the
training goes on from its checkpoint in the bucket.
"""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from google.cloud import aiplatform_v1 as vertex

from twin.backends.gcp.faults import DEADLINE_S
from twin.backends.gcp.vertex_api import VertexApi
from twin.domain.runs import Run
from twin.errors import SettingsError, UnavailableError

LOOK_S = 20.0
LONGEST_S = 24 * 3600
ENDED = frozenset(
    {
        vertex.JobState.JOB_STATE_SUCCEEDED,
        vertex.JobState.JOB_STATE_FAILED,
        vertex.JobState.JOB_STATE_CANCELLED,
        vertex.JobState.JOB_STATE_EXPIRED,
    }
)


@dataclass(frozen=True, slots=True)
class TrainingAddress:
    """Where and on what a training runs.

    Attributes:
        image: that of the trainer.
        accelerator: as Vertex AI calls it; "" for a machine that has what it needs, e.g. a TPU's.
        account: the service account of the job; "" for the project's default.
    """

    project: str
    region: str
    image: str
    machine: str = "g2-standard-8"
    accelerator: str = "NVIDIA_L4"
    account: str = ""

    @classmethod
    def parse(cls, address: str) -> "TrainingAddress":
        """`vertex:PROJECT/REGION?image=IMAGE&machine=TYPE&accelerator=TYPE&account=EMAIL`. Raises SettingsError."""
        parts = urlsplit(address)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        project, _, region = parts.path.partition("/")
        if not (project and region and options.get("image")) or not options.keys() <= {
            "image",
            "machine",
            "accelerator",
            "account",
        }:
            raise SettingsError(
                f"TWIN_TRAINING={address} is no place to train. Give vertex:PROJECT/REGION?image=IMAGE&machine=TYPE."
            )
        return cls(project, region, **options)


class CustomTraining:
    """Does the train stage of runs as custom jobs.

    Args:
        client: a `google.cloud.aiplatform_v1.JobServiceClient`; None connects with the machine's own credentials.
        sleep: waits between two looks at a job.
    """

    def __init__(
        self,
        address: TrainingAddress,
        *,
        client: Any = None,
        deadline_s: float = DEADLINE_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._address = address
        self._sleep = sleep
        self._api = VertexApi(
            address.project,
            address.region,
            quota=f"the quota of preemptible {address.accelerator} for custom training",
            deadline_s=deadline_s,
        )
        self._client: Any = client or self._api.client(vertex.JobServiceClient)

    def train(self, run: Run, environ: Mapping[str, str]) -> None:
        """Do the train stage of a run and return when it is done; stopped, the job is stopped too.

        Where a job of the run is under way, as after a step that was tried again, that one is waited for.

        Args:
            environ: the settings of the stage.

        Raises:
            UnavailableError: the job ended otherwise.
        """
        with self._api.service.reached(f"training run {run.id}"):
            job = self._under_way(run)
            if job is None:
                job = self._client.create_custom_job(
                    parent=self._api.parent, custom_job=self._job(run, environ), timeout=self._api.call["timeout"]
                )
            try:
                while job.state not in ENDED:
                    self._sleep(LOOK_S)
                    job = self._client.get_custom_job(name=job.name, **self._api.call)
            except (KeyboardInterrupt, SystemExit):
                self._client.cancel_custom_job(name=job.name, **self._api.call)
                raise
        if job.state is not vertex.JobState.JOB_STATE_SUCCEEDED:
            number = job.name.rpartition("/")[2]
            raise UnavailableError(
                f"The training of run {run.id} ended as {job.state.name}. See: gcloud ai custom-jobs describe {number} "
                f"--project {self._address.project} --region {self._address.region}"
            )

    def stop(self, label: str, value: str) -> bool:
        """Stop the jobs of a run (`label` "run") or of a twin ("twin"), by its id; whether all have ended already."""
        with self._api.service.reached(f"stopping the training of {label} {value}"):
            return self._api.stop(
                self._client.list_custom_jobs(request=self._api.labelled(label, value), **self._api.call),
                ended=ENDED,
                stopping=vertex.JobState.JOB_STATE_CANCELLING,
                cancel=self._client.cancel_custom_job,
            )

    def _under_way(self, run: Run) -> Any:
        jobs = self._client.list_custom_jobs(request=self._api.labelled("run", run.id), **self._api.call)
        return next((job for job in jobs if job.state not in ENDED), None)

    def _job(self, run: Run, environ: Mapping[str, str]) -> Any:
        address = self._address
        machine: dict[str, Any] = {"machine_type": address.machine}
        if address.accelerator:
            machine |= {"accelerator_type": address.accelerator, "accelerator_count": 1}
        container = {
            "image_uri": address.image,
            "command": ["twin", "stage", "train", run.id],
            "env": [{"name": name, "value": value} for name, value in environ.items()],
        }
        return vertex.CustomJob(
            display_name=f"train {run.id}",
            labels={"run": run.id, "twin": run.twin_id},
            job_spec={
                "worker_pool_specs": [{"machine_spec": machine, "replica_count": 1, "container_spec": container}],
                "service_account": address.account,
                "scheduling": {
                    "strategy": vertex.Scheduling.Strategy.SPOT,
                    "restart_job_on_worker_restart": True,
                    "timeout": {"seconds": LONGEST_S},
                },
            },
        )
