"""Messenger and Instagram, JSON and HTML."""

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from tests.ingest.uploads import read_upload, survives, utc

from twin.domain.messages import Kind
from twin.ingest import DateOrder, Options
from twin.ingest.messenger_notices import notice
from twin.ingest.mojibake import mend, mend_all

BOX = "your_activity_across_facebook/messages/inbox"


def broken(text: str) -> str:
    """As Meta writes it."""
    return text.encode().decode("latin-1")


def _message(sender: str, minute: int, content: str | None = None, **more: Any) -> dict[str, Any]:
    text = {} if content is None else {"content": content}
    return {"sender_name": sender, "timestamp_ms": 1_600_000_000_000 + minute * 60_000, **text, **more}


def _thread(title: str, *messages: dict[str, Any], people: tuple[str, ...] = ()) -> dict[str, Any]:
    names = people or tuple({message["sender_name"]: 0 for message in messages})
    return {
        "participants": [{"name": name} for name in names],
        "messages": sorted(messages, key=lambda message: -message["timestamp_ms"]),
        "title": title,
        "thread_path": f"inbox/{title}_1",
    }


def test_mojibake_is_mended_string_by_string() -> None:
    assert mend(broken("café ❤️ 日本")) == "café ❤️ 日本"
    assert mend("schön") == "schön"  # whole already: its bytes are no UTF-8
    assert mend("日本") == "日本"
    assert mend_all({"a": [broken("é")], broken("ü"): 1}) == {"a": ["é"], "ü": 1}


def test_thread_over_many_files_comes_oldest_first(tmp_path: Path) -> None:
    files = {
        f"{BOX}/ana_1/message_{number}.json": _thread(
            broken("Añá"),
            *(_message(broken("Añá"), 1000 - 10 * number + step, f"{number}/{step}") for step in range(3)),
        )
        for number in (1, 2, 10, 11)
    }
    read = read_upload(tmp_path, {f"facebook/{name}": thread for name, thread in files.items()})
    assert read.texts == [f"{number}/{step}" for number in (11, 10, 2, 1) for step in range(3)]
    assert set(read.chats) == set(read.senders) == {"Añá"}
    assert read.times[0] == utc(2020, 9, 14, 3, 16, 40)
    assert read.report.time_zone == "UTC"


@pytest.mark.parametrize(
    ("content", "more", "kind", "text"),
    [
        ("Hello", {}, Kind.TEXT, "Hello"),
        ("look", {"photos": [{"uri": "a.jpg"}]}, Kind.MEDIA, "look"),
        ("Ana sent an attachment.", {"share": {"link": "https://example.org"}}, Kind.MEDIA, ""),
        ("https://example.org", {"share": {"link": "https://example.org"}}, Kind.TEXT, "https://example.org"),
        (None, {"sticker": {"uri": "a.png"}}, Kind.MEDIA, ""),
        (None, {"is_unsent": True}, Kind.DELETED, ""),
        ("Ana missed a video call from you.", {"call_duration": 0}, Kind.CALL, "Ana missed a video call from you."),
        (broken("Reacted 😂 to your message "), {}, Kind.REACTION, "Reacted 😂 to your message "),
        ("Liked a message", {}, Kind.REACTION, "Liked a message"),
        ("Ana Ruiz hat den Spitznamen geändert.", {}, Kind.SYSTEM, "Ana Ruiz hat den Spitznamen geändert."),
        ("You set the nickname for Paul to P.", {}, Kind.SYSTEM, "You set the nickname for Paul to P."),
        ("You can come if you like.", {}, Kind.TEXT, "You can come if you like."),
        (None, {}, Kind.EMPTY, ""),
    ],
)
def test_kinds(tmp_path: Path, content: str | None, more: dict[str, Any], kind: Kind, text: str) -> None:
    read = read_upload(tmp_path, {"message_1.json": _thread("Ana", _message("Ana Ruiz", 1, content, **more))})
    assert read.kinds == [kind]
    assert read.texts == [text]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Ana hat einen Anhang gesendet.", Kind.MEDIA),
        ("Ana a envoyé une pièce jointe.", Kind.MEDIA),
        ("Ana envió un archivo adjunto.", Kind.MEDIA),
        ("Curtiu uma mensagem", Kind.REACTION),
        ("You missed a call", Kind.CALL),
        ("The video chat ended.", Kind.CALL),
        ("Ana left the group.", Kind.SYSTEM),
        ("Ana", None),
        ("Ana is my name.", None),
        ("I sent an attachment.", None),
        ("You left the oven on", None),
    ],
)
def test_notices(text: str, kind: Kind | None) -> None:
    assert notice(text, "Ana Ruiz") is kind


