"""iMessage: the database and imessage-exporter's text."""

import plistlib
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.ingest.uploads import Read, read_upload, survives, utc

from twin.domain.messages import Kind
from twin.errors import ExportError
from twin.ingest.imessage import attributed_text

SCHEMA = """
CREATE TABLE message (ROWID INTEGER PRIMARY KEY, guid TEXT, text TEXT, attributedBody BLOB, date INTEGER,
  is_from_me INTEGER DEFAULT 0, handle_id INTEGER DEFAULT 0, item_type INTEGER DEFAULT 0,
  associated_message_type INTEGER DEFAULT 0, balloon_bundle_id TEXT, cache_has_attachments INTEGER DEFAULT 0,
  date_edited INTEGER DEFAULT 0, date_retracted INTEGER DEFAULT 0, message_summary_info BLOB, thread_originator_guid TEXT);
CREATE TABLE handle (ROWID INTEGER PRIMARY KEY, id TEXT, service TEXT, person_centric_id TEXT);
CREATE TABLE chat (ROWID INTEGER PRIMARY KEY, guid TEXT, chat_identifier TEXT, display_name TEXT);
CREATE TABLE chat_message_join (chat_id INTEGER, message_id INTEGER);
CREATE TABLE chat_handle_join (chat_id INTEGER, handle_id INTEGER);
INSERT INTO handle VALUES (1, '+15550001', 'iMessage', 'p1'), (2, 'ana@example.org', 'iMessage', 'p1'), (3, '+15550001', 'SMS', 'p1'),
  (4, '+15550002', 'iMessage', NULL);
INSERT INTO chat VALUES (1, 'iMessage;-;+15550001', '+15550001', ''), (2, 'SMS;-;+15550001', '+15550001', NULL),
  (3, 'iMessage;+;chat77', 'chat77', 'Club');
INSERT INTO chat_handle_join VALUES (1, 1), (2, 3), (3, 1), (3, 4);
"""


def _count(*parts: int) -> int:
    """Nanoseconds since 2001."""
    return int((utc(*parts) - datetime(2001, 1, 1, tzinfo=UTC)).total_seconds()) * 10**9


def archived(text: str) -> bytes:
    """An NSAttributedString as a typedstream."""

    def length(count: int) -> bytes:
        return bytes([count]) if count < 128 else b"\x81" + count.to_bytes(2, "little")

    data = text.encode()
    return (
        b"\x04\x0bstreamtyped\x81\xe8\x03\x84\x01@\x84\x84\x84\x12NSAttributedString\x00\x84\x84\x08NSObject\x00\x85"
        b"\x92\x84\x84\x84\x08NSString\x01\x94\x84\x01+" + length(len(data)) + data + b"\x86\x84\x02iI\x01"
        + length(len(text)) + b"\x92\x84\x84\x84\x0cNSDictionary\x00\x94\x84\x01i\x01\x92\x84\x96\x96"
        b"\x1d__kIMMessagePartAttributeName\x86\x92\x84\x84\x84\x08NSNumber\x00\x84\x84\x07NSValue\x00\x94\x84\x01*"
        b"\x84\x99\x99\x00\x86\x86\x86"
    )  # fmt: skip


def _database(folder: Path, *messages: dict[str, Any], name: str = "chat.db") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    with sqlite3.connect(path) as database:
        database.executescript(SCHEMA)
        for number, message in enumerate(messages, 1):
            chat = message.pop("chat", 1)
            row = {"ROWID": number, "guid": f"g{number}", "date": _count(2022, 5, 17, 10, number), **message}
            marks = ",".join("?" * len(row))
            database.execute(f"INSERT INTO message ({','.join(row)}) VALUES ({marks})", list(row.values()))
            if chat:
                database.execute("INSERT INTO chat_message_join VALUES (?, ?)", (chat, number))
    database.close()
    return path


def _read(folder: Path, *messages: dict[str, Any]) -> Read:
    _database(folder, *messages)
    return read_upload(folder, {})


def test_attributed_text() -> None:
    for text in ("hi", "schön 😀", "x" * 5000):
        assert attributed_text(archived(text)) == text
    assert attributed_text(archived("hello")[:70]) is None
    assert attributed_text(b"\x04\x0bstreamtyped" + b"\x84" * 100) is None


def test_chats_people_and_times(tmp_path: Path) -> None:
    read = _read(
        tmp_path,
        {"text": "hi", "handle_id": 1},
        {"attributedBody": archived("hello there"), "is_from_me": 1},
        {"text": "by SMS", "handle_id": 3, "chat": 2},
        {"text": "to all", "handle_id": 4, "chat": 3, "date": 550_000_000},
        {"text": "from the address", "handle_id": 2, "chat": 3},
        {"text": "in no chat", "handle_id": 4, "chat": None},
    )
    assert read.texts == ["hi", "hello there", "by SMS", "to all", "from the address", "in no chat"]
    assert read.chats == ["+15550001"] * 3 + ["Club"] * 2 + ["+15550002"]
    assert read.senders == ["+15550001", "Me", "+15550001", "+15550002", "+15550001", "+15550002"]
    assert read.times[0] == utc(2022, 5, 17, 10, 1)
    assert read.times[3] == utc(2018, 6, 6, 17, 46, 40)
    assert read.report.owner == "Me"


