"""One stage of a run, anywhere: the same on a laptop, in a container and in a test.

A stage that is done leaves its outcome and is not done again, so that going through all stages anew resumes a run.
One process at a time works on a run. However a stage ends, the run's record says so.
"""

import errno
import os
import shutil
import traceback
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from twin.domain.ports import ChatModel, ObjectStore, RecordStore
from twin.domain.runs import Run, RunState, Stage
from twin.errors import BusyError, DataError, NotFoundError, TwinError, UnavailableError
from twin.pipeline import keys
from twin.pipeline.journal import Journal
from twin.pipeline.stages import STAGES
from twin.pipeline.work import Outcome, StageFunction, Work, outcome, store_outcome

if TYPE_CHECKING:
    from twin.prepare.gemini import GeminiOtherSide

LOCK_WAIT_S = 30.0
"""Long enough for a process whose parent was killed to notice it and end."""


def execute(
    stage: Stage,
    run_id: str,
    *,
    objects: ObjectStore,
    records: RecordStore,
    folder: Path,
    bases: Path,
    chat: Callable[[str], ChatModel],
    gemini: "Callable[[str, str], GeminiOtherSide] | None" = None,
    stages: Mapping[Stage, StageFunction] = STAGES,
    stopped: Callable[[], bool] = lambda: False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Outcome:
    """Do one stage of a run, or return its outcome where it is done already.

    Args:
        folder: below it, each run keeps what it needs until it is done: checkpoints, fetched files, its lock.
        bases: where base models are kept.
        chat: who answers on a base model.
        gemini: who is asked about the owner's writing; see `Work`.
        stopped: whether this process was asked to stop. What a stage raises from then on is no failure of the run.

    Raises:
        BusyError: another process works on the run.
        DataError: the run was cancelled or has failed, or an earlier stage is missing.
        TwinError: whatever the stage found wrong; the run has failed then, and its record says why.
    """
    run = records.run(run_id)
    scratch = folder / run.twin_id / run.id
    with _alone(scratch):
        run = records.run(run_id)
        if run.state in {RunState.CANCELLED, RunState.FAILED}:
            raise DataError(f"Run {run.id} was {run.state}. Start it again with `twin run`.")
        found = outcome(objects, run, stage, scratch=scratch)
        if found is None:
            for earlier in list(Stage)[: list(Stage).index(stage)]:
                if outcome(objects, run, earlier, scratch=scratch) is None:
                    raise DataError(f"Run {run.id} has not done {earlier} yet. Do that before {stage}.")
            run = replace(run, state=RunState.RUNNING, stage=stage, error=None, updated_at=now())
            _save(records, run)
            journal = Journal(objects, run, stage, scratch=scratch)
            work = Work(records.twin(run.twin_id), run, objects, records, scratch, bases, chat, journal, gemini)
            with _failure_recorded(records, run, now, stopped):
                found = _reused(work, stage) or stages[stage](work)
                found = replace(found, stored=work.stored)
                journal.store()
                store_outcome(found, objects, run, stage, scratch=scratch)
        # Also where the outcome was there: the process before may have been killed between the two.
        last = stage is list(Stage)[-1]
        ended = replace(run, state=RunState.DONE if last else run.state, figures={**run.figures, **found.figures})
        if ended != run:
            _save(records, replace(ended, updated_at=now()))
    if last:
        shutil.rmtree(scratch, ignore_errors=True)
    return found


def _reused(work: Work, stage: Stage) -> Outcome | None:
    """The outcome and objects of an earlier run, where this one was asked to begin at a later stage."""
    begin, source = work.run.options.get("from"), work.run.options.get("source")
    if begin is None or source is None or list(Stage).index(stage) >= list(Stage).index(Stage(begin)):
        return None
    earlier = work.records.run(source)
    found = outcome(work.objects, earlier, stage, scratch=work.scratch)
    if found is None:
        raise DataError(f"There is no earlier {stage} to build on. Run without --from.")
    copy = work.scratch / "copied"
    for name in found.stored:
        work.objects.get(keys.run(earlier) + name, copy)
        work.store(name, copy)
    return found


@contextmanager
def _alone(scratch: Path) -> Generator[None]:
    """Keep every other process away from this run. The system frees the lock of a process that was killed."""
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(scratch / "lock", thread_local=False)
    try:
        lock.acquire(timeout=LOCK_WAIT_S)
    except Timeout as error:
        raise BusyError("Another process works on this run. Wait for it, or stop it.", retry_after=60) from error
    try:
        yield
    finally:
        lock.release()


def _save(records: RecordStore, run: Run) -> None:
    """Save a run, unless it was deleted meanwhile: nothing may come back then. Raises NotFoundError."""
    records.run(run.id)
    records.save(run)


@contextmanager
def _failure_recorded(
    records: RecordStore, run: Run, now: Callable[[], datetime], stopped: Callable[[], bool]
) -> Generator[None]:
    def record(sentence: str) -> None:
        with suppress(NotFoundError):
            _save(records, replace(run, state=RunState.FAILED, error=sentence, updated_at=now()))

    def short_of(sentence: str) -> UnavailableError:
        record(sentence)
        return UnavailableError(sentence)

    try:
        yield
    except Exception as error:
        if stopped():  # a library may make an error of its own of the one that stops the stage
            raise
        if isinstance(error, TwinError):
            record(str(error))
            raise
        number = error.errno if isinstance(error, OSError) else None
        if number in {errno.ENOSPC, errno.EDQUOT}:
            sentence = f"The disk is full: {run.stage} could not go on. Free some space and start the run again."
            raise short_of(sentence) from error
        if number == errno.ENOMEM or isinstance(error, MemoryError) or _ran_out(error):
            traceback.clear_frames(error.__traceback__)  # what the stage held makes room for saying so
            raise short_of(
                f"Memory ran out in the {run.stage} stage. Close other programs, or use fewer messages "
                "(--max-messages), and start the run again."
            ) from error
        if number is not None:
            record(f"The {run.stage} stage met a fault of the system: {os.strerror(number)}.")
            raise
        record(f"The {run.stage} stage failed because of a fault in twin itself ({type(error).__name__}).")
        raise


def _ran_out(error: Exception) -> bool:
    """Whether memory ran out where there is no error of its own for it: in JAX, and in its bindings."""
    if isinstance(error, SystemError):
        return "without setting an exception" in str(error)
    return type(error).__module__.startswith("jax") and "RESOURCE_EXHAUSTED" in str(error)
