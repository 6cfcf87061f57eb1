"""Vertex AI Pipelines: starts and stops the pipeline of a run."""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml
from google.api_core import exceptions as google_errors
from google.cloud import aiplatform_v1

from twin.backends.gcp.faults import DEADLINE_S
from twin.backends.gcp.training import CustomTraining, TrainingAddress
from twin.backends.gcp.vertex_api import VertexApi
from twin.domain.runs import Run, RunState, milliseconds
from twin.errors import SettingsError

STATE = aiplatform_v1.PipelineState
ENDED = frozenset({STATE.PIPELINE_STATE_SUCCEEDED, STATE.PIPELINE_STATE_FAILED, STATE.PIPELINE_STATE_CANCELLED})


@dataclass(frozen=True, slots=True)
class VertexAddress:
    """Where pipelines run, and as whom.

    Attributes:
        template: the compiled pipeline; its images name the version of the code that runs.
        objects: the bucket's address, `gs://BUCKET`, which the stages use too.
        records: the address of the records, which the stages use too.
        account: the service account of the stages; "" for the project's default.
        training: where the train stage is done, see the setting of that name; "" for in its step.
        serving: where the publish step deploys, likewise; "" for nowhere.
    """

    project: str
    region: str
    template: Path
    objects: str
    records: str
    account: str = ""
    training: str = ""
    serving: str = ""

    @classmethod
    def parse(
        cls, address: str, *, objects: str, records: str, training: str = "", serving: str = ""
    ) -> "VertexAddress":
        """`vertex:PROJECT/REGION?pipeline=FILE&account=EMAIL`. Raises SettingsError."""
        parts = urlsplit(address)
        options = dict(parse_qsl(parts.query))
        project, _, region = parts.path.partition("/")
        if not (project and region and options.get("pipeline")) or not options.keys() <= {"pipeline", "account"}:
            raise SettingsError(
                f"{address} is no address of Vertex AI. Give vertex:PROJECT/REGION?pipeline=FILE&account=EMAIL."
            )
        account = options.get("account", "")
        return cls(project, region, Path(options["pipeline"]), objects, records, account, training, serving)


class VertexRunner:
    """The runner that really runs: one pipeline job for each time that a run is asked for.

    It speaks to Vertex AI by the generated client. The larger SDK's `PipelineJob.submit` also asks other
    services who owns the bucket, and makes one where it may not look.

    Args:
        client: a `google.cloud.aiplatform_v1.PipelineServiceClient`; None connects with the machine's own credentials.
        training: what does the train stage elsewhere; None for what the address says.
    """

    def __init__(
        self,
        address: VertexAddress,
        *,
        client: Any = None,
        training: CustomTraining | None = None,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._address = address
        self._training = training
        if address.training and not training:
            self._training = CustomTraining(TrainingAddress.parse(address.training), deadline_s=deadline_s)
        self._api = VertexApi(
            address.project,
            address.region,
            quota="the custom training quota of the accelerator",
            also=", and give it roles/iam.serviceAccountUser on the stages' account",
            deadline_s=deadline_s,
        )
        self._client: Any = client or self._api.client(aiplatform_v1.PipelineServiceClient)

    def submit(self, run: Run) -> None:
        """Start the pipeline of a run. Asked twice for the same, Vertex AI refuses the second, which is right."""
        with self._api.service.reached(f"starting run {run.id}"):
            try:
                self._client.create_pipeline_job(
                    parent=self._api.parent,
                    pipeline_job=pipeline_job(self._address, run),
                    pipeline_job_id=job_id(run),
                    **self._api.call,
                )
            except google_errors.Conflict:
                return  # delivered twice, or the answer to an earlier try was lost

    def cancel(self, run: Run) -> None:
        """Stop every pipeline and training of a run that is under way; none is no error."""
        self._stop("run", run.id)

    def stop_all(self, twin_id: str) -> bool:
        """Stop every pipeline and training of a twin; whether all of them have come to their end already."""
        return self._stop("twin", twin_id)

    def _stop(self, label: str, value: str) -> bool:
        with self._api.service.reached(f"stopping {label} {value}"):
            ended = self._api.stop(
                self._client.list_pipeline_jobs(request=self._api.labelled(label, value), **self._api.call),
                ended=ENDED,
                stopping=STATE.PIPELINE_STATE_CANCELLING,
                cancel=self._client.cancel_pipeline_job,
            )
        # A step that is stopped may not get to stop the job that it waits for.
        return (self._training is None or self._training.stop(label, value)) and ended


def pipeline_job(address: VertexAddress, run: Run) -> Any:
    """The job of a run, as Vertex AI takes it. Raises SettingsError where the pipeline asks for something else."""
    try:
        spec = yaml.safe_load(address.template.read_text("utf-8"))
        wanted = {name: of["parameterType"] for name, of in spec["root"]["inputDefinitions"]["parameters"].items()}
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise SettingsError(
            f"{address.template} is no compiled pipeline ({type(error).__name__}). Make it with: "
            "python -m twin.pipeline.kubeflow"
        ) from error
    values = {
        "run": run.id,
        "asked_at": run.updated_at.isoformat(),
        "objects": address.objects,
        "records": address.records,
        "training": address.training,
        "serving": address.serving,
    }
    if wanted != dict.fromkeys(values, "STRING"):
        raise SettingsError(f"{address.template} takes the parameters {wanted}, not {sorted(values)}. Compile it anew.")
    return aiplatform_v1.PipelineJob(
        display_name=f"run {run.id}",
        pipeline_spec=spec,
        runtime_config=aiplatform_v1.PipelineJob.RuntimeConfig(
            # Below the twin's prefix, so that deleting the twin deletes this too.
            gcs_output_directory=f"{address.objects}/{run.twin_id}/runs/{run.id}/pipeline",
            parameter_values=values,
        ),
        service_account=address.account,
        labels={"run": run.id, "twin": run.twin_id},
    )


def job_id(run: Run) -> str:
    """The name of a run's pipeline job. A run that is gone on with is asked for at a later time, so it is another."""
    if run.state is not RunState.QUEUED:
        raise ValueError(f"run {run.id} is {run.state}; only a queued run is started")
    return f"twin-{run.id}-{milliseconds(run.updated_at)}"
