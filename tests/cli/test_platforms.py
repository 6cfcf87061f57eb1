"""One invented conversation, as each platform exports it, becomes a twin; so do five exports at once, and a chapter.

The trainings, ten seconds and more for each platform, run where TWIN_LONG_TESTS is set.
"""

import io
import json
import os
import sqlite3
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import docx
import pytest
from tests.cli.conftest import Twin
from tests.ingest import test_imessage, test_messenger, test_telegram
from tests.ingest.generate import Said, Style, render, talk
from tests.ingest.uploads import encoded
from tests.tiny import TinyGemma

Files = dict[str, Any]
Writer = Callable[[list[Said]], Files]
Item = Callable[[int, Said], Files]
Around = Callable[[list[Files]], Any]
OWNER, OTHER = "Mira Holt", "Otto"
THINGS = ("kettle", "ladder", "radio", "lantern", "teapot", "map")
PLACES = ("in the shed", "under the stairs", "behind the sofa", "on the roof", "by the pond")
ASKED = ("have you seen {}?", "where is {}", "who painted {}!!")
SAID = ("no, but {} is mine :)", "{} was there on sunday", "ask me later about {}..")
OWN = len(THINGS) * len(PLACES)

long = pytest.mark.skipif("TWIN_LONG_TESTS" not in os.environ, reason="trains for long: set TWIN_LONG_TESTS=1")


def conversation(colour: str = "green", *, month: int = 3) -> list[Said]:
    """Five bursts, days apart, of two people who take turns, before noon and after. No two messages are the same."""
    said = list[Said]()
    for burst, place in enumerate(PLACES):
        things = [f"the {colour} {thing} {place}" for thing in THINGS]
        texts = [words[n % 3].format(thing) for n, thing in enumerate(things) for words in (ASKED, SAID)]
        start = datetime(2024, month, 1, 9, tzinfo=UTC) + burst * timedelta(days=5, hours=3)
        said += talk(texts, senders=(OTHER, OWNER), start=start, step=timedelta(minutes=2))
    return said


def mine(one: Said) -> bool:
    return one.sender == OWNER


def seconds(one: Said) -> int:
    return int(one.at.timestamp())


def days(chat: Iterable[Said]) -> Iterator[list[Said]]:
    return (list(day) for _, day in groupby(chat, key=lambda one: one.at.date()))


def filled(template: str, number: int, one: Said) -> str:
    """What may stand in a template: `me` is a name for exports that give their owner none, `own` is 1 or 0."""
    korean = f"{one.at.year}년 {one.at.month}월 {one.at.day}일 {'오후' if one.at.hour > 11 else '오전'} {one.at:%-I:%M}"
    me, own = "Me" if mine(one) else OTHER, int(mine(one))
    return template.format(n=number, **one._asdict(), s=seconds(one), me=me, own=own, way=own + 1, korean=korean)


def text(name: str, template: str, *, head: str = "", day: str = "", foot: str = "", reverse: bool = False) -> Writer:
    """A file of text: a template for each message, and one for what stands before each day's messages."""

    def write(chat: list[Said]) -> Files:
        numbers = {one: number for number, one in enumerate(chat)}
        parts = [head]
        for said in days(reversed(chat) if reverse else chat):
            parts += [filled(day, 0, said[0]), *(filled(template, numbers[one], one) for one in said)]
        return {name: "".join([*parts, foot])}

    return write


def values(name: str, item: Item, around: Around, *, reverse: bool = False, beside: Files | None = None) -> Writer:
    """A file of JSON: a value for each message, and what stands around them all."""

    def write(chat: list[Said]) -> Files:
        made = [item(number, one) for number, one in enumerate(chat)]
        return {name: around(made[::-1] if reverse else made), **(beside or {})}

    return write


def messenger(folder: str) -> Writer:
    return values(
        f"{folder}/otto_1/message_1.json",
        lambda _, one: {"sender_name": one.sender, "timestamp_ms": seconds(one) * 1000, "content": one.text},
        lambda made: {"participants": [{"name": OTHER}, {"name": OWNER}], "messages": made, "title": OTHER},
        reverse=True,
    )


def imessage(chat: list[Said]) -> Files:
    epoch = int(datetime(2001, 1, 1, tzinfo=UTC).timestamp())
    database = sqlite3.connect(":memory:")
    database.executescript(test_imessage.SCHEMA)
    for n, one in enumerate(chat, 1):
        row = (n, f"g{n}", one.text, (seconds(one) - epoch) * 10**9, mine(one), 0 if mine(one) else 1)
        into = "message (ROWID, guid, text, date, is_from_me, handle_id)"
        database.execute(f"INSERT INTO {into} VALUES (?, ?, ?, ?, ?, ?)", row)
        database.execute("INSERT INTO chat_message_join VALUES (1, ?)", (n,))
    database.commit()
    content = database.serialize()
    database.close()
    return {"chat.db": content}


