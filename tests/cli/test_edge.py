"""What holds for every command."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from tests.cli.conftest import Twin

from twin.cli import group
from twin.domain.ports import Piece
from twin.platform import Platform
from twin.serve.voice import Voice


def test_help_answers_at_once_and_loads_nothing_heavy() -> None:
    script = (
        "import sys\nfrom twin.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'jax', 'keras', 'numpy', 'sqlalchemy', 'alembic', 'rich', 'xllamacpp', 'flask', 'regex'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert ended.stderr.strip() == "[]"
    # Time of the processor, because the machine may do other things meanwhile. It takes 0.15 s.
    assert after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime < 0.3


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
    assert "Did you mean train?" not in ended.err
    assert "Did you mean status?" in twin("statsu").err


def test_a_reader_who_has_seen_enough_is_no_fault(home: Path, chat: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "twin", "parse", "--messages", str(chat)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        process.stdout.close()
        assert process.stderr
        assert process.stderr.read() == ""
    assert process.returncode == 141


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


def test_twin_alone_says_what_to_do_next(twin: Twin, chat: Path) -> None:
    ended = twin()
    assert ended.status == 0
    assert "There is no twin yet" in ended.out
    assert "twin demo" in ended.out
    twin("create", "my cat's", "--speaker", "Otto", chat)
    ended = twin()
    assert "my cat's: has its chats, and was not trained yet" in ended.out
    assert """twin run 'my cat'"'"'s'""" in ended.out


def test_the_widest_line_fits_a_terminal(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    pages = [twin(), twin("--help"), *(twin(name, "--help") for name in group.commands)]
    assert max(len(line) for page in pages for line in page.out.splitlines()) <= 80


def test_no_colour_where_nobody_sees_it(twin: Twin, chat: Path) -> None:
    for arguments in ((), ("parse", chat), ("status",), ("chat", "nobody"), ("--help",)):
        ended = twin(*arguments)
        assert "\x1b" not in ended.out + ended.err


def test_what_scripts_read(twin: Twin, chat: Path) -> None:
    made = json.loads(twin("create", "me", "--speaker", "Otto", "--json", chat).out)
    assert made["speakers"] == ["Otto"]
    status = json.loads(twin("status", "me", "--json").out)
    assert status == {**made, "runs": []}
    assert json.loads(twin("delete", "me", "--yes", "--json").out) == {"files": 2}
    assert "give --once" in twin("chat", "me", "--json").err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete(twin: Twin, shell: str) -> None:
    assert "_TWIN_COMPLETE" in twin("completion", shell).out


def test_names_of_twins_are_completed(twin: Twin, chat: Path, home: Path) -> None:
    twin("create", "Zora", "--speaker", "Otto", chat)
    typed = {"COMP_WORDS": "twin chat Z", "COMP_CWORD": "2", "_TWIN_COMPLETE": "bash_complete"}

    def completed() -> tuple[str, str]:
        command = [sys.executable, "-m", "twin"]
        ended = subprocess.run(command, env={**os.environ, **typed}, capture_output=True, text=True, check=False)
        return ended.stdout, ended.stderr

    assert completed() == ("plain,Zora\n", "")
    typed["TWIN_RECORDS"] = "mongodb://somewhere"
    assert completed() == ("\n", "")


def test_what_the_system_refuses_is_one_sentence(twin: Twin, monkeypatch: pytest.MonkeyPatch, chat: Path) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "/somewhere/file")

    monkeypatch.setattr("twin.pipeline.creation.survey", full)
    ended = twin("parse", chat)
    assert ended.status == 2
    assert ended.err == "twin: No space left on device: /somewhere/file\n"


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("flask_login", "pip install 'twin[web]'"),
        ("xllamacpp", "pip install 'twin[base,chat,train]'"),
        ("twin.nothing", "a fault in twin itself"),
    ],
)
def test_an_extra_that_is_missing_is_named(
    twin: Twin, monkeypatch: pytest.MonkeyPatch, chat: Path, module: str, said: str
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    monkeypatch.setattr("twin.pipeline.creation.survey", missing)
    assert said in twin("parse", chat).err


class Silent:
    """A model that ends every reply at once."""

    def reply(self, *_: object, **__: object) -> Iterator[Piece]:
        yield from ()


def test_a_twin_that_says_nothing_does_not_repeat_the_question(
    twin: Twin, chat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin("create", "me", "--speaker", "Otto", chat)
    voice = Voice(Silent(), "Otto", "an adapter")  # type: ignore[arg-type]
    monkeypatch.setattr(Platform, "voice", lambda *_: voice)
    assert json.loads(twin("chat", "me", "--once", "hi", "--json").out) == {"messages": []}
