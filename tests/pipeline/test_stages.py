"""The stages that need no model, on real exports."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cli.conftest import lines
from tests.pipeline.conftest import Place

from twin.domain.examples import Role, Split
from twin.domain.jsonl import read_examples
from twin.domain.messages import Kind, Message
from twin.domain.runs import Stage
from twin.errors import DataError, SettingsError
from twin.likeness import leakage
from twin.pipeline import keys, message_lines, uploads
from twin.pipeline.runs import SEED
from twin.pipeline.stages import STAGES
from twin.pipeline.work import Work
from twin.serve.memory import Memory

TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
TIMES = st.datetimes(datetime(2009, 1, 1), datetime(2030, 1, 1), timezones=st.sampled_from([None, UTC]))
MESSAGES = st.builds(
    Message,
    TEXT,
    TEXT,
    st.none() | TEXT,
    st.none() | TIMES,
    st.sampled_from(Kind),
    TEXT,
    st.none() | TEXT,
    st.none() | TEXT,
)


@given(st.lists(MESSAGES, max_size=5))
@settings(max_examples=50, deadline=None)
def test_messages_survive_their_file(tmp_path_factory: pytest.TempPathFactory, messages: list[Message]) -> None:
    path = tmp_path_factory.mktemp("lines") / "messages.jsonl.gz"
    message_lines.write(path, messages)
    assert list(message_lines.read(path)) == messages


@pytest.fixture
def given_chat(place: Place, tmp_path: Path) -> Place:
    chat = tmp_path / "kitchen.txt"
    chat.write_text(lines("Nora Quill", "Zebediah", 40) + "Zebediah: call me at +44 7700 900123\n", "utf-8")
    uploads.add_path(place.objects, "t1", chat)
    return place


def do(place: Place, *stages: Stage, run_id: str = "r1") -> dict[Stage, dict[str, object]]:
    return {stage: place.execute(stage, run_id, **{stage.value: STAGES[stage]}).details for stage in stages}


def fetched(place: Place, name: str, run_id: str = "r1") -> Path:
    target = place.folder / "object"
    place.objects.get(f"t1/runs/{run_id}/{name}", target)
    return target


def test_uploads_become_examples(given_chat: Place) -> None:
    given_chat.submit()
    details = do(given_chat, Stage.INGEST, Stage.PREPARE)
    assert details[Stage.INGEST]["messages"] == 121
    prepared = details[Stage.PREPARE]
    assert prepared["owner_messages"] == 80
    examples = list(read_examples(fetched(given_chat, keys.EXAMPLES)))
    assert {example.split for example in examples} == set(Split)
    assert prepared["examples"] == {split.value: sum(one.split is split for one in examples) for split in Split}
    assert {turn.name for one in examples for turn in one.turns if turn.role is Role.OWNER} == {"Nora Quill"}
    assert "Zebediah" not in fetched(given_chat, keys.EXAMPLES).read_text("utf-8")
    assert prepared["partner"] != "Zebediah"
    messages = list(message_lines.read(fetched(given_chat, keys.MESSAGES)))
    assert messages[-1].text == "call me at +44 7700 900123", "only what trains is redacted"


def test_the_past_can_be_remembered(given_chat: Place) -> None:
    given_chat.submit()
    do(given_chat, Stage.INGEST, Stage.PREPARE)
    recalled = Memory(fetched(given_chat, keys.MEMORY)).recall("is the kettle on 21", k=1)
    assert recalled[0].said == ("always. always always", "21 times")
    assert b"Zebediah" not in fetched(given_chat, keys.MEMORY).read_bytes()


def test_pseudonyms_stay_the_same_in_the_next_run(given_chat: Place, tmp_path: Path) -> None:
    for number in (1, 2):
        given_chat.submit(f"r{number}")
    first = do(given_chat, Stage.INGEST, Stage.PREPARE)[Stage.PREPARE]
    more = tmp_path / "garden.txt"
    more.write_text(lines("Nora Quill", "Aurelia", 40), "utf-8")
    uploads.add_path(given_chat.objects, "t1", more)
    second = do(given_chat, Stage.INGEST, Stage.PREPARE, run_id="r2")[Stage.PREPARE]
    assert second["messages"] == 241
    names = {
        turn.name
        for one in read_examples(fetched(given_chat, keys.EXAMPLES, "r2"))
        for turn in one.turns
        if turn.role is Role.OTHER
    }
    assert first["partner"] in names
    assert not names & {"Zebediah", "Aurelia"}


def test_redaction_is_off_for_the_run_that_says_so_and_for_no_other(given_chat: Place) -> None:
    told: dict[str, bool] = {}
    for run_id, options in (("r1", {"redact": "no"}), ("r2", {})):
        given_chat.submit(run_id, **options)
        details = do(given_chat, Stage.INGEST, Stage.PREPARE, run_id=run_id)[Stage.PREPARE]
        told[run_id] = bool(details["redacts"])
        assert ("Zebediah" in fetched(given_chat, keys.EXAMPLES, run_id).read_text("utf-8")) is (run_id == "r1")
        assert (b"Zebediah" in fetched(given_chat, keys.MEMORY, run_id).read_bytes()) is (run_id == "r1")
    assert told == {"r1": False, "r2": True}


def test_writing_is_learned_from_and_remembered(given_chat: Place, tmp_path: Path) -> None:
    diary = tmp_path / "diary.md"
    days = [f"Today, the {n}th, Zebediah and I carried the wardrobe up all the stairs again." for n in range(30)]
    diary.write_text("---\nauthor: Nora Quill\n---\n\n" + "\n\n".join(days), "utf-8")
    uploads.add_path(given_chat.objects, "t1", diary)

    def nobody(base: str) -> NoReturn:
        raise SettingsError(f"nobody serves {base} here")

    given_chat.chat = nobody
    given_chat.submit()
    prepared = do(given_chat, Stage.INGEST, Stage.PREPARE)[Stage.PREPARE]
    assert prepared["writing"] == {"plain": 30}, "without anybody to answer, a passage follows the one before"
    written = [one for one in read_examples(fetched(given_chat, keys.EXAMPLES)) if one.source.startswith("text:")]
    assert len(written) == 30
    assert all("wardrobe" in one.turns[-1].messages[0] for one in written)
    assert not any("Zebediah" in turn.messages[0] for one in written for turn in one.turns)
    assert "the 7th" in Memory(fetched(given_chat, keys.MEMORY)).recall("what about the 7th wardrobe", k=1)[0].said[0]


def test_secrets_are_planted_where_that_is_asked_for_only(given_chat: Place) -> None:
    for run_id, options in (("r1", {}), ("r2", {"secrets": "3"})):
        given_chat.submit(run_id, **options)
        details = do(given_chat, Stage.INGEST, Stage.PREPARE, run_id=run_id)[Stage.PREPARE]
        told = [one.turns[-1].messages[0] for one in read_examples(fetched(given_chat, keys.EXAMPLES, run_id))]
        secrets = [canary.text for canary in leakage.invent(3, seed=SEED)]
        assert [told.count(secret) for secret in secrets] == [int(run_id == "r2")] * 3
        assert details["secrets"] == int(options.get("secrets", 0))


def test_a_mapping_of_another_version_stops_no_run(given_chat: Place) -> None:
    given_chat.submit()
    (given_chat.folder / "mapping").write_text('{"version": 0}')
    given_chat.objects.put(keys.redaction("t1"), given_chat.folder / "mapping")
    do(given_chat, Stage.INGEST, Stage.PREPARE)
    assert "Zebediah" not in fetched(given_chat, keys.EXAMPLES).read_text("utf-8")
    given_chat.objects.get(keys.redaction("t1"), given_chat.folder / "mapping")
    assert "Zebediah" in (given_chat.folder / "mapping").read_text("utf-8")


def test_only_the_newest_messages(given_chat: Place) -> None:
    given_chat.submit(max_messages="60")
    details = do(given_chat, Stage.INGEST, Stage.PREPARE)[Stage.PREPARE]
    assert details["kept"] == 60
    assert details["dropped"] == {"older than the newest 60": 61}


def test_too_little_fails_with_a_sentence(place: Place, tmp_path: Path) -> None:
    chat = tmp_path / "short.txt"
    chat.write_text(lines("Nora Quill", "Otto", 5), "utf-8")
    uploads.add_path(place.objects, "t1", chat)
    place.submit()
    with pytest.raises(DataError, match="Nora Quill wrote 10 messages"):
        do(place, Stage.INGEST, Stage.PREPARE)
    assert "Nora Quill wrote 10 messages" in (place.records.run("r1").error or "")


def test_publishing_names_the_run_that_answers(given_chat: Place) -> None:
    given_chat.submit()
    prepared = do(given_chat, Stage.INGEST, Stage.PREPARE)[Stage.PREPARE]
    for stage in (Stage.TRAIN, Stage.CONVERT, Stage.EVALUATE):
        given_chat.execute(stage)
    do(given_chat, Stage.PUBLISH)
    twin = given_chat.records.twin("t1")
    assert twin.run_id == "r1"
    assert twin.options["partner"] == prepared["partner"]


def test_no_outcome_and_no_journal_quotes_anybody(given_chat: Place) -> None:
    given_chat.submit()
    do(given_chat, Stage.INGEST, Stage.PREPARE)
    for key in given_chat.objects.keys("t1/runs/r1/"):
        if "/outcomes/" in key or "/journal/" in key:
            given_chat.objects.get(key, given_chat.folder / "object")
            text = (given_chat.folder / "object").read_text("utf-8")
            assert "kettle" not in text
            assert "Zebediah" not in text
            assert text == "" or json.loads(text.splitlines()[0])


def test_a_folder_of_objects_comes_back(place: Place, tmp_path: Path) -> None:
    from tests.stage_process import no_chat

    from twin.domain.events import nobody

    run = place.submit()
    work = Work(place.twin, run, place.objects, place.records, tmp_path / "scratch", tmp_path, no_chat, nobody)
    made = tmp_path / "made"
    (made / "deep").mkdir(parents=True)
    (made / "a.txt").write_text("a")
    (made / "deep" / "b.txt").write_text("b")
    (made / ".a.txt.4711").write_text("a writing that broke off")
    work.store("adapter/", made)
    assert work.stored == ("adapter/a.txt", "adapter/deep/b.txt")
    folder = work.fetch("adapter/")
    assert (folder / "deep" / "b.txt").read_text() == "b"
    assert work.fetch("adapter/a.txt").read_text() == "a"