def slack(chat: list[Said]) -> Files:
    users = [{"id": f"U{n}", "name": name.lower(), "real_name": name} for n, name in enumerate((OTHER, OWNER))]
    files: Files = {"users.json": users, "channels.json": [], "dms.json": [{"id": "D1", "members": ["U0", "U1"]}]}
    for day in days(chat):
        files[f"D1/{day[0].at:%Y-%m-%d}.json"] = [
            {"type": "message", "user": f"U{mine(one):d}", "ts": f"{seconds(one)}.000100", "text": one.text}
            for one in day
        ]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, encoded(content))
    return {"Club Slack export Mar 1 2024 - Apr 1 2024.zip": stream.getvalue()}


MAIL = (
    "From {n}@xxx {at:%a %b %d %H:%M:%S} +0000 2024\nMessage-ID: <{n}@example.org>\nFrom: {sender} <{own}@example.org>\n"
    "To: all@example.org\nSubject: Re: Things\nX-GM-THRID: 7\nDate: {at:%a, %d %b %Y %H:%M:%S} +0000\n\n{text}\n\n"
)
TELEGRAM = (
    '<div class="message default clearfix" id="message{n}"><div class="body"><div class="pull_right date details" title="'
    '{at:%d.%m.%Y %H:%M:%S} UTC+00:00">{at:%H:%M}</div><div class="from_name">\n{sender}\n</div><div class="text">\n{text}'
    "\n</div></div></div>"
)
TELEGRAM_PAGE = test_telegram.PAGE.replace("Paul", OTHER).partition("%s")
MESSENGER = test_messenger.BLOCK.format("{sender}", "{text}", "{at:%b %-d, %Y, %-I:%M %p}")
MESSENGER_PAGE = test_messenger.PAGE.replace("Ana", OTHER).replace("Paul", OWNER).partition("{}")
VOICE = (
    '<div class="message"><abbr class="dt" title="{at:%Y-%m-%dT%H:%M:%S}.000+00:00">x</abbr>:\n<cite class="sender vcard">'
    '<a class="tel" href="tel:+1555000{own}"><span class="fn">{me}</span></a></cite>:\n<q>{text}</q></div>'
)
SIGNAL: list[Files] = [
    {"account": {"givenName": OWNER}},
    {"recipient": {"id": "1", "self": {}}},
    {"recipient": {"id": "0", "contact": {"aci": "abc", "profileGivenName": OTHER, "e164": "15550001"}}},
    {"chat": {"id": "10", "recipientId": "0"}},
]
OTTO, MIRA = ({"name": name, "email": f"{name[0]}@example.org", "user_type": "Human"} for name in (OTHER, OWNER))
GOOGLE = "Takeout/Google Chat"
PERSON = "window.YTD.account.part0 = " + json.dumps([{"account": {"accountId": "1", "accountDisplayName": OWNER}}])
HANGOUT = {
    "self_conversation_state": {"self_read_state": {"participant_id": {"gaia_id": "1"}}},
    "participant_data": [{"id": {"gaia_id": "0"}, "fallback_name": OTHER}, {"id": {"gaia_id": "1"}, "fallback_name": OWNER}],
}  # fmt: skip

