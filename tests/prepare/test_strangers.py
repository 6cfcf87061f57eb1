"""Whose twin the owner's is compared with, and what that twin may learn from."""

from datetime import datetime, timedelta

import pytest

from twin.domain.examples import Role
from twin.domain.messages import Kind, Message
from twin.errors import DataError
from twin.prepare import PrepareConfig, prepare
from twin.prepare.strangers import stranger

START = datetime(2024, 1, 1)


def said(index: int, sender: str, text: str, platform: str = "whatsapp") -> Message:
    return Message(platform, "c", sender, START + timedelta(minutes=index), Kind.TEXT, text)


def talk(count: int = 60) -> list[Message]:
    return [
        said(4 * n + k, sender, f"{text} {n}")
        for n in range(count)
        for k, (sender, text) in enumerate(
            (("Otto", "a rather long question about the garden"), ("Mira", "yes"), ("Bo", "hm"), ("Mira", "no"))
        )
    ]


def length(turn: object) -> int:
    return 5


def test_it_is_of_whoever_else_wrote_most() -> None:
    name, examples = stranger(talk(), speakers=("Mira",), measure=length)
    assert name == "Otto"
    owners = {turn.name for one in examples for turn in one.turns if turn.role is Role.OWNER}
    assert owners == {"Otto"}


def test_it_knows_nothing_of_the_held_out_part() -> None:
    config = PrepareConfig(held_out=0.25)
    _, examples = stranger(talk(), speakers=("Mira",), measure=length, config=config)
    own = prepare(talk(), speakers=("Mira",), measure=length, config=config).examples
    held_out = {
        text for one in own if one.split == "held_out" for turn in one.turns[one.context :] for text in turn.messages
    }
    known = {text for one in examples for turn in one.turns for text in turn.messages}
    assert held_out
    assert not {text for text in held_out if text.startswith(("yes", "no"))} & known


def test_with_nobody_else_there_is_none() -> None:
    alone = [said(n, "Mira", f"note to self {n}") for n in range(40)]
    with pytest.raises(DataError, match="Nobody but the owner"):
        stranger(alone, speakers=("Mira",), measure=length)
    few = [*alone, said(50, "Otto", "hi")]
    with pytest.raises(DataError):
        stranger(few, speakers=("Mira",), measure=length)
