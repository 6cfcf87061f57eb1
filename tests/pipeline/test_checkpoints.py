"""Checkpoints in the object store: a training goes on on another machine."""

import shutil
from pathlib import Path

import pytest
from tests.pipeline.conftest import Place

from twin.domain.events import Progress
from twin.domain.runs import Stage
from twin.pipeline import checkpoints, keys
from twin.pipeline.work import Outcome, Work


def trained(work: Work, steps: int, *, taken_at: int | None = None) -> Outcome:
    """A training of so many steps, half a minute each, that writes down how far it is; it may lose its machine."""
    at = 0.0
    with checkpoints.kept(work, clock=lambda: at) as (folder, watch):
        file = folder / checkpoints.FILE
        step = begun = int(file.read_text()) if file.exists() else 0
        while step < steps:
            step, at = step + 1, at + 30
            partial = file.with_name("partial")
            partial.write_text(str(step))
            partial.replace(file)
            watch(Progress(Stage.TRAIN, done=step, total=steps))
            if step == taken_at:
                raise ConnectionAbortedError("the machine was taken away")
    return Outcome(figures={"begun_at": begun})


def execute(place: Place, **how: int) -> Outcome:
    return place.execute(Stage.TRAIN, train=lambda work: trained(work, 9, **how))


def test_another_machine_goes_on_from_the_newest_stored_one(place: Place) -> None:
    run = place.submit()
    place.execute(Stage.INGEST)
    place.execute(Stage.PREPARE)
    with pytest.raises(ConnectionAbortedError):
        execute(place, taken_at=5)
    assert keys.run(run) + keys.CHECKPOINT in place.objects.keys("")
    shutil.rmtree(place.scratch)  # the other machine has nothing of it
    place.submit()
    assert execute(place).figures["begun_at"] == 4.0  # stored every other step: one was lost
    assert keys.run(run) + keys.CHECKPOINT not in place.objects.keys("")


def test_the_same_machine_goes_on_from_its_own(place: Place) -> None:
    place.submit()
    place.execute(Stage.INGEST)
    place.execute(Stage.PREPARE)
    with pytest.raises(ConnectionAbortedError):
        execute(place, taken_at=5)
    place.submit()
    assert execute(place).figures["begun_at"] == 5.0


def test_the_name_is_that_of_the_training() -> None:
    loop = Path(checkpoints.__file__).parents[1] / "train" / "loop.py"
    assert f'checkpoints / "{checkpoints.FILE}"' in loop.read_text("utf-8")