def test_account_with_boxes_and_owner(tmp_path: Path) -> None:
    files: dict[str, Any] = {
        f"{BOX}/paul_1/message_1.json": _thread("Paul", _message("Paul", 1, "hi"), _message("Ana", 2, "ho")),
        f"{BOX}/paul_2/message_1.json": _thread("Paul", _message("Paul", 1, "other Paul"), people=("Paul", "Ana")),
        "your_activity_across_facebook/messages/archived_threads/eva_1/message_1.json": _thread(
            "Eva", _message("Eva", 3, "hey"), people=("Eva", "Ana")
        ),
        f"{BOX}/eva_1/photos/1.jpg": b"\xff\xd8\xff",
    }
    read = read_upload(tmp_path, files)
    assert sorted(set(read.chats)) == ["Eva", "Paul", "Paul (paul_2)"]
    assert (read.report.owner, read.report.owner_evidence) == ("Ana", "is in all 3 chats")
    profile = {"profile_v2": {"name": {"full_name": "Eva"}, "relationship": {"partner": "Paul"}}}
    other = tmp_path / "other"
    read = read_upload(other, {**files, "personal_information/profile_information/profile_information.json": profile})
    assert (read.report.owner, read.report.owner_evidence) == ("Eva", "the profile in the download")


def test_owner_is_called_you(tmp_path: Path) -> None:
    thread = _thread("Paul", _message("Paul", 1, "hi"), _message("Ana", 2, "You sent an attachment."))
    assert read_upload(tmp_path, {"message_1.json": thread}).report.owner == "Ana"


def test_end_to_end_encrypted_download(tmp_path: Path) -> None:
    def message(name: str, minute: int, text: str, **more: Any) -> dict[str, Any]:
        stamp = 1_700_000_000_000 + 60_000 * minute
        return {
            "senderName": name,
            "text": text,
            "timestamp": stamp,
            "type": "text",
            "isUnsent": False,
            "media": [],
            **more,
        }

    thread = {
        "participants": ["Ana", "Paul"],
        "threadName": "Paul_12",
        "messages": [
            message("Paul", 3, "", media=[{"uri": "./media/a.jpeg"}], type="media"),
            message("Ana", 2, "", isUnsent=True),
            message("Ana", 1, broken("schön")),
        ],
    }
    read = read_upload(tmp_path, {"messages/Paul_12.json": "\ufeff" + json.dumps(thread)})
    assert read.texts == ["schön", "", ""]
    assert read.kinds == [Kind.TEXT, Kind.DELETED, Kind.MEDIA]
    assert read.times[0] == utc(2023, 11, 14, 22, 14, 20)
    assert set(read.chats) == {"Paul"}
    assert read.report.dialect == "json, end-to-end encrypted"


def test_instagram_is_told_by_its_folder(tmp_path: Path) -> None:
    thread = _thread("Eva", _message("Instagram User", 1, "hi"))
    read = read_upload(tmp_path, {"your_instagram_activity/messages/inbox/eva_1/message_1.json": thread})
    assert read.report.platform == read.messages[0].platform == "instagram"


def test_one_broken_thread_does_not_stop_the_others(tmp_path: Path) -> None:
    files = {
        f"{BOX}/bad_1/message_1.json": '{"participants": [{"name": "Bad"',
        f"{BOX}/good_1/message_1.json": _thread("Good", _message("Good", 1, "hi")),
    }
    read = read_upload(tmp_path, files)
    assert read.texts == ["hi"]
    assert "bad_1" in read.report.warnings[0]


def test_cut_and_wrong_files(tmp_path: Path) -> None:
    survives(
        tmp_path, {f"{BOX}/ana_1/message_1.json": _thread("Ana", _message("Ana", 1, "a"), _message("Ana", 2, "b"))}
    )


