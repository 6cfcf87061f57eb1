"""What every runner does."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests import stage_process

from twin.backends.local.worker import Queue, Worker
from twin.domain.ports import RecordStore, Runner
from twin.domain.runs import Run, RunState, Stage


@dataclass
class Place:
    """A runner with the records that its runs are in, and a folder in which stages note what they did.

    Attributes:
        one_at_a_time: whether runs wait for each other.
        killed, broken: what it says where a stage was killed every time, or could not even be started.
    """

    home: Path
    records: RecordStore
    runner: Runner
    one_at_a_time: bool = True
    killed: str = "memory"
    broken: str = "broke off"

    def run(self, run_id: str = "r1", *, after: int = 0) -> Run:
        at = stage_process.TWIN.created_at + timedelta(seconds=after)
        run = Run(run_id, "t1", RunState.QUEUED, created_at=at, updated_at=at)
        self.records.save(run)
        return run

    def behave(self, stage: Stage, how: str) -> None:
        (self.home / "behave").mkdir(exist_ok=True)
        (self.home / "behave" / stage).write_text(how)

    def noted(self) -> list[str]:
        return stage_process.noted(self.home)

    def state(self, run_id: str = "r1") -> RunState:
        return self.records.run(run_id).state


@contextmanager
def local(home: Path) -> Iterator[Place]:
    """The queue and worker of a laptop."""
    records = stage_process.records(home)
    queue = Queue(home / "queue", records)
    command = [sys.executable, stage_process.__file__, str(home)]
    worker = Worker(queue, records, command=command, log=lambda run: home / f"{run.id}.log")
    stop = threading.Event()
    thread = threading.Thread(target=worker.work, args=(stop,))
    thread.start()
    try:
        yield Place(home, records, queue)
    finally:
        stop.set()
        thread.join()


@contextmanager
def cloud(home: Path) -> Iterator[Place]:
    """Pub/Sub, the function and a pipeline."""
    from tests.gcp import pipelines

    records = stage_process.records(home)
    with pipelines.runner(home, records) as runner:
        yield Place(
            home, records, runner, one_at_a_time=False, killed="machine stopped in the train", broken="machine stopped"
        )


RUNNERS = {"worker": local, "pubsub": cloud}


@pytest.fixture(params=["worker", pytest.param("pubsub", marks=pytest.mark.cloud)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with RUNNERS[request.param](tmp_path) as place:
        place.records.save(stage_process.TWIN)
        yield place


def until(condition: Callable[[], bool], *, within_s: float = 240.0) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def test_a_run_goes_through_all_stages_in_order(place: Place) -> None:
    place.runner.submit(place.run())
    until(lambda: place.state().final)
    assert place.state() is RunState.DONE
    assert place.noted() == [f"{stage} r1" for stage in Stage]
    assert {stage.value: 1.0 for stage in Stage}.items() <= place.records.run("r1").figures.items()


def test_a_run_submitted_again_and_again_runs_once(place: Place) -> None:
    run = place.run()
    for _ in range(3):
        place.runner.submit(run)
    until(lambda: place.state().final)
    place.runner.submit(run)
    place.runner.submit(place.run("r2", after=1))
    until(lambda: place.state("r2").final)
    assert sorted(place.noted()) == sorted(f"{stage} {name}" for name in ("r1", "r2") for stage in Stage)


def test_a_cancelled_run_stops_where_it_is(place: Place) -> None:
    place.behave(Stage.TRAIN, "slow")
    run = place.run()
    place.runner.submit(run)
    until(lambda: "train r1" in place.noted())
    place.runner.cancel(run)
    until(lambda: place.state().final)
    assert place.state() is RunState.CANCELLED
    assert place.noted() == ["ingest r1", "prepare r1", "train r1"]
    place.runner.cancel(run)  # again, and late: nothing happens
    assert place.state() is RunState.CANCELLED


def test_a_run_that_waits_can_be_cancelled(place: Place) -> None:
    place.behave(Stage.INGEST, "slow")
    first, second = place.run("r1"), place.run("r2", after=1)
    place.runner.submit(first)
    until(lambda: place.noted() == ["ingest r1"])
    place.runner.submit(second)
    place.runner.cancel(second)
    place.runner.cancel(first)
    until(lambda: place.state("r1").final and place.state("r2").final)
    assert (place.state("r1"), place.state("r2")) == (RunState.CANCELLED, RunState.CANCELLED)
    assert {"prepare r1", "prepare r2"}.isdisjoint(place.noted())
    if place.one_at_a_time:
        assert place.noted() == ["ingest r1"]


def test_a_run_that_is_cancelled_before_it_is_submitted_never_begins(place: Place) -> None:
    run = place.run()
    place.runner.cancel(run)
    until(lambda: place.state().final)
    place.runner.submit(run)
    place.runner.submit(place.run("r2", after=1))
    until(lambda: place.state("r2").final)
    assert place.state() is RunState.CANCELLED


def test_a_cancelled_run_that_is_submitted_again_goes_on(place: Place) -> None:
    place.behave(Stage.TRAIN, "slow")
    run = place.run()
    place.runner.submit(run)
    until(lambda: "train r1" in place.noted())
    place.runner.cancel(run)
    until(lambda: place.state().final)
    place.behave(Stage.TRAIN, "")
    place.records.save(replace(place.records.run("r1"), state=RunState.QUEUED))
    place.runner.submit(run)
    until(lambda: place.state().final)
    assert place.state() is RunState.DONE
    assert place.noted() == [
        f"{name} r1" for name in ("ingest", "prepare", "train", "train", "convert", "evaluate", "publish")
    ]


def test_a_run_that_fails_ends_and_says_why(place: Place) -> None:
    place.behave(Stage.PREPARE, "fail")
    place.runner.submit(place.run())
    until(lambda: place.state().final)
    run = place.records.run("r1")
    assert (run.state, run.stage, run.error) == (RunState.FAILED, Stage.PREPARE, "There is too little to learn from.")
    assert place.noted() == ["ingest r1", "prepare r1"]


def test_a_stage_that_was_killed_is_done_again(place: Place) -> None:
    place.behave(Stage.TRAIN, "kill once")
    place.runner.submit(place.run())
    until(lambda: place.state().final)
    assert place.state() is RunState.DONE
    assert place.noted().count("train r1") == 2


def test_a_stage_that_is_killed_every_time_fails(place: Place) -> None:
    place.behave(Stage.TRAIN, "kill")
    place.runner.submit(place.run())
    until(lambda: place.state().final)
    assert place.state() is RunState.FAILED
    assert place.killed in (place.records.run("r1").error or "")


def test_a_stage_that_cannot_be_started_fails(place: Place) -> None:
    place.behave(Stage.INGEST, "start")
    place.runner.submit(place.run())
    until(lambda: place.state().final)
    assert place.state() is RunState.FAILED
    assert place.broken in (place.records.run("r1").error or "")


def test_a_run_that_was_deleted_while_it_waited_is_dropped(place: Place) -> None:
    if not place.one_at_a_time:
        pytest.skip("no run waits for another there")
    place.behave(Stage.INGEST, "slow")
    first = place.run("r1")
    second = replace(first, id="r2", twin_id="t2", created_at=first.created_at + timedelta(seconds=1))
    place.records.save(replace(stage_process.TWIN, id="t2"))
    place.records.save(second)
    place.runner.submit(first)
    place.runner.submit(second)
    until(lambda: place.noted() == ["ingest r1"])
    place.records.forget(twin_id="t2")
    place.runner.cancel(first)
    place.behave(Stage.INGEST, "fail")
    place.runner.submit(place.run("r3", after=2))
    until(lambda: place.state("r3").final)
    assert place.noted() == ["ingest r1", "ingest r3"]
