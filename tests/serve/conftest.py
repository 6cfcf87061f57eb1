"""A tiny random Gemma with adapters that answer clearly differently."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tiny import TinyGemma, tiny_adapters
from twin.base.models import Base
from twin.domain.examples import Role, Turn
from twin.errors import NotFoundError
from twin.serve.llama import LlamaChat

CONVERSATION = (
    Turn(Role.OTHER, "Ana", ("did you water the tomatoes this morning",)),
    Turn(Role.OWNER, "Ben", ("not yet", "i was asleep until ten")),
    Turn(Role.OTHER, "Ana", ("okay, see you tonight at the bus",)),
)


@pytest.fixture(scope="session")
def base(tiny: TinyGemma) -> Base:
    return Base("tiny", tiny.gguf)


@pytest.fixture(scope="session")
def adapter_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return tiny_adapters(tmp_path_factory.mktemp("adapters"), 20)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """The folder in which `open_chat` looks for `ADAPTER.gguf`."""
    folder = tmp_path / "published"
    folder.mkdir()
    return folder


@pytest.fixture
def open_chat(base: Base, published: Path) -> Iterator[Callable[..., LlamaChat]]:
    """Opens chats over the published adapters; closes them at the end."""
    chats: list[LlamaChat] = []

    def locate(adapter: str) -> Path:
        path = published / f"{adapter}.gguf"
        if not path.exists():
            raise NotFoundError(f"There is no adapter {adapter}.")
        return path

    def open_one(**options: int) -> LlamaChat:
        settings = {"threads": 1, "context": 256, "slots": 4} | options
        chats.append(LlamaChat(base, locate=locate, **settings))
        return chats[-1]

    yield open_one
    for chat in chats:
        chat.close()
