"""Telegram's JSON and HTML."""

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from tests.ingest.uploads import Read, read_upload, survives, utc

from twin.domain.messages import Kind
from twin.errors import ExportError


def _message(number: int, text: Any = "", **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "type": "message",
        "date": f"2023-07-01T12:{number:02}:00",
        "date_unixtime": str(1688205600 + 60 * number),  # UTC+02:00
        "from": "Nora",
        "from_id": "user1",
        "text": text,
        **more,
    }


def _chat(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "Paul", "type": "personal_chat", "id": 2, "messages": list(messages), **more}


def _read(folder: Path, content: Any) -> Read:
    return read_upload(folder, {"ChatExport_2023-07-01/result.json": content})


BOB = {"from": "Paul", "from_id": "user2"}


def test_one_chat(tmp_path: Path) -> None:
    read = _read(
        tmp_path,
        _chat(
            _message(1, "Hi!\nHow are you?"),
            _message(
                2, ["see ", {"type": "link", "text": "example.org"}, ", ", {"type": "bold", "text": "now"}], **BOB
            ),
            _message(3, "no", reply_to_message_id=2),
            _message(4, "typo mended", edited="2023-07-01T13:00:00", edited_unixtime="1688209200"),
            _message(5, "not edited", edited="1970-01-01T01:00:00"),
        ),
    )
    assert read.texts == ["Hi!\nHow are you?", "see example.org, now", "no", "typo mended", "not edited"]
    assert read.senders == ["Nora", "Paul", "Nora", "Nora", "Nora"]
    assert read.kinds == [Kind.TEXT, Kind.TEXT, Kind.TEXT, Kind.EDITED, Kind.TEXT]
    assert read.times[0] == datetime(2023, 7, 1, 12, 1, tzinfo=timezone(timedelta(hours=2)))
    assert [message.reply_to for message in read.messages] == [None, None, "see example.org, now", None, None]
    assert set(read.chats) == {"Paul"}
    assert read.messages[0].sender_id == "user1"
    assert (read.report.platform, read.report.dialect) == ("telegram", "json, one chat")
    assert (read.report.owner, read.report.owner_id) == ("Nora", "user1")
    assert read.report.time_zone == "offset from date_unixtime"


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"photo": "(File not included.)", "text": "look"}, Kind.MEDIA),
        ({"media_type": "voice_message", "file": "voice.ogg"}, Kind.MEDIA),
        ({"media_type": "sticker", "sticker_emoji": "😀"}, Kind.MEDIA),
        ({"forwarded_from": None, "text": "not mine"}, Kind.FORWARD),
        ({"forwarded_from": "News", "photo": "x.jpg"}, Kind.FORWARD),
        ({"via_bot": "@gif", "text": "hello"}, Kind.FORWARD),
        ({"saved_from": "News", "text": "hello"}, Kind.FORWARD),
        ({"poll": {"question": "When?", "answers": []}}, Kind.POLL),
        ({"location_information": {"latitude": 1.5, "longitude": 2.5}}, Kind.LOCATION),
        ({"contact_information": {"first_name": "A"}, "contact_vcard": "a.vcf"}, Kind.CONTACT),
        ({"type": "service", "action": "phone_call", "actor": "Nora", "actor_id": "user1"}, Kind.CALL),
        ({"type": "service", "action": "pin_message", "actor": "Nora", "actor_id": "user1"}, Kind.SYSTEM),
        ({"type": "unsupported"}, Kind.EMPTY),
        ({"text": []}, Kind.EMPTY),
    ],
)
def test_kinds(tmp_path: Path, more: dict[str, Any], kind: Kind) -> None:
    read = _read(tmp_path, _chat(_message(1, **more)))
    assert read.kinds == [kind]
    assert read.senders == ["Nora"]


def test_rich_message(tmp_path: Path) -> None:
    blocks = [
        {"type": "heading", "text": ["To ", {"bold": True, "text": "do"}]},
        {"items": [{"text": "milk"}, {"text": "tea"}]},
    ]
    read = _read(tmp_path, _chat(_message(1, "", rich_message={"blocks": blocks})))
    assert read.texts == ["To do\nmilk\ntea"]
    assert read.kinds == [Kind.TEXT]


