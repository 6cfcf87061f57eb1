"""Starting runs: a new one, or the one that was broken off."""

from dataclasses import replace
from datetime import datetime
from uuid import uuid4

from twin.domain.ports import RecordStore, Runner
from twin.domain.runs import Run, RunState, Stage
from twin.domain.twins import Twin
from twin.errors import DataError

SEED = 17
"""For what is drawn by chance in measuring a twin, and must be the same whenever it is measured."""


def start(
    twin: Twin, options: dict[str, str], *, begin: Stage | None, records: RecordStore, runner: Runner, now: datetime
) -> tuple[Run, bool]:
    """Submit a run of a twin; the run, and whether it goes on with one that was broken off.

    A run that was broken off is gone on with where the same is asked of it, or nothing in particular.

    Args:
        options: what is asked of the run: `budget_s`, `max_messages`, `redact` (`no` leaves everybody's names),
            `gemini` (`domain.runs.AGREEMENT`), `secrets` (how many invented ones are planted among the examples).
        begin: the first stage that is done anew; those before it are taken from the last run that did them. The
            first of all makes a run of its own, whatever was broken off.

    Raises:
        DataError: the twin is not complete, or there is no run to take the earlier stages from.
    """
    if not twin.speakers:
        raise DataError(f"{twin.name!r} was never completed. Create it again with `twin create`.")
    runs = records.runs(twin.id)
    if begin is None and runs and runs[-1].state is not RunState.DONE and options in ({}, _asked(runs[-1])):
        run = runs[-1]
        if run.state.final:
            run = replace(run, state=RunState.QUEUED, error=None, updated_at=now)
            records.save(run)
        runner.submit(run)
        return run, True
    if begin is not None and begin is not Stage.INGEST:
        order = list(Stage)
        sources = [
            run
            for run in runs
            if run.state is RunState.DONE or (run.stage and order.index(run.stage) >= order.index(begin))
        ]
        if not sources:
            raise DataError(f"{twin.name!r} has no run yet that did the stages before {begin}. Run without --from.")
        options = {**_asked(sources[-1]), **options, "from": begin.value, "source": sources[-1].id}
    run = Run(uuid4().hex, twin.id, RunState.QUEUED, created_at=now, updated_at=now, options=options)
    records.save(run)
    runner.submit(run)
    return run, False


def redacts(twin: Twin, run: Run) -> bool:
    """Whether a run gives third parties pseudonyms: always, unless its owner said no, for the twin or for this run."""
    return "no" not in (twin.options.get("redact"), run.options.get("redact"))


def _asked(run: Run) -> dict[str, str]:
    return {name: value for name, value in run.options.items() if name not in {"from", "source"}}
