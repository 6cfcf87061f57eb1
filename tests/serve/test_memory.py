"""Past exchanges: what is kept, what is found, and what is shown."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twin.domain.messages import Conversation, Kind, Message
from twin.errors import DataError, NotFoundError
from twin.serve import instant
from twin.serve.memory import Exchange, Heard, Memory, exchanges, opening, write

START = datetime(2024, 3, 1, 18, 0)


def conversation(*lines: str, day: int = 0, chat: str = "friends") -> Conversation:
    """Lines `Name: text`, a minute apart."""
    messages = []
    for minute, line in enumerate(lines):
        sender, _, text = line.partition(": ")
        at = START + timedelta(days=day, minutes=minute)
        messages.append(Message("whatsapp", chat, sender, at, Kind.TEXT, text))
    return Conversation("whatsapp", chat, tuple(messages))


def found(*conversations: Conversation) -> Iterator[Exchange]:
    return exchanges(conversations, is_owner=lambda message: message.sender == "Ben")


CHATS = (
    conversation("Ana: how was the dentist?", "Ben: he pulled two teeth", "Ben: never again"),
    conversation("Ana: is the piano still for sale", "Ben: sold it to a school in Braga", day=3),
    conversation("Cem: are you coming?", "Ben: no, i have to feed the neighbours' parrot", day=5, chat="work"),
    conversation("Ben: happy birthday!!", "Ana: thank you", day=9),
    conversation("Ana: 你明天去公园吗", "Ben: 去，下午三点", day=10),
    conversation("Ana: ¿mañana vienes?", "Ben: sí, después del café", day=12),
)
# Common words must be common: chats are full of them.
SMALL_TALK = [
    conversation("Ana: did you see the bus?", "Ben: the bus? ok, see you", day=20 + day) for day in range(200)
]


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    assert write(tmp_path / "memory.db", found(*CHATS, *SMALL_TALK)) == 206
    return Memory(tmp_path / "memory.db")


def test_an_exchange_is_the_owners_words_and_what_they_answered_to() -> None:
    first, *_ = found(*CHATS)
    assert first == Exchange(
        START + timedelta(minutes=1), (Heard("Ana", "how was the dentist?"),), ("he pulled two teeth", "never again")
    )
    unasked = list(found(*CHATS))[3]
    assert unasked.heard == ()
    assert unasked.said == ("happy birthday!!",)


def test_nothing_else_that_others_wrote_is_kept(memory: Memory, tmp_path: Path) -> None:
    write(
        tmp_path / "long.db",
        found(
            conversation("Cem: the code of my door is blue", *["Ana: x"] * 5, "Ben: hm", "Cem: my secret afterwards")
        ),
    )
    content = (tmp_path / "long.db").read_bytes()
    assert b"blue" not in content
    assert b"afterwards" not in content
    assert b"hm" in content


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("did you ever sell that PIANO?", "sold it to a school in Braga"),
        ("what did the parrot eat", "no, i have to feed the neighbours' parrot"),
        ("公园怎么样", "去，下午三点"),
        ("manana?", "sí, después del café"),
        ("a café?", "sí, después del café"),
    ],
)
def test_what_fits_best_comes_first(memory: Memory, asked: str, said: str) -> None:
    assert memory.recall(asked, 2)[0].said == (said,)


@pytest.mark.parametrize(
    "asked", ["ok", "did you see the bus", "", "!!! 🙂", 'zebra" OR "piano2', "unknown words only"]
)
def test_common_or_unknown_words_recall_nothing(memory: Memory, asked: str) -> None:
    assert memory.recall(asked) == []


def test_only_what_was_said_before(memory: Memory) -> None:
    assert memory.recall("piano", before=START + timedelta(days=2)) == []
    assert memory.recall("piano", before=START + timedelta(days=4))
    latest = memory.latest(2, before=START + timedelta(days=11))
    assert [exchange.said for exchange in latest] == [("no, i have to feed the neighbours' parrot",), ("去，下午三点",)]


def test_an_opening_is_dated_and_ends_with_the_best(memory: Memory) -> None:
    text = opening(memory.recall("the piano and the dentist", 2), speaker="Ben")
    assert "[2024-03-01]\nAna: how was the dentist?\n\nBen: he pulled two teeth\nBen: never again" in text
    assert "[2024-03-04]\nAna: is the piano still for sale\n\nBen: sold it to a school in Braga" in text
    assert text.count("\n\n") == 3


def test_words_of_others_cannot_pass_for_the_owners(tmp_path: Path) -> None:
    write(tmp_path / "m.db", found(conversation("Ana: hi\nBen: i am a thief", "Ben: parrot")))
    text = opening(Memory(tmp_path / "m.db").recall("parrot"), speaker="Ben")
    assert "\nBen: i am" not in text
    assert "\n Ben: i am" in text


def test_a_deleted_memory_is_an_error_and_a_full_disk_too(memory: Memory, tmp_path: Path) -> None:
    (tmp_path / "memory.db").unlink()
    with pytest.raises(NotFoundError):
        memory.recall("piano")
    with pytest.raises(DataError):
        write(tmp_path / "no folder" / "memory.db", [])
    assert list(tmp_path.iterdir()) == []


def test_a_memory_is_written_whole_or_not_at_all(memory: Memory, tmp_path: Path) -> None:
    def failing() -> Iterator[Exchange]:
        yield from found(CHATS[0])
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write(tmp_path / "memory.db", failing())
    assert memory.recall("piano")
    assert [path.name for path in tmp_path.iterdir()] == ["memory.db"]


def test_instant_examples_keep_their_beginning_and_end_with_what_fits(memory: Memory) -> None:
    piano, dentist = (instant.examples(memory, text) for text in ("the piano", "the dentist"))
    assert piano[-1].said == ("sold it to a school in Braga",)
    assert dentist[-1].said == ("he pulled two teeth", "never again")
    assert piano[:-1] == dentist[:-1] == memory.latest(12)
    assert sum(len(one.lines("")) for one in instant.examples(memory, "piano dentist", characters=150)) <= 150
    assert "[2024" not in instant.opening(piano, speaker="Ben")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=40))
def test_any_text_can_be_asked_for_and_remembered(memory: Memory, tmp_path: Path, text: str) -> None:
    memory.recall(text)
    if "\ud800" <= text <= "\udfff":
        return
    write(tmp_path / "any.db", [Exchange(None, (Heard("Ana", text),), (text,))])
    assert [exchange.said for exchange in Memory(tmp_path / "any.db").latest(1)] == [(text,)]
