"""Signal: its plaintext export and signal-export."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.ingest.uploads import read_upload, survives, utc

from twin.domain.messages import Kind


def _item(number: int, author: int, **more: Any) -> dict[str, Any]:
    way = {"outgoing": {}} if author == 1 else {"incoming": {}}
    return {
        "chatItem": {
            "chatId": "10",
            "authorId": str(author),
            "dateSent": str(1_700_000_000_000 + number),
            **way,
            **more,
        }
    }


def _said(text: str, **more: Any) -> dict[str, Any]:
    return {"standardMessage": {"text": {"body": text}, **more}}


FRAMES: list[dict[str, Any]] = [
    {"version": "1", "backupTimeMs": "1700000000000"},
    {"account": {"givenName": "Ana", "familyName": "Ruiz"}},
    {"recipient": {"id": "1", "self": {}}},
    {"recipient": {"id": "2", "contact": {"aci": "abc", "profileGivenName": "Ben", "e164": "491511"}}},
    {"recipient": {"id": "3", "group": {"snapshot": {"title": {"title": "Club"}}}}},
    {"chat": {"id": "10", "recipientId": "2"}},
    {"chat": {"id": "11", "recipientId": "3"}},
    {"chat": {"id": "12", "recipientId": "1"}},
    _item(1, 2, **_said("hi")),
    _item(2, 1, **_said("hello", quote={"targetSentTimestamp": "1700000000001", "authorId": "2"})),
    _item(3, 2, **_said("look", attachments=[{"pointer": {}}])),
    _item(4, 2, remoteDeletedMessage={}),
    _item(5, 2, updateMessage={"individualCall": {}}),
    _item(6, 2, updateMessage={"simpleUpdate": {}}),
    _item(7, 1, **_said("mended", quote={"text": {"body": "quoted"}}), revisions=[{}]),
    _item(8, 2, stickerMessage={}),
    {"chatItem": {"chatId": "11", "authorId": "2", "dateSent": "1700000000009", "incoming": {}, **_said("to all")}},
    {"chatItem": {"chatId": "12", "authorId": "1", "dateSent": "1700000000010", "outgoing": {}, **_said("note")}},
]
JSONL = "\n".join(json.dumps(frame) for frame in FRAMES)


def test_plaintext_export(tmp_path: Path) -> None:
    read = read_upload(tmp_path, {"signal/main.jsonl": JSONL + "\nnot json\n", "signal/metadata.json": {"version": 1}})
    assert read.texts == ["hi", "hello", "look", "", "", "", "mended", "", "to all", "note"]
    assert read.kinds == [
        Kind.TEXT, Kind.TEXT, Kind.MEDIA, Kind.DELETED, Kind.CALL, Kind.SYSTEM, Kind.EDITED, Kind.MEDIA, Kind.TEXT, Kind.TEXT,
    ]  # fmt: skip
    assert read.senders[:2] == ["Ben", "Ana Ruiz"]
    assert (read.messages[0].sender_id, read.messages[1].reply_to, read.messages[6].reply_to) == ("abc", "hi", "quoted")
    assert read.chats[-3:] == ["Ben", "Club", "Note to Self"]
    assert read.times[0] == utc(2023, 11, 14, 22, 13, 20, 1000)
    assert (read.report.owner, read.report.owner_id) == ("Ana Ruiz", "self")
    assert read.report.unmatched == [19]
    assert not read.skipped


MARKDOWN = """[2019-12-24, 12:23] Ben: Hello Ana!
[2019-12-24, 12:24] Me: two
lines: here  
[2019-12-24, 12:25] Ben: look![a.jpg](./media/a.jpg)  
[2019-12-24, 12:26] Me: 
> look

nice
(- Ben: 👍 -)
[2019-12-24, 12:27] Me: (This message was deleted)
"""  # noqa: W291


def test_markdown(tmp_path: Path) -> None:
    read = read_upload(tmp_path, {"Ben/chat.md": MARKDOWN, "Eva.txt": "[2019-12-24, 12:23] Eva: hi\n"})
    ben = [message for message in read.messages if message.chat == "Ben"]
    assert [message.text for message in ben] == ["Hello Ana!", "two\nlines: here", "look", "nice", ""]
    assert "hi" in read.texts
    assert [message.kind for message in ben] == [Kind.TEXT, Kind.TEXT, Kind.MEDIA, Kind.TEXT, Kind.DELETED]
    assert [message.sender for message in ben] == ["Ben", "Me", "Ben", "Me", "Me"]
    assert ben[3].reply_to == "look"
    assert ben[0].sent_at == datetime(2019, 12, 24, 12, 23)
    assert read.report.owner == "Me"


def test_json_is_taken_before_markdown(tmp_path: Path) -> None:
    rows = [
        {"date": "2024-01-01T10:00:00", "sender": "Ben", "body": "hi  ", "quote": "", "sticker": None, "reactions": [], "attachments": []},
        {"date": "2024-01-01T10:01:00", "sender": "Me", "body": "ho", "quote": "\n> hi\n\n", "attachments": [{"name": "a", "path": "b"}]},
    ]  # fmt: skip
    files = {"Ben/data.json": "\n".join(map(json.dumps, rows)), "Ben/chat.md": "[2024-01-01 10:00:00] Ben: hi\n"}
    read = read_upload(tmp_path, files)
    assert read.texts == ["hi", "ho"]
    assert read.kinds == [Kind.TEXT, Kind.MEDIA]
    assert read.messages[1].reply_to == "hi"
    assert not read.skipped


def test_whatever_is_wrong(tmp_path: Path) -> None:
    survives(tmp_path / "a", {"main.jsonl": JSONL})
    survives(tmp_path / "b", {"Ben/chat.md": MARKDOWN})
