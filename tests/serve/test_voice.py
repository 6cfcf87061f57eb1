"""Voices: the memory that a reply draws on, before and after the training."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.serve.conftest import CONVERSATION
from tests.serve.test_memory import CHATS, SMALL_TALK, found
from twin.domain.examples import Role, Turn
from twin.domain.ports import Piece, Sampling
from twin.serve.llama import LlamaChat
from twin.serve.memory import Memory, write
from twin.serve.voice import Voice, messages

ASKED = (*CONVERSATION, Turn(Role.OTHER, "Ana", ("did you sell the piano?",)))


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    write(tmp_path / "memory.db", found(*CHATS, *SMALL_TALK))
    return Memory(tmp_path / "memory.db")


def test_an_untrained_twin_goes_on_from_its_owners_exchanges(
    open_chat: Callable[..., LlamaChat], memory: Memory
) -> None:
    sampling = Sampling(temperature=0, max_tokens=10)
    model = open_chat(context=1024)
    bare = Voice(model, "Ben", None, sampling=sampling).reply(ASKED)
    assert bare.drew_on == ()
    reply = Voice(model, "Ben", None, past=memory, sampling=sampling).reply(ASKED)
    assert reply.drew_on[-1].said == ("sold it to a school in Braga",)
    assert list(reply.pieces) != list(bare.pieces)


def test_a_trained_twin_is_reminded_only_where_that_is_switched_on(
    open_chat: Callable[..., LlamaChat], memory: Memory, published: Path, adapter_files: list[Path], tmp_path: Path
) -> None:
    shutil.copy(adapter_files[0], published / "0.gguf")
    model = open_chat(context=1024)
    assert Voice(model, "Ben", "0", past=memory).reply(ASKED).drew_on == ()
    reminded = Voice(model, "Ben", "0", past=memory, remembers=True)
    reply = reminded.reply(ASKED, sampling=Sampling(max_tokens=10))
    assert [exchange.said for exchange in reply.drew_on] == [("sold it to a school in Braga",)]
    assert list(reply.pieces)
    (tmp_path / "memory.db").unlink()
    assert reminded.reply(ASKED).drew_on == ()


def test_messages_come_whole_and_without_empty_ones() -> None:
    pieces = [Piece(0, "no"), Piece(0, "t yet "), Piece(1, " "), Piece(2, "i was\n"), Piece(2, "asleep")]
    assert list(messages(iter(pieces))) == ["not yet", "i was\nasleep"]
