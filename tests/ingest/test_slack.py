"""Slack's workspace export."""

from pathlib import Path
from typing import Any

import pytest
from tests.ingest.uploads import read_upload, survives, utc

from twin.domain.messages import Kind


def _message(stamp: int, text: str = "", user: str = "U1", **more: Any) -> dict[str, Any]:
    return {"type": "message", "user": user, "ts": f"17000000{stamp:02}.000100", "text": text, **more}


EXPORT: dict[str, Any] = {
    "users.json": [
        {"id": "U1", "name": "ana", "profile": {"display_name": "Ana", "real_name": "Ana Ruiz"}},
        {"id": "U2", "name": "ben", "profile": {"display_name": "", "real_name": "Ben Lee"}},
        {"id": "U3", "name": "eva", "real_name": "Eva"},
    ],
    "channels.json": [{"id": "C1", "name": "general", "members": ["U1", "U2"]}],
    "dms.json": [{"id": "D1", "members": ["U1", "U2"]}, {"id": "D2", "members": ["U3", "U1"]}],
    "general/2023-11-14.json": [
        _message(1, "hi <@U2> &amp; <!here>, see <https://example.org|this> in <#C1|general>"),
        _message(2, "yes", "U2", thread_ts="1700000001.000100"),
        _message(3, "<@U3> has joined the channel", "U3", subtype="channel_join"),
    ],
    "general/2023-11-15.json": [_message(9, "later", edited={"user": "U1"})],
    "D1/2023-11-14.json": [_message(4, "psst", "U2")],
    "integration_logs.json": [],
}


def test_workspace(tmp_path: Path) -> None:
    read = read_upload(tmp_path, {f"Example Slack export/{name}": content for name, content in EXPORT.items()})
    general = [message for message in read.messages if message.chat == "general"]
    assert [message.text for message in general] == [
        "hi @Ben Lee & @here, see this in #general", "yes", "@Eva has joined the channel", "later",
    ]  # fmt: skip
    assert [message.kind for message in general] == [Kind.TEXT, Kind.TEXT, Kind.SYSTEM, Kind.EDITED]
    assert [message.sender for message in general] == ["Ana", "Ben Lee", "Eva", "Ana"]
    assert general[0].sent_at == utc(2023, 11, 14, 22, 13, 21, 100)
    assert general[1].reply_to == general[0].text
    assert general[0].sender_id == "U1"
    assert [message.text for message in read.messages if message.chat == "Ben Lee"] == ["psst"]
    assert (read.report.owner, read.report.owner_id) == ("Ana", "U1")
    assert not read.skipped


BLOCKS = [
    {
        "type": "rich_text",
        "elements": [
            {"type": "rich_text_section", "elements": [{"type": "text", "text": "see "}, {"type": "link", "url": "https://example.org"}]},
            {"type": "rich_text_list", "elements": [{"type": "rich_text_section", "elements": [{"type": "user", "user_id": "U1"}, {"type": "emoji", "name": "wave"}]}]},
        ],
    }
]  # fmt: skip


@pytest.mark.parametrize(
    ("more", "kind", "text"),
    [
        ({"blocks": BLOCKS}, Kind.TEXT, "see https://example.org\n@U1:wave:"),
        ({"files": [{"name": "a.png"}], "text": "look"}, Kind.MEDIA, "look"),
        ({"subtype": "bot_message", "username": "Robot", "text": "beep"}, Kind.SYSTEM, "beep"),
        ({"subtype": "tombstone", "text": "This message was deleted."}, Kind.DELETED, "This message was deleted."),
        ({"subtype": "huddle_thread"}, Kind.CALL, ""),
        ({}, Kind.EMPTY, ""),
    ],
)
def test_kinds(tmp_path: Path, more: dict[str, Any], kind: Kind, text: str) -> None:
    read = read_upload(tmp_path, {"general/2023-11-14.json": [_message(1, **more)]})
    assert (read.kinds, read.texts) == ([kind], [text])


def test_whatever_is_wrong(tmp_path: Path) -> None:
    survives(tmp_path, EXPORT)