# By the name that `twin parse` gives the platform, and the dialect.
WRITERS: dict[str, Writer] = {
    "whatsapp android": lambda chat: {"WhatsApp Chat with Otto.txt": render(chat, Style("en_GB"))},
    "whatsapp iphone": lambda chat: {"_chat.txt": render(chat, Style("en_US", "ios"))},
    "telegram json": values("ChatExport/result.json", lambda n, x: {
        "id": n, "type": "message", "date": f"{x.at:%Y-%m-%dT%H:%M:%S}", "date_unixtime": f"{seconds(x)}", "from": x.sender,
        "from_id": f"user{1 + mine(x)}", "text": x.text,
    }, lambda made: {"name": OTHER, "type": "personal_chat", "id": 1, "messages": made}),
    "telegram html": text("ChatExport/messages.html", TELEGRAM, head=TELEGRAM_PAGE[0], foot=TELEGRAM_PAGE[2]),
    "messenger json": messenger(test_messenger.BOX),
    "messenger html": text(f"{test_messenger.BOX}/otto_1/message_1.html", MESSENGER, head=MESSENGER_PAGE[0],
                           foot=MESSENGER_PAGE[2], reverse=True),
    "messenger encrypted": values("messages/Otto_12.json", lambda _, x: {
        "senderName": x.sender, "text": x.text, "timestamp": seconds(x) * 1000, "type": "text", "isUnsent": False, "media": [],
    }, lambda made: {"participants": [OTHER, OWNER], "threadName": "Otto_12", "messages": made}, reverse=True),
    "instagram": messenger("your_instagram_activity/messages/inbox"),
    "discord json": values("Direct Messages - Otto [9].json", lambda n, x: {
        "id": f"{n}", "type": "Default", "timestamp": x.at.isoformat(), "timestampEdited": None, "content": x.text,
        "author": {"id": f"{1 + mine(x)}", "name": x.sender, "nickname": x.sender, "isBot": False},
    }, lambda made: {"guild": {"id": "0", "name": "Direct Messages"},
                     "channel": {"id": "9", "type": "DirectTextChat", "name": OTHER}, "messages": made}),
    "discord csv": text("Direct Messages - Otto [123456789012345678].csv",
                        "{own},{sender},{at:%Y-%m-%dT%H:%M:%S}.0000000+00:00,\"{text}\",,\n",
                        head="AuthorID,Author,Date,Content,Attachments,Reactions\n"),
    "imessage text": text("Otto.txt", "{at:%b %d, %Y} {at:%_I:%M:%S %p}\n{me}\n{text}\n\n"),
    "imessage database": imessage,
    "mail": text("Takeout/Mail/All mail.mbox", MAIL),
    "line phone": text("[LINE] Otto.txt", "{at:%H:%M}\t{sender}\t{text}\n", day="\n{at:%Y/%m/%d(%a)}\n",
                       head=f"[LINE] Chat history with {OTHER}\nSaved on: 2024/04/01 10:00\n"),
    "line computer": text("[LINE]Otto.txt", "{at:%H:%M} {sender} {text}\n", day="{at:%Y.%m.%d %A}\n"),
    "kakaotalk android": text("KakaoTalkChats.txt", "{korean}, {sender} : {text}\n", day="\n{korean}\n",
                              head=f"{OTHER} 님과 카카오톡 대화\n저장한 날짜 : 2024년 4월 1일 오후 7:17\n\n"),
    "kakaotalk mac": text("KakaoTalk_Otto.csv", '{at:%Y-%m-%d %H:%M:%S},"{sender}","{text}"\n', head="Date,User,Message\n"),
    "sms": text("sms.xml", '<sms address="+15550001" date="{s}000" type="{way}" body="{text}" contact_name="Otto" />\n',
                head="<?xml version='1.0' encoding='UTF-8' standalone='yes' ?>\n<smses count=\"60\">\n", foot="</smses>\n"),
    "signal plaintext": values("signal/main.jsonl", lambda _, x: {"chatItem": {
        "chatId": "10", "authorId": f"{mine(x):d}", "dateSent": f"{seconds(x)}000", "outgoing" if mine(x) else "incoming": {},
        "standardMessage": {"text": {"body": x.text}},
    }}, lambda made: "\n".join(map(json.dumps, [*SIGNAL, *made]))),
    "signal export": text("Otto/chat.md", "[{at:%Y-%m-%d, %H:%M}] {me}: {text}  \n"),
    "slack": slack,
    "google-chat": values(f"{GOOGLE}/Groups/DM x1/messages.json", lambda _, x: {
        "creator": MIRA if mine(x) else OTTO, "created_date": f"{x.at:%A, %B %-d, %Y at %-I:%M:%S %p} UTC", "text": x.text,
    }, lambda made: {"messages": made}, beside={f"{GOOGLE}/Users/User 1/user_info.json": {"user": MIRA}}),
    "hangouts": values("Takeout/Hangouts/Hangouts.json", lambda _, x: {
        "sender_id": {"gaia_id": f"{mine(x):d}"}, "timestamp": f"{seconds(x)}000000", "event_type": "REGULAR_CHAT_MESSAGE",
        "self_event_state": {"user_id": {"gaia_id": "1"}},
        "chat_message": {"message_content": {"segment": [{"type": "TEXT", "text": x.text}]}},
    }, lambda made: {"conversations": [{"conversation": {"conversation": HANGOUT}, "events": made}]}),
    "google-voice": text("Takeout/Voice/Calls/Otto - Text - 2024-03-01T09_00_00Z.html", VOICE,
                         head='<html><head><title>Otto</title></head><body><div class="hChatLog hfeed">', foot="</div></body></html>"),
    "twitter": values("twitter/data/direct-messages.js", lambda _, x: {"messageCreate": {
        "senderId": f"{mine(x):d}", "text": x.text, "createdAt": f"{x.at:%Y-%m-%dT%H:%M:%S}.000Z", "mediaUrls": [], "urls": [],
    }}, lambda made: "window.YTD.direct_messages.part0 = " + json.dumps([{"dmConversation": {"conversationId": "0-1", "messages": made}}]),
        reverse=True, beside={"twitter/data/account.js": PERSON}),
    "wechat json": values("Otto.json", lambda n, x: {
        "localId": n, "createTime": seconds(x), "type": "文本消息", "content": x.text, "isSend": int(mine(x)),
        "senderUsername": f"wxid_{mine(x):d}", "senderDisplayName": x.sender,
    }, lambda made: {"weflow": {"version": "1.0.3"}, "session": {"wxid": "wxid_0", "nickname": OTHER, "type": "私聊"}, "messages": made}),
    "wechat csv": text("Otto.csv", '{n},7,1,0,{own},{s},,"{text}",{at:%Y-%m-%d %H:%M:%S},,{sender},wxid_{own}\n',
                       head="localId,TalkerId,Type,SubType,IsSender,CreateTime,Status,StrContent,StrTime,Remark,NickName,Sender\n"),
    "qq text": text("Otto.txt", "{at:%Y-%m-%d} {at:%-H:%M:%S} {sender}(12340{own})\n{text}\n\n",
                    head=f"消息记录（此消息记录为文本格式，不支持重新导入）\n\n{'=' * 64}\n消息对象:{OTHER}\n{'=' * 64}\n\n"),
    "qq json": values("friend.json", lambda _, x: {
        "timestamp": seconds(x) * 1000, "sender": {"uid": f"u_{mine(x):d}", "uin": "1", "name": x.sender}, "type": "type_1",
        "recalled": False, "system": False, "content": {"text": "", "elements": [{"type": "text", "data": {"text": x.text}}]},
    }, lambda made: {"chatInfo": {"name": OTHER, "selfUid": "u_1", "selfName": OWNER}, "messages": made}),
    "viber": text("Messages - Otto.csv", '{at:%d/%m/%Y},{at:%H:%M:%S},{me},+1555000{own},"{text}"\n'),
    "reddit": text("chat_history.csv", '{n},{at:%Y-%m-%d %H:%M:%S} UTC,,{sender},"{text}",,u1,,Otto,direct\n',
                   head="message_id,created_at,updated_at,username,message,thread_parent_message_id,channel_url,subreddit,"
                        "channel_name,conversation_type\n"),
    "chatgpt": values("conversations.json", lambda n, x: {"id": f"{n}", "parent": f"{n - 1}" if n else None, "message": {
        "author": {"role": "user" if mine(x) else "assistant"}, "create_time": float(seconds(x)), "recipient": "all",
        "content": {"content_type": "text", "parts": [x.text]},
    }}, lambda made: [{"title": "Things", "mapping": {node["id"]: node for node in made}, "current_node": made[-1]["id"]}]),
    "claude": values("conversations.json", lambda n, x: {
        "uuid": f"{n}", "text": x.text, "sender": "human" if mine(x) else "assistant", "created_at": x.at.isoformat(),
    }, lambda made: [{"uuid": "c", "name": "Things", "chat_messages": made}], beside={"users.json": [{"full_name": OWNER}]}),
    "table": text("ours.csv", '{at:%Y-%m-%d %H:%M:%S},{sender},"{text}"\n', head="date,author,text\n"),
    "subtitles": text("kitchen.vtt", "00:{n:02}:00.000 --> 00:{n:02}:09.000\n<v {sender}>{text}</v>\n\n", head="WEBVTT\n\n"),
    "transcript": text("kitchen.txt", "{sender}: {text}\n"),
}  # fmt: skip
NAMELESS = {"imessage text", "imessage database", "sms", "signal export", "google-voice", "viber", "chatgpt"}
TIMELESS = {"subtitles", "transcript"}
FIVE = {"whatsapp android": "red", "telegram json": "blue", "imessage text": "grey", "line phone": "white", "slack": "black"}  # fmt: skip
CHAPTER = [
    f"The {thing} had stood {place} for so long that nobody asked whose it was. On the {n}th evening I carried it down to "
    f"the water, set it on a stone and waited{end}."
    for thing in THINGS[:4]
    for n, place in enumerate(PLACES, 4)
    for end in (", and nothing came of it", " until the light was gone")
]


