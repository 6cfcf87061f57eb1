"""What a pipeline in the cloud does besides the stages: deploy what was trained, and record how it ended."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from twin.domain.ports import ObjectStore, RecordStore
from twin.domain.runs import Run, RunState, milliseconds
from twin.domain.twins import Twin
from twin.errors import DataError, TwinError
from twin.pipeline import keys, machines
from twin.pipeline.journal import events

ENDPOINT = "endpoint"
MERGED_ENDPOINT = "merged_endpoint"
"""The options of a twin that say below which URL it answers: through the shared server, and as a model of its own."""

COST, ESTIMATE = "cost_usd", "cost_estimate_usd"
"""The figures of a run that say what it cost, and what it was thought to cost before."""

ASKED_AT = "asked_at_ms"
"""The figure that says, in milliseconds since 1970, when the pipeline was asked for that does a run."""


class Serving(Protocol):
    """Where trained models are registered and answer; see `backends/gcp/serving.py`."""

    def publish(self, run: Run, adapter: str) -> str: ...

    def publish_merged(self, run: Run, folder: str) -> str: ...


class Training(Protocol):
    """Does the train stage on another machine; see `backends/gcp/training.py`."""

    def train(self, run: Run, environ: Mapping[str, str]) -> None: ...


def train(run_id: str, training: Training, environ: Mapping[str, str], *, records: RecordStore) -> None:
    """Do the train stage of a run elsewhere. Raises DataError where it has failed already: that is not tried again."""
    run = records.run(run_id)
    if run.state in {RunState.FAILED, RunState.CANCELLED}:
        raise DataError(f"Run {run.id} was {run.state}. Start it again with `twin run`.")
    training.train(run, environ)


def deploy(run_id: str, serving: Serving, *, bucket: str, records: RecordStore, now: Callable[[], datetime]) -> None:
    """Register a run's adapter, see that a server answers with it, and record where.

    Args:
        bucket: the address of the objects, `gs://BUCKET`.

    Raises:
        TwinError: whatever keeps it from being deployed; the run has failed then, and its record says why.
    """
    run = records.run(run_id)
    try:
        address = serving.publish(run, f"{bucket}/{keys.run(run)}{keys.ADAPTER}".rstrip("/"))
    except TwinError as error:
        records.save(replace(run, state=RunState.FAILED, error=str(error), updated_at=now()))
        raise
    if run.state is RunState.FAILED:  # an earlier try
        records.save(replace(run, state=RunState.RUNNING, error=None, updated_at=now()))
    _record(run, ENDPOINT, address, records)


def deploy_merged(
    run_id: str,
    serving: Serving,
    *,
    bucket: str,
    objects: ObjectStore,
    records: RecordStore,
    export: Callable[[Twin, Path], None],
) -> str:
    """Merge a run's adapter into its base, and deploy that as a model of its own; the URL below which it answers.

    Args:
        export: writes the merged Hugging Face folder of a twin whose `run_id` is the run.
    """
    run = records.run(run_id)
    prefix = keys.run(run) + keys.MERGED
    with TemporaryDirectory() as folder:
        target = Path(folder) / "merged"
        export(replace(records.twin(run.twin_id), run_id=run.id), target)
        for file in sorted(path for path in target.rglob("*") if path.is_file()):
            objects.put(prefix + file.relative_to(target).as_posix(), file)
    address = serving.publish_merged(run, f"{bucket}/{prefix}".rstrip("/"))
    _record(run, MERGED_ENDPOINT, address, records)
    return address


def finish(
    run_id: str, asked_at: datetime, state: str, *, objects: ObjectStore, records: RecordStore, now: datetime
) -> None:
    """Record how a pipeline ended, unless its stages did, and what it cost. `state` is Kubeflow's.

    A run that failed or was cancelled may be asked for again at any moment, and what is saved then must not be
    overwritten: of such a run nothing is recorded any more, not even the cost.

    Args:
        asked_at: when the run was asked for that the pipeline did. A pipeline that was stopped ends late: the run may
            have been asked for again meanwhile, and is another pipeline's then.
    """
    run = records.run(run_id)
    if run.state in {RunState.FAILED, RunState.CANCELLED}:
        return
    if run.state is RunState.QUEUED and run.updated_at > asked_at:
        return
    if run.figures.get(ASKED_AT, 0) > milliseconds(asked_at):
        return
    with TemporaryDirectory() as folder:
        took = machines.seconds(events(objects, run, scratch=Path(folder)))
    ended = replace(run, figures={**run.figures, COST: round(machines.cost(took), 4)})
    if not run.state.final:
        to = {"SUCCEEDED": RunState.DONE, "CANCELLED": RunState.CANCELLED}.get(state, RunState.FAILED)
        ended = replace(ended, state=to, error=_why(run) if to is RunState.FAILED else None)
    records.save(replace(ended, updated_at=now))


def _why(run: Run) -> str:
    where = f"in the {run.stage} stage" if run.stage else "before the first stage"
    return f"The machine stopped {where} more often than it is tried. Start the run again; it goes on from there."


def _record(run: Run, option: str, address: str, records: RecordStore) -> None:
    twin = records.twin(run.twin_id)
    if twin.options.get(option) != address:
        records.save(replace(twin, options={**twin.options, option: address}))
