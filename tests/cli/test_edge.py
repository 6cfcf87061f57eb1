"""What holds for every command."""

import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from tests.cli.conftest import Twin

from twin.cli import group


def test_help_answers_at_once_and_loads_nothing_heavy() -> None:
    script = (
        "import sys\nfrom twin.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'jax', 'keras', 'numpy', 'sqlalchemy', 'alembic', 'rich', 'xllamacpp', 'flask', 'regex'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    times: list[float] = []
    for _ in range(3):
        start = time.perf_counter()
        ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        times.append(time.perf_counter() - start)
        assert ended.stderr.strip() == "[]"
    # A machine that does other things at the same time is slower than the 0.15 s it takes.
    assert min(times) < 0.6


@pytest.mark.parametrize("name", group.commands)
def test_every_command_explains_itself(twin: Twin, name: str) -> None:
    ended = twin(name, "--help")
    assert ended.status == 0
    command = group.commands[name]
    assert command.help
    assert command.help.splitlines()[0].endswith(".")
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, f"twin {name} {option.opts[0]} says nothing about itself"


def test_a_wrong_command_is_status_2(twin: Twin) -> None:
    ended = twin("trian")
    assert ended.status == 2
    assert "No such command" in ended.err


def test_what_can_be_mended_is_one_sentence(twin: Twin) -> None:
    ended = twin("chat", "nobody", "--once", "hi")
    assert ended.status == 2
    assert ended.err == (
        "twin: There is no twin called 'nobody', nor any other. Make one with `twin create NAME PATH`.\n"
    )
    assert ended.out == ""


def test_debug_shows_where_it_comes_from(home: Path) -> None:
    command = [sys.executable, "-m", "twin", "--debug", "chat", "nobody"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "Traceback" in ended.stderr
    assert "NotFoundError" in ended.stderr


def test_a_misspelt_setting_is_told(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWIN_OBJECT", "file:/somewhere")
    ended = twin("status")
    assert ended.status == 2
    assert "TWIN_OBJECTS" in ended.err


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TWIN_OBJECTS", "ftp://somewhere"),
        ("TWIN_RECORDS", "mongodb://u:secret@h/d"),
        ("TWIN_RUNNER", "slurm:"),
        ("TWIN_CHAT", "oracle:"),
        ("TWIN_HOME", "/dev/null/here"),
    ],
)
def test_addresses_that_nobody_knows(
    twin: Twin, chat: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    if variable in {"TWIN_RUNNER", "TWIN_CHAT"}:
        assert twin("create", "me", "--speaker", "Otto", chat).status == 0
    monkeypatch.setenv(variable, value)
    command = {"TWIN_RUNNER": ("run", "me"), "TWIN_CHAT": ("chat", "me")}.get(variable)
    ended = twin(*(command or ("create", "me", "--speaker", "Otto", chat)))
    assert ended.status == 2
    assert "Traceback" not in ended.err
    assert "secret" not in ended.err


def test_a_fault_in_twin_quotes_nobody(twin: Twin, chat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("cannot convert 'did you feed the cat' to float")

    monkeypatch.setattr("twin.pipeline.creation.survey", broken)
    ended = twin("parse", chat)
    assert ended.status == 1
    assert "ValueError" in ended.err
    assert "cat" not in ended.err


def test_whoever_reads_may_stop_reading(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("".join(f"Ana: line {n}\nBen: line {n}\n" for n in range(20_000)))
    command = f"{sys.executable} -m twin parse --messages '{path}' | head -1"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert ended.stdout.count("\n") == 1
    assert ended.stderr == ""


def test_ctrl_c_is_status_130(twin: Twin, chat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("twin.pipeline.creation.survey", stopped)
    ended = twin("parse", chat)
    assert ended.status == 130
    assert "Traceback" not in ended.err