PAGE = '<html><head><title>Ana</title></head><body><div class="_a70e">Participants: Ana, Paul</div>{}</body></html>'
BLOCK = (
    '<div class="_3-95 _a6-g"><div class="_2ph_ _a6-h">{}</div><div class="_2ph_ _a6-p"><div><div></div><div>{}</div></div></div>'
    '<div class="_3-94 _a6-o"><a href="x"><div class="_a72d">{}</div></a></div></div>'
)


def _page(*messages: tuple[str, str, str]) -> str:
    return PAGE.format("".join(BLOCK.format(*message) for message in messages))


@pytest.mark.parametrize(
    "stamp",
    ["Oct 19, 2019, 2:37 PM", "Oct 19, 2019 at 2:37 PM", "19 Oct 2019, 14:37", "19.10.2019, 14:37", "19 oct. 2019, 14:37",
     "2019年10月19日 14:37", "19 thg 10, 2019, 14:37", "١٩ أكتوبر ٢٠١٩، ٢:٣٧ م"],
)  # fmt: skip
def test_html_times(tmp_path: Path, stamp: str) -> None:
    read = read_upload(tmp_path, {f"{BOX}/ana_1/message_1.html": _page(("Ana", "hi", stamp))})
    assert read.times == [datetime(2019, 10, 19, 14, 37)]


def test_html(tmp_path: Path) -> None:
    newest = _page(
        ("Paul", 'nice<ul class="_a6-q"><li>❤Ana</li></ul>', "Oct 20, 2019, 8:00 AM"),
        ("Ana", '<img src="messages/inbox/ana_1/photos/1.jpg"/>', "Oct 19, 2019, 11:59 PM"),
    )
    oldest = _page(("Ana", "one<br>two &amp; three", "Oct 19, 2019, 2:37 PM"))
    read = read_upload(tmp_path, {f"{BOX}/ana_1/message_1.html": newest, f"{BOX}/ana_1/message_2.html": oldest})
    assert read.texts == ["one\ntwo & three", "", "nice"]
    assert read.kinds == [Kind.TEXT, Kind.MEDIA, Kind.TEXT]
    assert read.senders == ["Ana", "Ana", "Paul"]
    assert set(read.chats) == {"Ana"}


def test_html_date_order(tmp_path: Path) -> None:
    page = {f"{BOX}/ana_1/message_1.html": _page(("Ana", "hi", "03/04/2019 14:37"))}
    assert read_upload(tmp_path, page).times == [datetime(2019, 4, 3, 14, 37)]
    assert read_upload(tmp_path, page, options=Options(date_order=DateOrder.MDY)).times == [
        datetime(2019, 3, 4, 14, 37)
    ]


def test_html_beside_json_is_not_read_twice(tmp_path: Path) -> None:
    thread = _thread("Ana", _message("Ana", 1, "hi"))
    page = _page(("Ana", "hi", "Oct 19, 2019, 2:37 PM"))
    read = read_upload(tmp_path, {f"{BOX}/ana_1/message_1.json": thread, f"{BOX}/ana_1/message_1.html": page})
    assert len(read.messages) == 1
    assert "repeat" in read.report.warnings[0]


def test_html_before_2018(tmp_path: Path) -> None:
    def message(name: str, time: str, text: str) -> str:
        header = f'<div class="message_header"><span class="user">{name}</span><span class="meta">{time}</span></div>'
        return f'<div class="message">{header}</div>\n<p>{text}</p>'

    second = message("Paul", "Friday, October 4, 2013 at 10:05pm PDT", "second")
    first = message("Ana", "Friday, October 4, 2013 at 10:05pm PDT", "first")
    older = message("Ana", "Friday, October 4, 2013 at 9:05am PDT", "zero")
    page = (
        f'<h1>Ana</h1><div class="contents"><div class="thread">Ana, Paul{second}{first}</div>'
        f'<div class="thread">Ana, Paul{older}</div><div class="thread">Ana, Eva{older}</div></div>'
    )
    read = read_upload(tmp_path, {"html/messages.htm": page})
    assert read.texts == ["first", "second", "zero", "zero"]
    assert read.chats == ["Ana, Paul", "Ana, Paul", "Ana, Paul", "Ana, Eva"]
    assert read.times[0] == datetime(2013, 10, 4, 22, 5, tzinfo=timezone(timedelta(hours=-7)))
    assert read.report.owner == "Ana"