def speaker(platform: str) -> str:
    return "Me" if platform in NAMELESS else OWNER


def written(folder: Path, files: Files) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(content))
    return folder


def learns_and_answers(twin: Twin, kept: str) -> None:
    run = twin("run", "me", "--budget", "6s")
    assert run.status == 0, run.err
    assert kept in run.out
    assert [one["state"] for one in json.loads(twin("status", "me", "--json").out)["runs"]] == ["done"]
    reply = json.loads(twin("chat", "me", "--once", "hi", "--json", "--seed", "3").out)["messages"]
    assert reply not in ([], ["hi"]), "an empty reply shows as what was asked"


@pytest.fixture(autouse=True)
def _no_other_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TWIN_LONG_TESTS", raising=False)  # twin refuses settings that it does not know


@pytest.fixture(params=WRITERS)
def platform(request: pytest.FixtureRequest, twin: Twin, tmp_path: Path, tiny: TinyGemma) -> str:
    """A platform, of whose export in the folder `export` a twin was made."""
    folder = written(tmp_path / "export", WRITERS[request.param](conversation()))
    created = twin("create", "me", "--speaker", speaker(request.param), "--base", tiny.gguf, folder)
    assert created.status == 0, created.err
    assert f"who wrote {OWN} of {2 * OWN} messages with words." in created.out
    return request.param