@pytest.mark.parametrize(
    ("row", "kind", "text"),
    [
        ({"text": "hi"}, Kind.TEXT, "hi"),
        ({"text": "mended", "date_edited": 5}, Kind.EDITED, "mended"),
        ({"text": "\ufffcmy cat", "cache_has_attachments": 1}, Kind.MEDIA, "my cat"),
        (
            {"text": "https://example.org", "balloon_bundle_id": "com.apple.messages.URLBalloonProvider"},
            Kind.TEXT,
            "https://example.org",
        ),
        ({"text": "\ufffd", "balloon_bundle_id": "com.apple.DigitalTouchBalloonProvider"}, Kind.MEDIA, ""),
        ({"text": "Loved “hi”", "associated_message_type": 2000}, Kind.REACTION, "Loved “hi”"),
        ({"text": None, "associated_message_type": 3006}, Kind.REACTION, ""),
        ({"item_type": 2}, Kind.SYSTEM, ""),
        ({"item_type": 4}, Kind.LOCATION, ""),
        ({"date_retracted": 5}, Kind.DELETED, ""),
        (
            {"date_edited": 5, "message_summary_info": plistlib.dumps({"rp": [0]}, fmt=plistlib.FMT_BINARY)},
            Kind.DELETED,
            "",
        ),
        ({"text": None}, Kind.EMPTY, ""),
    ],
)
def test_kinds(tmp_path: Path, row: dict[str, Any], kind: Kind, text: str) -> None:
    read = _read(tmp_path, row)
    assert (read.kinds, read.texts) == ([kind], [text])


def test_reply_and_damaged_text(tmp_path: Path) -> None:
    read = _read(
        tmp_path, {"text": "when?"}, {"text": "now", "thread_originator_guid": "g1"}, {"attributedBody": b"junk"}
    )
    assert [message.reply_to for message in read.messages] == [None, "when?", None]
    assert "could not be decoded" in read.report.warnings[0]


def test_database_that_was_not_merged_yet(tmp_path: Path) -> None:
    path = _database(tmp_path / "live")
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("INSERT INTO message (ROWID, guid, text, date) VALUES (1, 'g', 'late', 1)")
    database.execute("INSERT INTO chat_message_join VALUES (1, 1)")
    copy = {f"copy/{file.name}": file.read_bytes() for file in path.parent.iterdir()}
    database.close()
    read = read_upload(tmp_path / "upload", copy)
    assert read.texts == ["late"]
    assert not read.skipped


def test_backup_name_and_other_databases(tmp_path: Path) -> None:
    _database(tmp_path / "a", {"text": "hi"}, name="3d0d7e5fb2ce288813306e4d4636395e047a3d28")
    assert read_upload(tmp_path / "a", {}).texts == ["hi"]
    with sqlite3.connect(tmp_path / "chat.db") as other:
        other.execute("CREATE TABLE message (x)")
    other.close()
    with pytest.raises(ExportError, match="none of Messages"):
        read_upload(tmp_path / "b", {"chat.db": (tmp_path / "chat.db").read_bytes()})
    data = _database(tmp_path / "c", {"text": "hi"}).read_bytes()
    with pytest.raises(ExportError, match="no whole database"):
        read_upload(tmp_path / "d", {"chat.db": data[:5000]})


TEXT = """May 17, 2022  5:29:42 PM (Read by them after 1 minute, 3 seconds)
Me
Hello!

How are you?
Tapbacks:
Loved by Ana

May 17, 2022  5:30:01 PM
Ana
Fine
    May 17, 2022  5:40:00 PM
    Me
    good

Jun 01, 2022  1:00:00 AM Ana renamed the conversation to Holidays

Jun 01, 2022 11:00:00 PM
Me
/Users/me/Library/Messages/Attachments/IMG_1.HEIC
look
Sent with Lasers

May 17, 2022  5:40:00 PM
Me
good
This message responded to an earlier message.

Jun 02, 2022 11:00:00 PM
Ana
Jun 02, 2022 11:00:00 PM frist
Edited 5 seconds later: first

Jun 02, 2022 11:00:09 PM
Ana
https://example.org/a
A title
And a summary

Jun 02, 2022 11:01:00 PM
Ana
They deleted a message.

"""


def test_exporter_text(tmp_path: Path) -> None:
    read = read_upload(tmp_path, {"imessage_export/+15550001.txt": TEXT, "imessage_export/Club.txt": TEXT[:150]})
    ana = [message for message in read.messages if message.chat == "+15550001"]
    assert [message.text for message in ana] == [
        "Hello!\n\nHow are you?", "Fine", "Ana renamed the conversation to Holidays", "look", "good", "first",
        "https://example.org/a", "They deleted a message.",
    ]  # fmt: skip
    assert [message.kind for message in ana] == [
        Kind.TEXT, Kind.TEXT, Kind.SYSTEM, Kind.MEDIA, Kind.TEXT, Kind.EDITED, Kind.TEXT, Kind.DELETED,
    ]  # fmt: skip
    assert [message.sender for message in ana] == ["Me", "Ana", None, "Me", "Me", "Ana", "Ana", "Ana"]
    assert ana[0].sent_at == datetime(2022, 5, 17, 17, 29, 42)
    assert ana[4].reply_to == "Fine"
    assert read.report.owner == "Me"
    assert set(read.chats) == {"+15550001", "Club"}


def test_whatever_is_wrong(tmp_path: Path) -> None:
    data = _database(tmp_path / "made", {"text": "hi"}, {"attributedBody": archived("ho")}).read_bytes()
    survives(tmp_path / "db", {"chat.db": data})
    survives(tmp_path / "text", {"a.txt": TEXT})