def test_account(tmp_path: Path) -> None:
    account = {
        "about": "Here is the data you requested.",
        "personal_information": {"user_id": 1, "first_name": "Nora", "bio": "hi"},
        "chats": {
            "about": "…",
            "list": [
                _chat(_message(1, "one"), _message(2, "two", **BOB)),
                {"name": "Club", "type": "private_group", "id": 7, "messages": [_message(1, "three", **BOB)]},
                {"name": "Club", "type": "private_group", "id": 8, "messages": [_message(1, "four", **BOB)]},
                {"type": "saved_messages", "id": 1, "messages": [_message(1, "five")]},
                {"name": None, "type": "personal_chat", "id": 9, "messages": [_message(1, "six")]},
            ],
        },
        "left_chats": {
            "list": [
                {
                    "name": "Old",
                    "type": "public_channel",
                    "id": 5,
                    "messages": [_message(1, "post", **{"from": None, "from_id": None})],
                }
            ]
        },
    }
    read = _read(tmp_path, account)
    assert read.texts == ["one", "two", "three", "four", "five", "six", "post"]
    assert read.chats == ["Paul", "Paul", "Club", "Club (8)", "Saved Messages", "personal_chat 9", "Old"]
    assert read.senders == ["Nora", "Paul", "Paul", "Paul", "Nora", "Nora", "Old"]
    assert (read.report.owner, read.report.owner_id) == ("Nora", "user1")
    assert read.report.dialect == "json, account"


def test_replies_stay_in_their_chat(tmp_path: Path) -> None:
    chats = [
        _chat(_message(1, "first"), _message(2, "x", reply_to_message_id=1)),
        _chat(_message(1, "second", **BOB), _message(2, "y", reply_to_message_id=1), name="Ida", id=3),
        _chat(_message(3, "z", reply_to_message_id=1, reply_to_peer_id="channel1"), name="Eva", id=4),
    ]
    read = _read(tmp_path, {"about": "", "personal_information": {}, "chats": {"list": chats}})
    assert [message.reply_to for message in read.messages] == [None, "first", None, "second", None]


def test_deleted_account_and_channel_post(tmp_path: Path) -> None:
    read = _read(tmp_path, _chat(_message(1, "gone", **{"from": None, "from_id": "user77"})))
    assert read.senders == ["user77"]


def test_owner_is_left_open_where_ids_do_not_fit(tmp_path: Path) -> None:
    read = _read(tmp_path, _chat(_message(1, "a"), _message(2, "b", **{"from": "Eva", "from_id": "user3"})))
    assert read.report.owner is None


def test_times_without_unixtime_are_wall_clock(tmp_path: Path) -> None:
    old = _message(1, "a")
    del old["date_unixtime"]
    read = _read(tmp_path, _chat(old))
    assert read.times == [datetime(2023, 7, 1, 12, 1)]
    assert read.report.time_zone == "wall clock, no zone stated"


def test_minimal_export_with_unixtime_only(tmp_path: Path) -> None:
    message = {
        "type": "message",
        "date_unixtime": "1544006350",
        "from": "A",
        "text": ["see: ", {"type": "link", "text": "x"}],
    }
    read = _read(tmp_path, {"messages": [message]})
    assert read.times == [utc(2018, 12, 5, 10, 39, 10)]
    assert read.texts == ["see: x"]
    batch = read_upload(tmp_path / "batch", {"a.json": {"chats": {"list": [{"name": "C", "messages": [message]}]}}})
    assert batch.chats == ["C"]


def test_invalid_json_is_mended(tmp_path: Path) -> None:
    text = json.dumps(
        _chat(_message(1, [{"type": "custom_emoji", "text": "😁", "document_id": "@"}, "BELL\\x07 b"])), indent=1
    )
    text = text.replace('"@"', "video_files/sticker (2).webm").replace("BELL", "\\x07")
    assert _read(tmp_path, text).texts == ["😁\x07\\x07 b"]


def test_line_break_at_the_end(tmp_path: Path) -> None:
    assert _read(tmp_path, json.dumps(_chat(_message(1, "a")), indent=1) + "\n").texts == ["a"]


def test_double_key(tmp_path: Path) -> None:
    text = json.dumps(_chat(_message(1, "gift"))).replace('"text": "gift"', '"text": "gift", "text": ""')
    assert _read(tmp_path, text).texts == ["gift"]


