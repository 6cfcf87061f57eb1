"""The queue and worker, where they are more than the contract."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from tests import stage_process

from twin.backends.local import worker as worker_module
from twin.backends.local.worker import Queue, Worker
from twin.domain.runs import Run, RunState, Stage

WORKER = """
import sys, threading
from pathlib import Path
from tests import stage_process
from twin.backends.local.worker import Queue, Worker
home = Path(sys.argv[1])
records = stage_process.records(home)
command = [sys.executable, stage_process.__file__, str(home)]
worker = Worker(Queue(home / "queue", records), records, command=command, log=lambda run: home / "log.txt")
worker.work(threading.Event(), only=sys.argv[2] if len(sys.argv) > 2 else None)
"""


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    records = stage_process.records(tmp_path)
    records.save(stage_process.TWIN)
    return Queue(tmp_path / "queue", records)


def run(home: Path, run_id: str = "r1", *, after: int = 0) -> Run:
    at = stage_process.TWIN.created_at + timedelta(seconds=after)
    run = Run(run_id, "t1", RunState.QUEUED, created_at=at, updated_at=at)
    stage_process.records(home).save(run)
    return run


def worker(home: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", WORKER, str(home), *arguments], cwd=Path(__file__).parents[3])


def behave(home: Path, stage: Stage, how: str) -> None:
    (home / "behave").mkdir(exist_ok=True)
    (home / "behave" / stage).write_text(how)


def until(condition: Callable[[], bool], *, within_s: float = 60.0) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def test_the_oldest_run_comes_first(queue: Queue, tmp_path: Path) -> None:
    for number in (3, 1, 2):
        queue.submit(run(tmp_path, f"r{number}", after=number))
    assert queue.waiting() == ["r1", "r2", "r3"]


def test_without_a_worker_a_run_is_cancelled_at_once(queue: Queue, tmp_path: Path) -> None:
    job = run(tmp_path)
    queue.submit(job)
    queue.cancel(job)
    assert stage_process.records(tmp_path).run("r1").state is RunState.CANCELLED
    assert sorted(path.name for path in (tmp_path / "queue").iterdir()) in ([], ["worker.lock"])


def test_a_killed_worker_takes_nothing_with_it(queue: Queue, tmp_path: Path) -> None:
    behave(tmp_path, Stage.TRAIN, "slow")
    queue.submit(run(tmp_path))
    first = worker(tmp_path)
    until(lambda: "train r1" in stage_process.noted(tmp_path))
    children = psutil.Process(first.pid).children()
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert queue.waiting() == ["r1"]
    # A real stage notices that it was left alone; this one holds the run's lock until it is gone.
    for child in children:
        child.kill()
    behave(tmp_path, Stage.TRAIN, "")
    with worker(tmp_path, "r1") as second:
        assert second.wait(60) == 0
    assert stage_process.records(tmp_path).run("r1").state is RunState.DONE
    assert stage_process.noted(tmp_path).count("ingest r1") == 1


def test_a_worker_that_stops_leaves_its_run_for_the_next(queue: Queue, tmp_path: Path) -> None:
    behave(tmp_path, Stage.INGEST, "slow")
    queue.submit(run(tmp_path))
    records = stage_process.records(tmp_path)
    command = [sys.executable, stage_process.__file__, str(tmp_path)]
    stop, before = threading.Event(), set(psutil.Process().children())
    own = Worker(queue, records, command=command, log=lambda _: tmp_path / "log.txt")
    thread = threading.Thread(target=own.work, args=(stop,))
    thread.start()
    until(lambda: stage_process.noted(tmp_path) == ["ingest r1"])
    stop.set()
    thread.join(30)
    assert not thread.is_alive()
    assert set(psutil.Process().children()) <= before
    assert records.run("r1").state is RunState.RUNNING
    assert queue.waiting() == ["r1"]


def test_two_workers_do_a_run_once(queue: Queue, tmp_path: Path) -> None:
    for number in range(2):
        queue.submit(run(tmp_path, f"r{number}", after=number))
    workers = [worker(tmp_path, "r0"), worker(tmp_path, "r1")]
    assert [each.wait(60) for each in workers] == [0, 0]
    noted = stage_process.noted(tmp_path)
    assert sorted(noted) == sorted(f"{stage} r{number}" for number in range(2) for stage in Stage)


def test_records_that_do_not_answer_for_a_moment_lose_no_run(
    queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from twin.errors import UnavailableError

    queue.submit(run(tmp_path))
    records = stage_process.records(tmp_path)
    answers = iter([UnavailableError("locked"), OSError(28, "No space left on device"), None])

    class Sometimes:
        def __getattr__(self, name: str) -> object:
            if name == "run" and (fault := next(answers, None)):
                raise fault
            return getattr(records, name)

    command = [sys.executable, stage_process.__file__, str(tmp_path)]
    monkeypatch.setattr(worker_module, "RETRY_S", 0.1)
    own = Worker(queue, Sometimes(), command=command, log=lambda _: tmp_path / "log.txt")  # type: ignore[arg-type]
    own.work(threading.Event(), only="r1")
    assert records.run("r1").state is RunState.DONE


def test_who_waits_can_be_cancelled_while_another_is_under_way(queue: Queue, tmp_path: Path) -> None:
    behave(tmp_path, Stage.TRAIN, "slow")
    records = stage_process.records(tmp_path)
    first, second = run(tmp_path), run(tmp_path, "r2", after=1)
    queue.submit(first)
    queue.submit(second)
    with worker(tmp_path) as process:
        try:
            until(lambda: "train r1" in stage_process.noted(tmp_path))
            queue.cancel(second)
            until(lambda: records.run("r2").state is RunState.CANCELLED)
            assert records.run("r1").state is RunState.RUNNING
            until(lambda: queue.waiting() == ["r1"])
        finally:
            process.kill()


def test_processes_see_the_settings(queue: Queue, tmp_path: Path) -> None:
    queue.submit(run(tmp_path))
    script = "import os, sys; sys.exit(os.environ.get('TWIN_HOME'))"
    own = Worker(
        queue,
        stage_process.records(tmp_path),
        command=[sys.executable, "-c", script],
        log=lambda _: tmp_path / "log.txt",
        variables={"TWIN_HOME": "a home of its own"},
    )
    own.work(threading.Event(), only="r1")
    assert "a home of its own" in (tmp_path / "log.txt").read_text()
    assert os.environ.get("TWIN_HOME") != "a home of its own"


def test_a_cancelled_run_that_is_final_stays(queue: Queue, tmp_path: Path) -> None:
    job = run(tmp_path)
    stage_process.records(tmp_path).save(replace(job, state=RunState.DONE))
    queue.cancel(job)
    assert stage_process.records(tmp_path).run("r1").state is RunState.DONE
