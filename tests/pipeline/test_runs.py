"""Starting and deleting."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.pipeline.conftest import NOON, Place

from twin.backends.local.worker import Queue
from twin.domain.runs import RunState, Stage
from twin.errors import BusyError, DataError, NotFoundError
from twin.pipeline import deletion
from twin.pipeline.runs import start


@pytest.fixture
def queue(place: Place) -> Queue:
    return Queue(place.folder / "queue", place.records)


def started(
    place: Place, queue: Queue, begin: Stage | None = None, *, later: int = 0, **options: str
) -> tuple[str, bool]:
    at = NOON + timedelta(hours=later)
    run, resumed = start(place.twin, options, begin=begin, records=place.records, runner=queue, now=at)
    assert run.id in queue.waiting()
    return run.id, resumed


def test_a_first_run(place: Place, queue: Queue) -> None:
    run_id, resumed = started(place, queue, budget_s="60")
    assert not resumed
    assert place.records.run(run_id).options == {"budget_s": "60"}
    assert place.records.run(run_id).state is RunState.QUEUED


@pytest.mark.parametrize("state", [RunState.QUEUED, RunState.RUNNING, RunState.FAILED, RunState.CANCELLED])
def test_a_run_that_was_broken_off_is_gone_on_with(place: Place, queue: Queue, state: RunState) -> None:
    first, _ = started(place, queue, max_messages="100")
    place.records.save(replace(place.records.run(first), state=state, stage=Stage.TRAIN, error="The disk is full."))
    assert started(place, queue, later=1) == (first, True)
    assert started(place, queue, later=1, max_messages="100") == (first, True)
    assert not place.records.run(first).state.final


def test_asking_for_something_else_begins_anew(place: Place, queue: Queue) -> None:
    first, _ = started(place, queue, max_messages="100")
    place.records.save(replace(place.records.run(first), state=RunState.FAILED))
    second, resumed = started(place, queue, later=1, max_messages="200")
    assert not resumed
    assert second != first


def test_after_a_run_that_is_done_another_begins(place: Place, queue: Queue) -> None:
    first, _ = started(place, queue)
    place.records.save(replace(place.records.run(first), state=RunState.DONE))
    second, resumed = started(place, queue, later=1)
    assert not resumed
    assert second != first


def test_beginning_later_builds_on_the_last_run_and_keeps_what_was_asked_of_it(place: Place, queue: Queue) -> None:
    first, _ = started(place, queue, max_messages="100")
    place.records.save(replace(place.records.run(first), state=RunState.DONE, stage=Stage.PUBLISH))
    second, _ = started(place, queue, Stage.TRAIN, later=1, budget_s="60")
    assert place.records.run(second).options == {
        "max_messages": "100",
        "budget_s": "60",
        "from": "train",
        "source": first,
    }


def test_beginning_with_the_first_stage_does_everything_anew(place: Place, queue: Queue) -> None:
    first, _ = started(place, queue, Stage.INGEST)
    second, resumed = started(place, queue, Stage.INGEST, later=1)
    assert not resumed
    assert second != first
    assert place.records.run(second).options == {}


def test_beginning_later_needs_something_to_build_on(place: Place, queue: Queue) -> None:
    with pytest.raises(DataError, match="no run yet that did the stages before train"):
        started(place, queue, Stage.TRAIN)
    first, _ = started(place, queue)
    place.records.save(replace(place.records.run(first), state=RunState.FAILED, stage=Stage.PREPARE))
    with pytest.raises(DataError, match="without --from"):
        started(place, queue, Stage.TRAIN)


def test_a_draft_cannot_be_trained(place: Place, queue: Queue) -> None:
    place.twin = replace(place.twin, speakers=())
    with pytest.raises(DataError, match="never completed"):
        started(place, queue)


def delete(place: Place, queue: Queue) -> int:
    return deletion.delete(place.twin, objects=place.objects, records=place.records, runner=queue, folder=place.scratch)


def test_deleting_leaves_nothing(place: Place, queue: Queue) -> None:
    other = replace(place.twin, id="t10", name="other")
    place.records.save(other)
    place.submit()
    for stage in list(Stage)[:3]:
        place.execute(stage)
    started(place, queue)
    assert (place.scratch / "t1/r1").exists()
    assert delete(place, queue) > 6
    assert list(place.objects.keys("")) == []
    assert place.records.twins("u1") == [other]
    assert place.records.runs("t1") == []
    assert queue.waiting() == []
    assert list(place.scratch.iterdir()) == []


def test_deleting_waits_for_a_run_to_stop(place: Place, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    run = place.submit()
    place.records.save(replace(run, state=RunState.RUNNING))
    stopped = threading.Timer(0.2, lambda: place.records.save(replace(run, state=RunState.CANCELLED)))
    with queue.working():  # somebody else is the worker
        stopped.start()
        delete(place, queue)
        stopped.join()
        assert place.records.twins("u1") == []

        place.records.save(place.twin)
        place.records.save(replace(run, state=RunState.RUNNING))
        monkeypatch.setattr(deletion, "PATIENCE_S", 0.0)
        with pytest.raises(BusyError, match="does not stop"):
            delete(place, queue)
    assert place.records.twin("t1") == place.twin, "nothing was deleted"


def test_a_deleted_twin_is_not_found(place: Place, queue: Queue) -> None:
    delete(place, queue)
    with pytest.raises(NotFoundError):
        place.records.twin("t1")
