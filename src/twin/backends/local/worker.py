"""Runs on this machine: a queue in a folder, and a worker that does one run at a time in supervised processes.

The queue outlives everybody: a job is a file from its submission until its run is over, whoever is killed in
between. Submitting and cancelling work from any process; one process at a time is the worker.
"""

import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from twin.domain.ports import RecordStore
from twin.domain.runs import Run, RunState, Stage
from twin.errors import NotFoundError, UnavailableError

_log = logging.getLogger(__name__)

TRIES = 3
"""How often a stage is begun before its run has failed, where the system kills its process."""

STOP_S = 5.0
"""How long a process that was asked to stop may take; a checkpoint survives whatever comes after."""

TICK_S = 0.2
RETRY_S = 2.0


class Queue:
    """The runner of a laptop: jobs wait in `folder`, oldest run first."""

    def __init__(self, folder: Path, records: RecordStore) -> None:
        self._folder = folder
        self._records = records
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def submit(self, run: Run) -> None:
        self._wish(run.id).unlink(missing_ok=True)
        (self._folder / f"{run.created_at.astimezone(UTC):%Y%m%dT%H%M%S%f}.{run.id}.job").touch(mode=0o600)

    def cancel(self, run: Run) -> None:
        if self._records.run(run.id).state.final:
            return
        self._wish(run.id).touch(mode=0o600)
        with self.working() as alone:
            if alone:  # no worker is there to see the wish
                self.finish(run.id, RunState.CANCELLED)

    def waiting(self) -> list[str]:
        """The ids of the runs that are not over, in the order in which they are done."""
        return [path.stem.partition(".")[2] for path in sorted(self._folder.glob("*.job"))]

    def cancelled(self, run_id: str) -> bool:
        return self._wish(run_id).exists()

    def drop_cancelled(self, *, but: str | None = None) -> None:
        """End the runs that are not wanted any more, except the one that is under way. For the worker."""
        for wish in self._folder.glob("*.cancel"):
            if wish.stem != but:
                self.finish(wish.stem, RunState.CANCELLED)

    @contextmanager
    def working(self) -> Generator[bool]:
        """Be the worker; False where another process is it already."""
        lock = FileLock(self._folder / "worker.lock", thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def finish(self, run_id: str, state: RunState | None = None, *, error: str | None = None) -> None:
        """Take a run off the queue; where it was not over yet, it now is in `state`."""
        try:
            run = self._records.run(run_id)
            if state and not run.state.final:
                self._records.save(replace(run, state=state, error=error, updated_at=datetime.now(UTC)))
        except NotFoundError:
            pass  # deleted meanwhile
        for path in [*self._folder.glob(f"*.{run_id}.job"), self._wish(run_id)]:
            path.unlink(missing_ok=True)

    def _wish(self, run_id: str) -> Path:
        return self._folder / f"{run_id}.cancel"


class Worker:
    """Does the runs of a queue, one after the other, each stage in a process of its own.

    Args:
        command: what does one stage; stage and run id are added to it. Its standard input stays open for as long
            as the worker lives, so that the process can tell when it was left alone.
        log: where a run's processes write what goes wrong.
        variables: what is added to the environment of the processes.
    """

    def __init__(
        self,
        queue: Queue,
        records: RecordStore,
        *,
        command: Sequence[str],
        log: Callable[[Run], Path],
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self._queue = queue
        self._records = records
        self._command = command
        self._log = log
        self._environment = {**os.environ, **(variables or {})}

    def work(self, stop: threading.Event, *, only: str | None = None) -> None:
        """Do runs until `stop` is set, or until the run `only` is over. Does nothing while another worker works.

        A run that is under way when `stop` is set stays in the queue and is gone on with by the next worker.
        """
        while not stop.is_set():
            with self._queue.working() as alone:
                while alone and not stop.is_set():
                    try:
                        self._queue.drop_cancelled()  # also those that were never submitted
                        jobs = [job for job in self._queue.waiting() if only in (None, job)]
                        if jobs:
                            self._do(jobs[0], stop)
                        elif only:
                            return
                        else:
                            stop.wait(TICK_S)
                    except (UnavailableError, OSError) as error:  # for a moment; the job stays in the queue
                        _log.warning("The worker waits (%s).", type(error).__name__)
                        stop.wait(RETRY_S)
            if only and only not in self._queue.waiting():
                return
            stop.wait(TICK_S)

    def _do(self, run_id: str, stop: threading.Event) -> None:
        if all(self._goes_on(stage, run_id, stop) for stage in Stage):
            self._queue.finish(run_id)

    def _goes_on(self, stage: Stage, run_id: str, stop: threading.Event) -> bool:
        """Do a stage, again where the system killed it; False where the run ends here, or the worker stops."""
        status = 0
        for _ in range(TRIES):
            try:
                run = self._records.run(run_id)
            except NotFoundError:
                self._queue.finish(run_id)
                return False
            if run.state.final or self._queue.cancelled(run_id):
                self._queue.finish(run_id, RunState.CANCELLED)
                return False
            status = self._stage(stage, run, stop)
            if stop.is_set():
                return False
            if status == 0:
                return True
        self._queue.finish(run_id, RunState.FAILED, error=_why(stage, status))
        return False

    def _stage(self, stage: Stage, run: Run, stop: threading.Event) -> int:
        log = self._log(run)
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (
            log.open("ab") as errors,
            # Of its own session, so that Ctrl-C in a terminal reaches the worker alone.
            subprocess.Popen(
                [*self._command, stage, run.id],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=self._environment,
                start_new_session=True,
            ) as child,
        ):
            try:
                while child.poll() is None and not stop.is_set() and not self._queue.cancelled(run.id):
                    with suppress(UnavailableError):  # the stage under way is worth more than the order
                        self._queue.drop_cancelled(but=run.id)
                    time.sleep(TICK_S / 4)
            finally:
                _end(child)
            return child.returncode


def _why(stage: Stage, status: int) -> str:
    if status == -signal.SIGKILL:
        return (
            f"The {stage} stage was killed by the system {TRIES} times, most likely because memory ran out. Close other "
            "programs, or use fewer messages (--max-messages), and start the run again."
        )
    return f"The {stage} stage broke off {TRIES} times (status {status}); the run's log says where."


def _end(child: "subprocess.Popen[bytes]") -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
