"""The command in process, in an installation of its own, and an invented chat."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from twin.cli import main


class Ended(NamedTuple):
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


Twin = Callable[..., Ended]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TWIN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "home"


@pytest.fixture
def twin(home: Path, capfd: pytest.CaptureFixture[str]) -> Twin:
    def run(*arguments: object) -> Ended:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        return Ended(int(ended.value.code or 0), *capfd.readouterr())

    return run


def lines(owner: str, other: str, count: int) -> str:
    """A conversation of two with `count` lines of each."""
    questions = ("did you feed the cat", "is the kettle on", "who has the keys", "shall we walk")
    answers = ("yes yes.. twice", "always. always always", "not me!! ask the cat", "only if it rains :)")
    return "".join(
        f"{other}: {questions[n % 4]} {n}\n{owner}: {answers[n % 4]}\n{owner}: {n} times\n" for n in range(count)
    )


@pytest.fixture
def chat(tmp_path: Path) -> Path:
    path = tmp_path / "kitchen.txt"
    path.write_text(lines("Mira Holt", "Otto", 30), "utf-8")
    return path
