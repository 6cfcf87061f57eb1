"""The outbox before another record store, where that one is a database too."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from twin.backends.gcp.outbox import OutboxRecordStore
from twin.backends.local.database import Database
from twin.backends.local.records import SqlRecordStore
from twin.domain.runs import Run, RunState
from twin.domain.twins import Twin
from twin.errors import SettingsError

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TWIN = Twin("t1", "u1", "Nora", ("Nora Quill",), "tiny", NOW)


class Behind(SqlRecordStore):
    """A record store that takes nothing `refused` times."""

    refused = 0
    meanwhile: Callable[[], object] = staticmethod(lambda: None)

    def stamp(self) -> datetime:
        return NOW

    def save_all(self, records: Sequence[tuple[Any, datetime]]) -> None:
        if self.refused:
            self.refused -= 1
            raise SettingsError("A right is missing.")
        for record, _ in records:
            self.save(record)

    def runs(self, twin_id: str) -> list[Run]:
        found = super().runs(twin_id)
        self.meanwhile()
        return found


@pytest.fixture
def behind(database: Callable[[str], Database]) -> Behind:
    return Behind(database("behind"))


@pytest.fixture
def outbox(database: Callable[[str], Database], behind: Behind) -> OutboxRecordStore:
    return OutboxRecordStore(database("web"), behind)


def test_what_waits_goes_out_once_a_right_is_there(outbox: OutboxRecordStore, behind: Behind) -> None:
    behind.refused = 3
    outbox.save(TWIN)
    stop = threading.Event()

    def pause() -> float:
        if behind.twins("u1"):
            stop.set()
        return 0.01

    outbox.deliver_until(stop, pause_s=pause)
    assert behind.twins("u1") == [TWIN]


def test_news_keep_a_name_that_was_changed_meanwhile_and_bring_what_stages_found(
    outbox: OutboxRecordStore, behind: Behind
) -> None:
    run = Run("r1", "t1", RunState.RUNNING, NOW, NOW)
    outbox.save(TWIN)
    outbox.save(run)
    outbox.deliver()
    behind.save(replace(run, state=RunState.DONE, updated_at=NOW.replace(hour=1)))
    behind.save(replace(TWIN, run_id="r1", options={"partner": "Otto"}))
    behind.meanwhile = lambda: outbox.save(replace(TWIN, name="Nora the second"))
    assert outbox.twin("t1") == replace(TWIN, name="Nora the second", run_id="r1", options={"partner": "Otto"})


@pytest.mark.parametrize("state", [RunState.DONE, RunState.RUNNING])
def test_news_do_not_bring_a_twin_back_that_was_deleted_meanwhile(
    outbox: OutboxRecordStore, behind: Behind, state: RunState
) -> None:
    run = Run("r1", "t1", RunState.RUNNING, NOW, NOW)
    outbox.save(TWIN)
    outbox.save(run)
    outbox.deliver()
    behind.save(replace(run, state=state, updated_at=NOW.replace(hour=1)))
    behind.meanwhile = lambda: outbox._local.forget(twin_id="t1")  # pyright: ignore[reportPrivateUsage]
    assert outbox.runs("t1") == []
    assert outbox.twins("u1") == []
