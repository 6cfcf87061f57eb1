"""Google Takeout: Chat, Hangouts, Voice."""

from pathlib import Path
from typing import Any

from tests.ingest.uploads import read_upload, survives, utc

from twin.domain.messages import Kind

ANA = {"name": "Ana Ruiz", "email": "ana@example.org", "user_type": "Human"}
BEN = {"name": "Ben", "email": "ben@example.org", "user_type": "Human"}
CHAT: dict[str, Any] = {
    "Takeout/Google Chat/Groups/DM x1/messages.json": {
        "messages": [
            {"creator": ANA, "created_date": "Friday, May 29, 2026 at 3:00:29\u202fAM UTC", "text": "hi", "topic_id": "t"},
            {"creator": BEN, "created_date": "2026年5月29日星期五 UTC 03:01:29", "text": "ho", "quoted_message_metadata": {"text": "hi"}},
            {"creator": BEN, "created_date": "viernes, 29 de mayo de 2026, 3:02:29 UTC", "attached_files": [{"original_name": "a"}]},
            {"creator": ANA, "created_date": "Friday, 29 May 2026 at 15:03:29 UTC", "message_state": "DELETED"},
            {"creator": ANA, "created_date": "29 May 2026 at 15:04:29 UTC", "text": "mended", "updated_date": "x"},
        ]
    },
    "Takeout/Google Chat/Groups/DM x1/group_info.json": {"members": [ANA, BEN]},
    "Takeout/Google Chat/Groups/Space y/messages.json": {
        "messages": [{"creator": BEN, "created_date": "Friday, May 29, 2026 at 4:00:29 PM UTC", "text": "all"}]
    },
    "Takeout/Google Chat/Groups/Space y/group_info.json": {"name": "Club", "members": []},
    "Takeout/Google Chat/Users/User 1/user_info.json": {"user": ANA, "membership_info": []},
}  # fmt: skip


def test_chat(tmp_path: Path) -> None:
    read = read_upload(tmp_path, CHAT)
    assert read.texts == ["hi", "ho", "", "", "mended", "all"]
    assert read.kinds == [Kind.TEXT, Kind.TEXT, Kind.MEDIA, Kind.DELETED, Kind.EDITED, Kind.TEXT]
    assert read.chats == ["Ben"] * 5 + ["Club"]
    assert read.times == [
        utc(2026, 5, 29, 3, 0, 29), utc(2026, 5, 29, 3, 1, 29), utc(2026, 5, 29, 3, 2, 29),
        utc(2026, 5, 29, 15, 3, 29), utc(2026, 5, 29, 15, 4, 29), utc(2026, 5, 29, 16, 0, 29),
    ]  # fmt: skip
    assert read.messages[1].reply_to == "hi"
    assert (read.report.owner, read.report.owner_id) == ("Ana Ruiz", "ana@example.org")
    assert not read.skipped


def _hangout(sender: str, second: int, *texts: str, **more: Any) -> dict[str, Any]:
    segments = [{"type": "LINE_BREAK"} if text == "\n" else {"type": "TEXT", "text": text} for text in texts]
    chat = {"chat_message": {"message_content": {"segment": segments}}} if texts else {}
    return {
        "sender_id": {"gaia_id": sender},
        "timestamp": str(1_500_000_000_000_000 + second * 10**6),
        "self_event_state": {"user_id": {"gaia_id": "1"}},
        "event_type": "REGULAR_CHAT_MESSAGE",
        **chat,
        **more,
    }


HANGOUTS: dict[str, Any] = {
    "conversations": [
        {
            "conversation": {
                "conversation_id": {"id": "c1"},
                "conversation": {
                    "id": {"id": "c1"},
                    "type": "STICKY_ONE_TO_ONE",
                    "self_conversation_state": {"self_read_state": {"participant_id": {"gaia_id": "1"}}},
                    "participant_data": [
                        {"id": {"gaia_id": "1"}, "fallback_name": "Ana"},
                        {"id": {"gaia_id": "2"}, "fallback_name": "Ben"},
                    ],
                },
            },
            "events": [
                _hangout("1", 1, "one", "\n", "two"),
                _hangout("2", 2, "ok"),
                _hangout("2", 3, event_type="HANGOUT_EVENT", hangout_event={}),
                _hangout("2", 4, chat_message={"message_content": {"attachment": [{"embed_item": {}}]}}),
                _hangout("2", 5, event_type="RENAME_CONVERSATION"),
            ],
        }
    ]
}


def test_hangouts(tmp_path: Path) -> None:
    read = read_upload(tmp_path, {"Takeout/Hangouts/Hangouts.json": HANGOUTS})
    assert read.texts == ["one\ntwo", "ok", "", "", ""]
    assert read.kinds == [Kind.TEXT, Kind.TEXT, Kind.CALL, Kind.MEDIA, Kind.SYSTEM]
    assert read.senders == ["Ana", "Ben", "Ben", "Ben", "Ben"]
    assert set(read.chats) == {"Ben"}
    assert read.times[0] == utc(2017, 7, 14, 2, 40, 1)
    assert (read.report.owner, read.report.owner_id) == ("Ana", "1")


def _voice(*rows: tuple[str, str, str]) -> str:
    messages = "".join(
        f'<div class="message"><abbr class="dt" title="{time}">x</abbr>:\n<cite class="sender vcard">{person}</cite>:\n{body}</div>'
        for time, person, body in rows
    )
    return f'<html><head><title>Ben</title></head><body><div class="hChatLog hfeed">{messages}</div></body></html>'


ME = '<a class="tel" href="tel:+15550009"><abbr class="fn" title="">Me</abbr></a>'
OTHER = '<a class="tel" href="tel:+15550001"><span class="fn">Ben</span></a>'
VOICE = {
    "Takeout/Voice/Calls/Ben - Text - 2020-01-01T10_00_00Z.html": _voice(
        ("2020-01-01T02:00:00.000-08:00", OTHER, "<q>hi &amp; bye<br>then</q>"),
        ("2020-01-01T02:01:00.000-08:00", ME, "<q>ok</q>"),
        ("2020-01-01T02:02:00.000-08:00", OTHER, '<q>MMS Received</q><div><img src="a.jpg"/></div>'),
    ),
    "Takeout/Voice/Calls/Ben - Placed - 2020-01-02T10_00_00Z.html": '<html><body><div class="haudio">'
    f'<div class="contributor vcard">{OTHER}</div><abbr class="published" title="2020-01-02T02:00:00.000-08:00">x</abbr></div></body></html>',
}


def test_voice(tmp_path: Path) -> None:
    read = read_upload(tmp_path, VOICE)
    texts = [message for message in read.messages if message.kind is not Kind.CALL]
    assert [message.text for message in texts] == ["hi & bye\nthen", "ok", ""]
    assert [message.kind for message in texts] == [Kind.TEXT, Kind.TEXT, Kind.MEDIA]
    assert [message.sender for message in texts] == ["Ben", "Me", "Ben"]
    assert texts[0].sent_at == utc(2020, 1, 1, 10, 0)
    assert set(read.chats) == {"Ben"}
    assert [message.sender for message in read.messages if message.kind is Kind.CALL] == ["Me"]
    assert read.report.owner == "Me"


def test_whatever_is_wrong(tmp_path: Path) -> None:
    survives(tmp_path / "chat", CHAT)
    survives(tmp_path / "hangouts", {"Hangouts.json": HANGOUTS})
    survives(tmp_path / "voice", VOICE)
