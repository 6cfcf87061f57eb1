"""`twin parse`."""

import json
from pathlib import Path

from tests.cli.conftest import Twin


def test_it_says_who_wrote_how_much_and_writes_nothing(twin: Twin, chat: Path, home: Path) -> None:
    ended = twin("parse", chat)
    assert ended.status == 0
    assert "kitchen.txt" in ended.out
    assert "Mira Holt 60, Otto 30" in ended.out
    assert not home.exists()


def test_the_report_as_json(twin: Twin, chat: Path) -> None:
    value = json.loads(twin("parse", "--json", chat).out)
    assert value["messages"] == 90
    assert value["exports"][0]["written_by_sender"] == {"Mira Holt": 60, "Otto": 30}
    assert value["skipped"] == []


def test_messages_are_verbatim(twin: Twin, tmp_path: Path) -> None:
    path = tmp_path / "exact.txt"
    path.write_text("Ana: Héllo  wörld 🎉  \nBen: ça va ?\n" * 12, "utf-8")
    rows = [json.loads(row) for row in twin("parse", "--messages", "--json", path).out.splitlines()]
    assert len(rows) == 24
    assert list(rows[0])[:7] == ["platform", "chat", "sender", "sent_at", "kind", "text", "reply_to"]
    assert [row["text"].rstrip() for row in rows[:2]] == ["Héllo  wörld 🎉", "ça va ?"]


def test_messages_cannot_steer_the_terminal(twin: Twin, tmp_path: Path) -> None:
    path = tmp_path / "escape.txt"
    path.write_text("Ana: \x1b]0;owned\x07 hi\nBen: fine\n" * 12, "utf-8")
    out = twin("parse", "--messages", path).out
    assert "\x1b" not in out
    assert "\\x1b]0;owned" in out


def test_what_is_no_chat(twin: Twin, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "picture.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(100))
    for name in ("empty.txt", "picture.jpg", "not there.txt"):
        ended = twin("parse", tmp_path / name)
        assert ended.status == 2
        assert name in ended.err
        assert ended.err.count("\n") == 1


def test_files_that_were_not_read_are_named(twin: Twin, chat: Path) -> None:
    (chat.parent / "picture.bin").write_bytes(b"\x00\x01\x02" * 100)
    ended = twin("parse", chat, chat.parent / "picture.bin")
    assert ended.status == 0
    assert "picture.bin is a binary" in ended.out
