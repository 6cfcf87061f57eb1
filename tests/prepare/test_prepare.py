"""Messages become examples: what is kept, cut, held out and counted."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.chats import OWNER, chat, message

from twin.domain.examples import Example, Role, Split, Turn
from twin.domain.messages import Kind
from twin.errors import DataError
from twin.prepare import PrepareConfig, prepare
from twin.prepare.conversations import conversations
from twin.prepare.windows import windows

NOON = datetime(2025, 5, 1, 12)


def words(turn: Turn) -> int:
    return sum(len(text.split()) + 1 for text in turn.messages)


def counted(example: Example) -> list[str]:
    return [text for turn in example.turns[example.context :] if turn.role is Role.OWNER for text in turn.messages]


def test_every_message_of_the_owner_counts_exactly_once_and_to_the_letter() -> None:
    messages = chat(300)
    odd = "  oh\nNO..  😀\u200d ümlaut \t"
    messages.append(message(OWNER, odd, messages[-1].sent_at))
    prepared = prepare(messages, speakers=(OWNER,), measure=words, config=PrepareConfig(window=40, context=15))
    own = [text for example in prepared.examples for text in counted(example)]
    assert sorted(own) == sorted(one.text for one in messages if one.sender == OWNER)
    assert odd in own
    assert prepared.owner_messages == len(own)
    assert prepared.messages == prepared.kept + prepared.dropped.total()


def test_held_out_is_the_later_part_of_each_chat() -> None:
    messages = [*chat(200), *(one._replace(chat="other") for one in chat(100, seed=1, start=datetime(2020, 1, 1)))]
    prepared = prepare(messages, speakers=(OWNER,), measure=words)
    for name in ("crew", "other"):
        of_chat = [one for one in prepared.examples if one.source == f"whatsapp:{name}"]
        sides = [one.split for one in of_chat]
        assert sides == sorted(sides, key=lambda side: side is Split.HELD_OUT)
        held = sum(len(counted(one)) for one in of_chat if one.split is Split.HELD_OUT)
        assert held == pytest.approx(0.1 * sum(len(counted(one)) for one in of_chat), abs=1)


def test_only_typed_words_are_kept_and_the_rest_is_accounted_for() -> None:
    messages = chat(100)
    messages[3] = messages[3]._replace(kind=Kind.MEDIA, text="IMG-1.jpg")
    messages[5] = messages[5]._replace(kind=Kind.SYSTEM, sender=None)
    messages[7] = messages[7]._replace(text="   ")
    messages[9] = messages[9]._replace(text="x" * 3000)
    messages[11] = messages[11]._replace(kind=Kind.EDITED, text="mended words")
    prepared = prepare(messages, speakers=(OWNER,), measure=words)
    assert prepared.dropped == {"media": 1, "system": 1, "empty": 1, "longer than 2000 characters": 1}
    everything = [text for one in prepared.examples for turn in one.turns for text in turn.messages]
    assert "mended words" in everything
    assert not any("IMG-1" in text or "xxx" in text for text in everything)


def test_conversations_are_cut_at_silences_and_keep_the_order_of_one_minute() -> None:
    lines = [
        message("A", "2", NOON + timedelta(minutes=1)),
        message("B", "3", NOON + timedelta(minutes=1)),
        message("A", "1", NOON),
        message("A", "4", NOON + timedelta(hours=3)),
        message("A", "elsewhere", NOON, chat="x"),
    ]
    cut = [[one.text for one in c.messages] for c in conversations(lines, silence=timedelta(hours=2))]
    assert cut == [["1", "2", "3"], ["4"], ["elsewhere"]]


def test_messages_without_times_stay_in_their_order() -> None:
    lines = [message("A", str(number), None) for number in range(5)]
    (only,) = conversations(lines, silence=timedelta(hours=2))
    assert [one.text for one in only.messages] == ["0", "1", "2", "3", "4"]


def test_the_newest_messages_are_kept() -> None:
    messages = chat(300)
    prepared = prepare(messages[::-1], speakers=(OWNER,), measure=words, config=PrepareConfig(max_messages=100))
    assert prepared.dropped["older than the newest 100"] == 200
    kept = {text for one in prepared.examples for turn in one.turns for text in turn.messages}
    assert kept <= {one.text for one in messages[200:]}


def test_too_few_messages_are_refused_with_the_count() -> None:
    with pytest.raises(DataError, match=rf"{OWNER} wrote \d+ messages .* at least 20"):
        prepare(chat(20)[:20], speakers=(OWNER,), measure=words)


def test_the_owner_has_one_name_whatever_the_platform_calls_them() -> None:
    messages = [one._replace(sender_id="id:7", sender="mf") if one.sender == OWNER else one for one in chat(80)]
    prepared = prepare(messages, speakers=(OWNER, "id:7"), measure=words)
    names = {turn.name for one in prepared.examples for turn in one.turns if turn.role is Role.OWNER}
    assert names == {OWNER}


TURNS = st.lists(st.tuples(st.booleans(), st.integers(1, 12)), min_size=1, max_size=30)


@settings(max_examples=200)
@given(shape=TURNS, window=st.integers(5, 60), context=st.integers(0, 30))
def test_windows_count_each_reply_once_and_keep_to_their_lengths(
    shape: list[tuple[bool, int]], window: int, context: int
) -> None:
    turns = [Turn(Role.OWNER if own else Role.OTHER, "x", (f"{n} " * size,)) for n, (own, size) in enumerate(shape)]
    made = list(windows(turns, window=window, context=context, measure=words, split=Split.TRAIN, source="s"))
    assert [text for one in made for text in counted(one)] == [
        turn.messages[0] for turn in turns if turn.role is Role.OWNER
    ]
    for one in made:
        assert one.turns[one.context].role is Role.OWNER
        assert sum(map(words, one.turns[: one.context])) <= context
        replies = [index for index, turn in enumerate(one.turns) if index >= one.context and turn.role is Role.OWNER]
        if len(replies) > 1:
            assert sum(map(words, one.turns[: replies[-1] + 1])) <= window