def test_cut_in_the_middle(tmp_path: Path) -> None:
    text = json.dumps(_chat(*(_message(number, "secret") for number in range(1, 50))))
    read = _read(tmp_path, text[: len(text) // 2])
    assert 20 < len(read.messages) < 30
    assert "breaks off" in read.report.warnings[0]
    assert "secret" not in read.report.warnings[0]
    with pytest.raises(ExportError, match="before any message"):
        _read(tmp_path / "early", text[:120])


def test_encodings_and_very_long_lines(tmp_path: Path) -> None:
    long = "é" * 10_000_000
    content = json.dumps(_chat(_message(1, long)), ensure_ascii=False)
    assert _read(tmp_path / "utf8", b"\xef\xbb\xbf" + content.encode()).texts == [long]
    small = json.dumps(_chat(_message(1, "schön")), ensure_ascii=False)
    assert _read(tmp_path / "utf16", small.encode("utf-16")).texts == ["schön"]
    assert _read(tmp_path / "damaged", small.encode().replace(b"\xc3\xb6", b"\xff")).texts == ["sch\ufffdn"]


def test_bomb_of_brackets(tmp_path: Path) -> None:
    with pytest.raises(ExportError):
        _read(tmp_path, b'{"name":"a","type":"x","id":1,"messages":' + b"[" * 500_000)


def test_whatever_is_wrong(tmp_path: Path) -> None:
    chat = _chat(
        _message(1, "one", reply_to_message_id=1),
        _message(2, [{"text": "a"}, "b"]),
        _message(3, rich_message={"blocks": [{"text": "x"}]}),
    )
    survives(tmp_path, {"result.json": chat})


PAGE = """<!DOCTYPE html><html><head><meta charset="utf-8"/><title>Exported Data</title></head>
<body onload="CheckLocation();"><div class="page_wrap"><div class="page_header"><div class="content">
<div class="text bold">
Paul
</div></div></div><div class="page_body chat_page"><div class="history">%s</div></div></div></body></html>"""


def _html(number: int, body: str, *, name: str | None = "Nora", zone: str = " UTC+02:00") -> str:
    joined = "" if name else " joined"
    header = f'<div class="from_name">\n{name}\n</div>' if name else ""
    return f"""<div class="message default clearfix{joined}" id="message{number}"><div class="body">
<div class="pull_right date details" title="01.07.2023 12:{number:02}:00{zone}">12:{number:02}</div>{header}{body}</div></div>"""


def _page(*messages: str) -> str:
    return PAGE % "".join(messages)


def test_html(tmp_path: Path) -> None:
    first = _page(
        '<div class="message service" id="message-1"><div class="body details">\n1 July 2023\n</div></div>',
        '<div class="message service" id="message1"><div class="body details">Nora pinned a message</div></div>',
        _html(2, '<div class="text">\nHi <strong>there</strong>!<br>1 &lt; 2\n</div>'),
        _html(3, '<div class="text">again</div>', name=None),
        _html(
            4,
            '<div class="reply_to details">In reply to <a href="#go_to_message2">this message</a></div><div class="text">yes</div>',
            name="Paul",
        ),
    )
    second = _page(
        _html(5, '<div class="forwarded body"><div class="from_name">News</div><div class="text">big</div></div>'),
        _html(
            6,
            '<div class="media_wrap clearfix"><a class="photo_wrap" href="x.jpg"></a></div><div class="text">my cat</div>',
            name=None,
        ),
        _html(
            7,
            '<div class="media_wrap"><div class="media media_voice_message"><div class="title">Voice message</div></div></div>',
            name=None,
        ),
        _html(
            8,
            '<div class="media_wrap"><div class="media media_call success"><div class="status details">Outgoing (9 seconds)</div></div></div>',
            name=None,
        ),
        _html(
            9,
            '<div class="media_wrap"><div class="media_poll"><div class="question">When?</div></div></div>',
            name="Paul",
        ),
        _html(10, '<div class="text">bot words</div>', name="Paul via @gif"),
    )
    pages = {"ChatExport/messages.html": first, **{f"ChatExport/messages{n}.html": _page() for n in range(2, 10)}}
    read = read_upload(tmp_path, {**pages, "ChatExport/messages10.html": second, "ChatExport/css/style.css": "a {}"})
    assert read.texts == [
        "Nora pinned a message",
        "Hi there!\n1 < 2",
        "again",
        "yes",
        "big",
        "my cat",
        "",
        "",
        "",
        "bot words",
    ]
    assert read.kinds == [
        Kind.SYSTEM,
        Kind.TEXT,
        Kind.TEXT,
        Kind.TEXT,
        Kind.FORWARD,
        Kind.MEDIA,
        Kind.MEDIA,
        Kind.CALL,
        Kind.POLL,
        Kind.FORWARD,
    ]
    assert read.senders == [None, "Nora", "Nora", "Paul", *["Nora"] * 4, "Paul", "Paul"]
    assert read.messages[3].reply_to == "Hi there!\n1 < 2"
    assert read.times[1] == datetime(2023, 7, 1, 12, 2, tzinfo=timezone(timedelta(hours=2)))
    assert set(read.chats) == {"Paul"}
    assert read.report.owner == "Nora"


def test_html_without_zone_and_two_chats(tmp_path: Path) -> None:
    page = _page(_html(1, '<div class="text">a</div>', zone=""))
    read = read_upload(tmp_path, {"chats/chat_1/messages.html": page, "chats/chat_2/messages.html": page})
    assert read.times == [datetime(2023, 7, 1, 12, 1)] * 2
    assert len(set(read.chats)) == 2
    assert len(read.reports) == 2


def test_html_bomb(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="deep"):
        read_upload(tmp_path, {"messages.html": _page("<div>" * 100_000)})


def test_damaged_html(tmp_path: Path) -> None:
    survives(
        tmp_path, {"messages.html": _page(_html(1, '<div class="text">a</div>'), _html(2, '<div class="text">b</div>'))}
    )
