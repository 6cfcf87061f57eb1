"""Deleting a twin: its runs stop, and every object, row and file of it goes."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from twin.domain.ports import ObjectStore, RecordStore, Runner
from twin.domain.twins import Twin
from twin.errors import BusyError
from twin.pipeline import keys

PATIENCE_S = 60.0


def delete(
    twin: Twin,
    *,
    objects: ObjectStore,
    records: RecordStore,
    runner: Runner,
    folder: Path,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Delete a twin; how many objects there were. `folder` is where runs keep their scratch folders.

    Raises:
        BusyError: a run did not stop; nothing was deleted then.
    """
    stop(twin, records=records, runner=runner, sleep=sleep)
    deleted = objects.delete(keys.twin(twin.id))
    records.forget(twin_id=twin.id)
    shutil.rmtree(folder / twin.id, ignore_errors=True)
    return deleted


def stop(twin: Twin, *, records: RecordStore, runner: Runner, sleep: Callable[[float], None] = time.sleep) -> None:
    """Stop every run of a twin. Raises BusyError where one does not stop."""
    until = time.monotonic() + PATIENCE_S
    for run in records.runs(twin.id):
        if not run.state.final:
            runner.cancel(run)
        while not records.run(run.id).state.final:
            if time.monotonic() > until:
                raise BusyError(f"A run of {twin.name!r} does not stop. Try again in a minute.", retry_after=60)
            sleep(0.1)
