"""Stores that refuse: every call to the object store and to the records fails once, and then all is as undisturbed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import lines
from tests.pipeline.conftest import Place, place
from tests.stage_process import no_chat
from twin.domain.runs import RunState, Stage
from twin.errors import UnavailableError
from twin.pipeline import message_lines, uploads
from twin.pipeline.execute import execute
from twin.pipeline.stages import STAGES

__all__ = ["place"]


class Refusing:
    """A store whose N-th call answers as one that is away: 503."""

    def __init__(self, store: object, at: int) -> None:
        self._store = store
        self._at = at
        self.calls = 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        does = getattr(self._store, name)

        def call(*arguments: Any, **options: Any) -> Any:
            self.calls += 1
            if self.calls == self._at:
                raise UnavailableError("The store answered 503. Try again in a minute.")
            return does(*arguments, **options)

        return call


@pytest.fixture
def given(place: Place, tmp_path: Path) -> Place:
    chat = tmp_path / "kitchen.txt"
    chat.write_text(lines("Nora Quill", "Otto", 30), "utf-8")
    uploads.add_path(place.objects, "t1", chat)
    place.submit()
    return place


def do(place: Place, stage: Stage, *, objects: object = None, records: object = None) -> None:
    stages = {each: place.stage(each) for each in Stage} | {Stage.INGEST: STAGES[Stage.INGEST]}
    execute(
        stage,
        "r1",
        objects=objects or place.objects,  # type: ignore[arg-type]
        records=records or place.records,  # type: ignore[arg-type]
        folder=place.scratch,
        bases=place.folder,
        chat=no_chat,
        stages=stages,
    )


@pytest.mark.parametrize("port", ["objects", "records"])
def test_every_call_fails_once(given: Place, port: str) -> None:
    """As a runner does it: a stage whose store was away is begun again, the run not lost."""
    failed = 0
    for stage in Stage:
        at = 0
        while True:
            at += 1
            store = Refusing(getattr(given, port), at)
            try:
                do(given, stage, **{port: store})
                break  # it got through before the call, or its outcome was stored before it failed
            except UnavailableError:
                failed += 1
                run = given.records.run("r1")
                assert run.state is not RunState.CANCELLED
                if run.state is RunState.FAILED:
                    assert run.error
                    given.records.save(replace(run, state=RunState.QUEUED))
    assert failed > 25
    assert given.records.run("r1").state is RunState.DONE
    target = given.folder / "messages"
    given.objects.get("t1/runs/r1/messages.jsonl.gz", target)
    assert len(list(message_lines.read(target))) == 90
    stored = list(given.objects.keys("t1/runs/r1/"))
    assert sum("/outcomes/" in key for key in stored) == len(Stage)
    done = list(given.done)
    for stage in Stage:
        do(given, stage)
    assert given.done == done, "what is done is not done again"
