"""`twin create`, `twin status` and `twin delete`."""

import errno
import io
import json
import os
from pathlib import Path

import pytest
from tests.cli.conftest import Twin, lines


def stored(home: Path) -> list[str]:
    return [path.name for path in (home / "objects").rglob("*") if path.is_file()]


def test_a_twin_is_made(twin: Twin, chat: Path) -> None:
    ended = twin("create", "me", "--speaker", "Mira Holt", chat)
    assert ended.status == 0
    assert "me is the twin of Mira Holt (as you said), who wrote 60 of 90 messages with words." in ended.out
    assert "twin run me" in ended.out
    value = json.loads(twin("status", "me", "--json").out)
    assert value["speakers"] == ["Mira Holt"]
    assert value["base"] == "gemma3-270m"
    assert value["runs"] == []
    assert "Mira Holt" in twin("status").out


def test_who_is_in_every_chat_is_the_owner(twin: Twin, chat: Path, tmp_path: Path) -> None:
    other = tmp_path / "garden.txt"
    other.write_text(lines("Mira Holt", "Lena", 15), "utf-8")
    ended = twin("create", "me", chat, other)
    assert ended.status == 0
    assert "Mira Holt" in ended.out
    assert json.loads(twin("status", "me", "--json").out)["speakers"] == ["Mira Holt"]


def test_without_a_terminal_nobody_is_asked(twin: Twin, chat: Path, home: Path) -> None:
    ended = twin("create", "me", chat)
    assert ended.status == 2
    assert "--speaker" in ended.err
    assert "Mira Holt (60), Otto (30)" in ended.err
    assert stored(home) == []


@pytest.mark.parametrize("said", [["2"], ["otto"], ["3", "Nobody", "2"]])
def test_with_a_terminal_somebody_is_asked(
    twin: Twin, chat: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    answers = iter(said)
    monkeypatch.setattr("twin.cli.invocation.Invocation.interactive", True)
    monkeypatch.setattr("click.prompt", lambda *_, **__: next(answers))
    ended = twin("create", "me", chat)
    assert ended.status == 0
    assert ended.err.count("Nobody here is called that") == len(said) - 1
    assert "Who of these are you?" in ended.out
    assert json.loads(twin("status", "me", "--json").out)["speakers"] == ["Otto"]


def test_a_name_that_is_not_there(twin: Twin, chat: Path, home: Path) -> None:
    ended = twin("create", "me", "--speaker", "Mira Hold", chat)
    assert ended.status == 2
    assert "Nobody here is called 'Mira Hold'. Those who write are: Mira Holt (60), Otto (30)." in ended.err
    assert stored(home) == []


def test_too_little_to_learn_from(twin: Twin, tmp_path: Path, home: Path) -> None:
    path = tmp_path / "short.txt"
    path.write_text(lines("Mira", "Otto", 9), "utf-8")
    ended = twin("create", "me", "--speaker", "Mira", path)
    assert ended.status == 2
    assert "Mira wrote 18 messages" in ended.err
    assert "at least 20" in ended.err
    assert stored(home) == []
    assert json.loads(twin("status", "--json").out) == []


def test_a_name_that_is_taken_leaves_the_twin_untouched(twin: Twin, chat: Path, home: Path) -> None:
    twin("create", "me", "--speaker", "Otto", chat)
    before = sorted(stored(home))
    ended = twin("create", "me", "--speaker", "Mira Holt", chat)
    assert ended.status == 2
    assert "already" in ended.err
    assert sorted(stored(home)) == before
    assert json.loads(twin("status", "me", "--json").out)["speakers"] == ["Otto"]


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 101])
def test_names_that_are_none(twin: Twin, chat: Path, name: str) -> None:
    assert twin("create", name, "--speaker", "Otto", chat).status == 2


def test_a_full_disk_leaves_nothing(twin: Twin, chat: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync, calls = os.fsync, iter(range(100))

    def full(handle: int) -> None:
        if next(calls) == 6:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    twin("status")
    monkeypatch.setattr(os, "fsync", full)
    ended = twin("create", "me", "--speaker", "Otto", chat)
    monkeypatch.undo()
    assert next(calls) > 6
    assert ended.status == 2
    assert "No space left on device" in ended.err
    assert stored(home) == []


def test_a_folder_with_spaces_and_pictures(twin: Twin, chat: Path, tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "my exports"
    folder.mkdir()
    chat.rename(folder / "kitchen & co.txt")
    (folder / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    assert twin("create", "me", "--speaker", "Otto", folder).status == 0
    assert sorted(stored(home)) == ["000000", "files.json"]


def test_a_draft_that_was_left_makes_way(twin: Twin, chat: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twin.pipeline.creation._remove", lambda *_: None)
    monkeypatch.setattr("twin.pipeline.uploads.complete", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    assert twin("create", "me", "--speaker", "Otto", chat).status == 130
    monkeypatch.undo()
    monkeypatch.setenv("TWIN_HOME", str(home))
    assert stored(home) == ["000000"]
    assert "never completed" in twin("status").out
    assert twin("create", "me", "--speaker", "Otto", chat).status == 0
    assert sorted(stored(home)) == ["000000", "files.json"]
    assert len(json.loads(twin("status", "--json").out)) == 1


def test_deleting_leaves_no_trace(twin: Twin, chat: Path, home: Path) -> None:
    twin("create", "me", "--speaker", "Mira Holt", chat)
    twin("create", "other", "--speaker", "Otto", chat)
    ended = twin("delete", "me", "--yes")
    assert ended.status == 0
    assert "me is gone: 2 files" in ended.out
    assert sorted(stored(home)) == ["000000", "files.json"]
    assert [one["name"] for one in json.loads(twin("status", "--json").out)] == ["other"]
    twin("delete", "other", "--yes")
    assert stored(home) == []
    for path in home.rglob("*"):
        assert not path.is_file() or b"Mira" not in path.read_bytes()


def test_a_twin_that_is_not_there(twin: Twin, chat: Path) -> None:
    twin("create", "me", "--speaker", "Otto", chat)
    assert "no run has read its chats" in twin("chat", "me", "--once", "hi").err
    for command in ("delete", "run", "chat", "status"):
        ended = twin(command, "you")
        assert ended.status == 2
        assert "There is no twin called 'you'. There is: me." in ended.err


def test_without_a_terminal_deleting_must_be_meant(twin: Twin, chat: Path, home: Path) -> None:
    twin("create", "me", "--speaker", "Otto", chat)
    ended = twin("delete", "me")
    assert ended.status == 2
    assert "Add --yes" in ended.err
    assert len(stored(home)) == 2


def test_with_a_terminal_deleting_asks(twin: Twin, chat: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    twin("create", "me", "--speaker", "Otto", chat)
    monkeypatch.setattr("twin.cli.invocation.Invocation.interactive", True)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    ended = twin("delete", "me")
    assert ended.status == 130
    assert "Delete me with its chats" in ended.out
    assert len(stored(home)) == 2
    assert twin("delete", "me", "--yes").status == 0
