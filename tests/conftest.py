"""What tests of several folders share."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings

from tests.tiny import TinyGemma, tiny_gemma
from twin.backends.local.database import Database
from twin.base import models

# A job that a shell started in the background ignores Ctrl-C, and so would every program that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples each time, so that a change fails for its own faults; TWIN_LONG_TESTS draws new ones.
settings.register_profile("same", derandomize=True)
settings.load_profile("default" if "TWIN_LONG_TESTS" in os.environ else "same")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Callable[[str], Database]]:
    """Opens an SQLite file by its name, and closes it after the test."""
    with ExitStack() as stack:

        def opened(name: str) -> Database:
            made = Database(f"sqlite:///{tmp_path}/{name}.db")
            stack.callback(made.close)
            return made

        yield opened


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyGemma:
    """A random Gemma 3 of two layers, written once."""
    folder: Path = tmp_path_factory.mktemp("tiny")
    return tiny_gemma(folder)


@pytest.fixture(scope="session")
def gemma() -> models.Base:
    """Gemma 3 270M, put together from its packages once per checkout."""
    return models.find(folder=Path(__file__).parents[1] / ".cache" / "base")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without `-m`, leave out what needs an environment of its own."""
    if config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("cloud")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("cloud")]