def test_every_message_is_read(twin: Twin, platform: str, tmp_path: Path) -> None:
    rows = [json.loads(row) for row in twin("parse", "--messages", "--json", tmp_path / "export").out.splitlines()]
    read = [(row["text"], row["sender"] == speaker(platform), (row["sent_at"] or "")[:16]) for row in rows]
    timeless = platform in TIMELESS
    assert read == [(x.text, mine(x), "" if timeless else f"{x.at:%Y-%m-%dT%H:%M}") for x in conversation()]
    assert {row["platform"] for row in rows} == {platform.partition(" ")[0]}


@long
@pytest.mark.usefixtures("platform")
def test_it_learns_from_each(twin: Twin) -> None:
    learns_and_answers(twin, f"Kept {2 * OWN} of {2 * OWN} messages")


@pytest.fixture
def folder(twin: Twin, tmp_path: Path, tiny: TinyGemma) -> Path:
    """Five platforms' exports, in which the owner has two names, and of which a twin was made."""
    for month, (platform, colour) in enumerate(FIVE.items(), 1):
        written(tmp_path / "exports" / platform, WRITERS[platform](conversation(colour, month=month)))
    created = twin("create", "me", "--speaker", OWNER, "--speaker", "Me", "--base", tiny.gguf, tmp_path / "exports")
    assert created.status == 0, created.err
    assert f"who wrote {5 * OWN} of {10 * OWN} messages with words." in created.out
    return tmp_path / "exports"


def test_five_platforms_at_once(twin: Twin, folder: Path) -> None:
    value = json.loads(twin("parse", "--json", folder).out)
    assert {one["platform"]: one["messages"] for one in value["exports"]} == {
        x.partition(" ")[0]: 2 * OWN for x in FIVE
    }
    assert value["skipped"] == []
    assert json.loads(twin("status", "me", "--json").out)["speakers"] == [OWNER, "Me"]


@long
@pytest.mark.usefixtures("folder")
def test_it_learns_from_five_at_once(twin: Twin) -> None:
    learns_and_answers(twin, f"Kept {10 * OWN} of {10 * OWN} messages")


@pytest.fixture(params=["txt", "docx"])
def author(request: pytest.FixtureRequest, twin: Twin, tmp_path: Path, tiny: TinyGemma) -> str:
    """Who wrote a chapter, and nothing to anybody; a twin was made of it, and nobody had to say whose it is."""
    path = tmp_path / f"chapter.{request.param}"
    if request.param == "docx":
        document = docx.Document()
        document.core_properties.author = OWNER
        for paragraph in CHAPTER:
            document.add_paragraph(paragraph)
        document.save(str(path))
    else:
        path.write_text("\n\n".join(CHAPTER), "utf-8")
    created = twin("create", "me", "--base", tiny.gguf, path)
    assert created.status == 0, created.err
    assert f"who wrote {len(CHAPTER)} of {len(CHAPTER)} messages with words." in created.out
    return OWNER if request.param == "docx" else "Author"


def test_a_chapter_without_a_partner(twin: Twin, author: str) -> None:
    assert json.loads(twin("status", "me", "--json").out)["speakers"] == [author]


@long
@pytest.mark.usefixtures("author")
def test_it_learns_from_a_chapter(twin: Twin) -> None:
    learns_and_answers(twin, f"{len(CHAPTER)} passages, every word as it was")
