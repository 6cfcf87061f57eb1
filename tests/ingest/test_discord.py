"""Discord: DiscordChatExporter's files and the official package."""

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from tests.ingest.uploads import read_upload, survives, utc

from twin.domain.messages import Kind

CHANNEL = {"id": "77", "type": "GuildTextChat", "name": "general"}


def _message(number: int, content: str = "", *, who: str = "mia", **more: Any) -> dict[str, Any]:
    return {
        "id": str(1000 + number),
        "type": "Default",
        "timestamp": f"2024-01-15T10:{number:02}:00.123+01:00",
        "timestampEdited": None,
        "content": content,
        "author": {"id": f"id-{who}", "name": who, "nickname": who.title(), "isBot": False},
        "attachments": [],
        "embeds": [],
        **more,
    }


def _channel(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    guild = {"id": "5", "name": "Club"}
    return {"guild": guild, "channel": CHANNEL, "dateRange": {}, "messages": list(messages), "messageCount": 1, **more}


def test_exporter_json(tmp_path: Path) -> None:
    reply = _message(3, "yes", type="Reply", reference={"messageId": "1001", "channelId": "77"})
    files = {
        "Club - general [77] [part 1].json": _channel(_message(1, "first"), _message(2, "second", who="ben")),
        "Club - general [77] [part 10].json": _channel(_message(5, "last")),
        "Club - general [77] [part 2].json": _channel(reply),
        "Direct Messages - ben [78].json": _channel(
            _message(4, "psst"),
            guild={"id": "0", "name": "Direct Messages"},
            channel={"id": "78", "type": "DirectTextChat", "name": "ben"},
        ),
    }
    read = read_upload(tmp_path, files)
    assert read.texts == ["first", "second", "yes", "last", "psst"]
    assert read.chats == ["Club #general"] * 4 + ["ben"]
    assert read.senders == ["Mia", "Ben", "Mia", "Mia", "Mia"]
    assert read.messages[0].sender_id == "id-mia"
    assert read.messages[2].reply_to == "first"
    assert read.times[0] == datetime(2024, 1, 15, 10, 1, 0, 123000, tzinfo=timezone(timedelta(hours=1)))
    assert read.report.dialect == "DiscordChatExporter, json"


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"content": "hi"}, Kind.TEXT),
        ({"content": "https://example.org", "embeds": [{"title": "x"}]}, Kind.TEXT),
        ({"content": "mended", "timestampEdited": "2024-01-15T11:00:00+01:00"}, Kind.EDITED),
        ({"content": "my cat", "attachments": [{"fileName": "cat.png"}]}, Kind.MEDIA),
        ({"stickers": [{"name": "wave"}]}, Kind.MEDIA),
        ({"type": "Call", "content": "Started a call that lasted 5 minutes."}, Kind.CALL),
        ({"type": "ChannelNameChange", "content": "Changed the channel name: x"}, Kind.SYSTEM),
        ({"content": "", "forwardedMessage": {"content": "not mine"}}, Kind.FORWARD),
        ({"content": ""}, Kind.EMPTY),
    ],
)
def test_kinds(tmp_path: Path, more: dict[str, Any], kind: Kind) -> None:
    assert read_upload(tmp_path, {"a.json": _channel(_message(1, **more))}).kinds == [kind]


def test_exporter_csv(tmp_path: Path) -> None:
    lines = [
        "AuthorID,Author,Date,Content,Attachments,Reactions",
        '"11","mia","2024-01-15T10:30:00.0000000+00:00","two\nlines, ""quoted""","",""',
        '"12","ben","2024-01-15T10:31:00.0000000+00:00","","https://cdn.example.org/a.png",""',
        '"12","ben","2024-01-15T10:32:00.0000000+00:00","Started a call that lasted 3 minutes.","",""',
        '"12","ben","not a date","x","",""',
    ]
    read = read_upload(tmp_path, {"Direct Messages - ben [123456789012345678].csv": "\r\n".join(lines)})
    assert read.texts == ['two\nlines, "quoted"', "", "Started a call that lasted 3 minutes."]
    assert read.kinds == [Kind.TEXT, Kind.MEDIA, Kind.CALL]
    assert read.senders == ["mia", "ben", "ben"]
    assert read.times[0] == utc(2024, 1, 15, 10, 30)
    assert set(read.chats) == {"Direct Messages - ben"}
    assert (read.report.unmatched_count, read.report.unmatched) == (1, [6])


PACKAGE: dict[str, Any] = {
    "package/account/user.json": {
        "id": "9", "username": "mia", "global_name": "Mia", "relationships": [{"user": {"id": "12", "username": "ben"}}],
    },
    "package/messages/index.json": {"77": "general in Club", "78": None, "79": "Direct Message with ben#0"},
    "package/messages/c77/channel.json": {"id": "77", "type": 0, "name": "general", "guild": {"id": "5", "name": "Club"}},
    "package/messages/c77/messages.csv": "ID,Timestamp,Contents,Attachments\r\n"
    "3,2024-01-15 10:32:00.123000+00:00,late <:wave:123456789012345678>,\r\n"
    '2,2024-01-15 10:31:00+00:00,"hey <@12>, <@!13>",\r\n'
    "1,2024-01-15 10:30:00+00:00,,https://cdn.example.org/a.png\r\n",
    "package/messages/c78/channel.json": {"id": "78", "type": 1},
    "package/messages/c78/messages.json": [{"ID": 1, "Timestamp": "2024-01-16 10:30:00", "Contents": "psst", "Attachments": ""}],
    "package/messages/c79/channel.json": {"id": "79", "type": 1},
    "package/messages/c79/messages.json": [],
}  # fmt: skip


def test_package(tmp_path: Path) -> None:
    read = read_upload(tmp_path, PACKAGE)
    assert read.texts == ["", "hey @ben, @13", "late :wave:", "psst"]
    assert read.kinds == [Kind.MEDIA, Kind.TEXT, Kind.TEXT, Kind.TEXT]
    assert read.chats == ["general in Club"] * 3 + ["78"]
    assert set(read.senders) == {"Mia"}
    assert read.times[0] == utc(2024, 1, 15, 10, 30)
    assert read.times[3] == utc(2024, 1, 16, 10, 30)
    assert (read.report.owner, read.report.owner_id) == ("Mia", "9")
    assert not read.skipped


def test_whatever_is_wrong(tmp_path: Path) -> None:
    survives(
        tmp_path / "json", {"a.json": _channel(_message(1, "a"), _message(2, "b", reference={"messageId": "1001"}))}
    )
    survives(tmp_path / "package", PACKAGE)
