"""Journals."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from tests.pipeline.conftest import Place

from twin.domain.events import Progress
from twin.domain.runs import RunState, Stage
from twin.errors import NotFoundError
from twin.pipeline.journal import Journal, events, follow


def told(place: Place, first: Stage = Stage.INGEST) -> list[Progress]:
    return [
        event.progress for event in events(place.objects, place.records.run("r1"), scratch=place.folder, first=first)
    ]


@pytest.fixture
def watch(place: Place) -> Journal:
    return Journal(place.objects, place.submit(), Stage.TRAIN, scratch=place.folder)


def test_what_was_told_can_be_read(place: Place, watch: Journal) -> None:
    progress = Progress(Stage.TRAIN, 3, 10, {"loss": 3.25, "tokens_per_s": 900.0}, "nora: sí\u2028claro 🎉\nvale")
    watch(progress)
    watch.store()
    assert told(place) == [progress]
    assert told(place, first=Stage.CONVERT) == []


def test_the_first_word_is_stored_at_once(place: Place, watch: Journal) -> None:
    watch(Progress(Stage.TRAIN))
    assert told(place) == [Progress(Stage.TRAIN)]


def test_a_flood_is_thinned_but_nothing_rare_is_lost(place: Place, watch: Journal) -> None:
    for step in range(1000):
        note = "a sample reply" if step == 500 else None
        figures = {"loss": 3.0, "held_out_loss": 2.5} if step == 250 else {"loss": 3.0}
        watch(Progress(Stage.TRAIN, step, 1000, figures, note))
    watch.store()
    found = told(place)
    assert len(found) < 10
    assert found[-1].done == 999
    assert [progress.done for progress in found if progress.note] == [500]
    assert [progress.done for progress in found if "held_out_loss" in (progress.figures or {})] == [250]


def test_an_interrupted_stage_goes_on_in_its_journal(place: Place, watch: Journal) -> None:
    watch(Progress(Stage.TRAIN, 1))
    again = Journal(place.objects, place.records.run("r1"), Stage.TRAIN, scratch=place.folder)
    again(Progress(Stage.TRAIN, 2))
    assert [progress.done for progress in told(place)] == [1, 2]


def test_a_long_training_is_stored_less_often(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    puts: list[float] = []
    clock = [0.0]
    watch = Journal(place.objects, place.submit(), Stage.TRAIN, scratch=place.folder, clock=lambda: clock[0])
    monkeypatch.setattr(place.objects, "put", lambda key, source: puts.append(clock[0]))
    for second in range(36_000):
        clock[0] = float(second)
        watch(Progress(Stage.TRAIN, second))
    assert len([at for at in puts if at < 600]) >= 300
    assert len(puts) < 4_000


def test_following_sees_every_change_until_the_end(place: Place) -> None:
    run = place.submit()

    def work() -> None:
        for stage in Stage:
            place.execute(stage)

    worker = threading.Thread(target=work)
    updates = follow(place.objects, place.records, run.id, scratch=place.folder, poll_s=0.01)
    first = next(updates)
    assert first.run.state is RunState.QUEUED
    assert first.events == []
    worker.start()
    rest = list(updates)
    worker.join()
    assert rest[-1].run.state is RunState.DONE
    # Both events of each stage came, in order, none of them twice.
    seen = [(event.progress.stage, event.progress.done) for update in rest for event in update.events]
    assert seen == [(stage, done) for stage in Stage for done in (1, 2)]
    late = list(follow(place.objects, place.records, run.id, scratch=place.folder, after=10))
    assert [event.progress.stage for event in late[0].events] == [Stage.PUBLISH, Stage.PUBLISH]


def test_following_ends_when_the_run_is_deleted(place: Place) -> None:
    place.submit()
    updates = follow(
        place.objects, place.records, "r1", scratch=place.folder, sleep=lambda _: place.records.forget(twin_id="t1")
    )
    next(updates)
    with pytest.raises(NotFoundError):
        next(updates)


def test_following_a_cancelled_run_ends(place: Place) -> None:
    run = place.submit()
    place.records.save(replace(run, state=RunState.CANCELLED))
    assert len(list(follow(place.objects, place.records, "r1", scratch=place.folder))) == 1


def test_reading_leaves_no_file(place: Place, watch: Journal) -> None:
    watch(Progress(Stage.TRAIN))
    before = set(Path(place.folder).iterdir())
    told(place)
    assert set(Path(place.folder).iterdir()) == before
