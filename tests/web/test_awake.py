"""Awake: who can answer is in memory before somebody asks, and out of it when deleted."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.web.conftest import House, Person

from twin.domain.runs import RunState
from twin.domain.twins import Twin
from twin.serve.llama import LlamaChat
from twin.web.awake import AGAIN_S, Awake


def loaded(house: House) -> set[str]:
    """The adapters that llama.cpp has in memory."""
    chat = house.platform.chat(str(house.tiny.gguf))
    assert isinstance(chat, LlamaChat)
    crew = chat._fleet._crew
    return set(crew.adapters) if crew else set()


def eventually(house: House, wanted: set[str | None]) -> None:
    until = time.monotonic() + 300
    while loaded(house) != wanted:
        assert time.monotonic() < until, loaded(house)
        time.sleep(0.05)


@pytest.fixture
def ana(house: House) -> Person:
    return house.ana()


def test_published_twins_are_loaded_when_the_app_starts(house: House, ana: Person) -> None:
    twin, other = house.twin("ana@example.org"), house.twin("ana@example.org", name="Other")
    house.site.awake.begin([twin.owner, "nobody"])
    eventually(house, {twin.run_id, other.run_id})


def test_a_twin_is_loaded_when_it_is_published_and_dropped_when_it_is_deleted(house: House, ana: Person) -> None:
    twin = house.twin("ana@example.org")
    run = house.platform.records.run(twin.run_id or "")
    house.platform.records.save(replace(run, state=RunState.RUNNING))
    house.platform.runner.submit(run)
    house.site.awake.look()
    assert loaded(house) == set()
    house.platform.records.save(replace(run, state=RunState.DONE))
    for job in (house.platform.folder / "queue").glob("*.job"):
        job.unlink()
    house.site.awake.look()
    eventually(house, {run.id})
    ana.post(f"/twins/{twin.id}/delete")
    eventually(house, set())


def test_a_run_that_failed_wakes_nobody(house: House, ana: Person) -> None:
    twin = house.twin("ana@example.org")
    run = replace(house.platform.records.run(twin.run_id or ""), state=RunState.FAILED)
    house.platform.records.save(run)
    house.platform.runner.submit(run)
    calls: list[object] = []
    awake = Awake(house.platform, lambda *call: calls.append(call))
    awake.look()
    for job in Path(house.platform.folder / "queue").glob("*.job"):
        job.unlink()
    awake.look()
    assert calls == []


def test_opening_a_chat_wakes_its_twin_but_not_at_every_page(house: House, ana: Person) -> None:
    calls: list[list[Twin]] = []
    moment = [0.0]
    awake = Awake(house.platform, lambda _load, twins: calls.append(twins), clock=lambda: moment[0])
    twin = house.twin("ana@example.org")
    for _ in range(3):
        awake.soon([twin])
    assert calls == [[twin]]
    moment[0] = AGAIN_S
    awake.soon([twin])
    assert len(calls) == 2
    ana.get(f"/twins/{twin.id}/chat")
    eventually(house, {twin.run_id})
