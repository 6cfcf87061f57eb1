"""WeChat as third-party exporters write it: WeFlow's JSON, the CSV of WeChatMsg and of WeClone."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from twin.domain.messages import Kind, Message
from twin.ingest.export import Export, File, Options, Report
from twin.ingest.jsonstream import mapping, outline, records, string
from twin.ingest.tables import header, rows
from twin.ingest.threads import Titles
from twin.ingest.times import instant, iso
from twin.ingest.unknown import without_media

_PLATFORM = "wechat"
_ME = "Me"
_WECHATMSG = {"type", "issender", "createtime", "strcontent"}
_WECLONE = {"type_name", "is_sender", "talker", "msg", "createtime"}
# WeChat's numbers, and the words that exporters have for them; a word is found anywhere in the name of a type.
_NUMBERS = {
    "1": Kind.TEXT, "3": Kind.MEDIA, "34": Kind.MEDIA, "42": Kind.CONTACT, "43": Kind.MEDIA, "47": Kind.MEDIA,
    "48": Kind.LOCATION, "49": Kind.FORWARD, "50": Kind.CALL, "10000": Kind.SYSTEM, "10002": Kind.DELETED,
}  # fmt: skip
_QUOTING, _TRANSFER = "57", "2000"  # subtypes of 49
_WORDS = {
    "撤回": Kind.DELETED, "系统": Kind.SYSTEM, "拍一拍": Kind.SYSTEM, "引用": Kind.TEXT, "文本": Kind.TEXT, "通话": Kind.CALL,
    "位置": Kind.LOCATION, "名片": Kind.CONTACT, "聊天记录": Kind.FORWARD, "链接": Kind.FORWARD, "分享": Kind.FORWARD,
    "卡片": Kind.FORWARD, "小程序": Kind.FORWARD, "公众号": Kind.FORWARD, "音乐": Kind.FORWARD, "图片": Kind.MEDIA, "语音": Kind.MEDIA,
    "视频": Kind.MEDIA, "表情": Kind.MEDIA, "文件": Kind.MEDIA, "转账": Kind.SYSTEM, "红包": Kind.SYSTEM, "接龙": Kind.POLL,
}  # fmt: skip


def claim(files: Sequence[File], _options: Options) -> list[Export]:
    """Each file is a chat or an account, and an export."""
    titles = Titles()
    exports = list[Export]()
    for file in without_media(files):
        keys = outline(file)
        if (
            {"weflow", "session"} <= keys
            or {"session.wxid", "messages.item.isSend"} <= keys
            or {"senders.item.wxid"} <= keys
        ):
            exports.append(Export(_PLATFORM, "WeFlow, json", [file], partial(_parse_json, file, titles)))
            continue
        columns = set(header(file))
        if columns >= _WECHATMSG:
            exports.append(Export(_PLATFORM, "WeChatMsg, csv", [file], partial(_parse_wechatmsg, file, titles)))
        elif columns >= _WECLONE:
            exports.append(Export(_PLATFORM, "WeClone, csv", [file], partial(_parse_weclone, file, titles)))
    return exports


def _time(value: Any) -> datetime | None:
    """Seconds since 1970, or Chinese time as text."""
    return instant(value) or iso(value)


def _told(report: Report, message: Message, own: bool) -> Message:
    if own and report.owner is None:
        report.owner, report.owner_id = message.sender, message.sender_id
        report.owner_evidence = "the export marks what its owner sent"
    if message.sent_at:
        report.time_zone = "UTC" if message.sent_at.tzinfo is UTC else "wall clock, no zone stated"
    return message


def _named_kind(name: str, text: str) -> Kind:
    kind = next((kind for word, kind in _WORDS.items() if word in name), Kind.SYSTEM if name else Kind.TEXT)
    return Kind.EMPTY if kind is Kind.TEXT and not text else kind


def _parse_json(file: File, titles: Titles, report: Report) -> Iterator[Message]:
    session = dict[str, Any]()
    senders = dict[str, dict[str, Any]]()
    chat, number = "", 0
    for path, value in records(file, report, "session", "senders.item", "messages.item"):
        if path == "session":
            session = mapping(value)
        elif path == "senders.item":
            sender = mapping(value)
            senders[string(sender.get("senderID"))] = sender
        else:
            number += 1
            if not isinstance(value, dict):
                report.miss(number)
                continue
            raw = mapping(value)
            names = (session.get(key) for key in ("remark", "displayName", "nickname", "wxid"))
            chat = chat or titles.name(
                next(filter(None, map(string, names)), "") or file.path.stem, string(session.get("wxid"))
            )
            known = senders.get(string(raw.get("senderID")), {})
            own = raw.get("isSend") in (1, True, "1")
            name = string(raw.get("senderDisplayName")) or string(known.get("displayName")) or (_ME if own else chat)
            sender_id = string(raw.get("senderUsername")) or string(known.get("wxid")) or None
            text = string(raw.get("content"))
            kind = _named_kind(string(raw.get("type")), text)
            reply_to = string(raw.get("quotedContent")) or None
            sender = None if kind is Kind.SYSTEM and not own else name
            yield _told(
                report,
                Message(_PLATFORM, chat, sender, _time(raw.get("createTime")), kind, text, reply_to, sender_id),
                own,
            )


def _parse_wechatmsg(file: File, titles: Titles, report: Report) -> Iterator[Message]:
    chat = titles.name(file.path.stem, str(file.path))
    for number, row in rows(file, report):
        sent_at = _time(row["createtime"]) or iso(row.get("strtime"))
        if sent_at is None:
            report.miss(number)
            continue
        own = row["issender"] == "1"
        kind, text = _NUMBERS.get(row["type"], Kind.SYSTEM), row["strcontent"]
        if row["type"] == "49":
            kind = {_QUOTING: Kind.TEXT, _TRANSFER: Kind.SYSTEM, "6": Kind.MEDIA}.get(row.get("subtype", ""), kind)
        if kind is Kind.TEXT and not text:
            kind = Kind.EMPTY
        shown = row.get("remark") or row.get("nickname") or row.get("sender") or chat
        sender = None if kind is Kind.SYSTEM else (row.get("nickname") or _ME) if own else shown
        yield _told(report, Message(_PLATFORM, chat, sender, sent_at, kind, text, None, row.get("sender") or None), own)


def _parse_weclone(file: File, titles: Titles, report: Report) -> Iterator[Message]:
    for number, row in rows(file, report):
        sent_at = _time(row["createtime"])
        if sent_at is None:
            report.miss(number)
            continue
        own = row["is_sender"] == "1"
        title = row.get("room_name") or file.path.stem
        chat = titles.name(title, f"{file.path.parent}/{title}")
        kind = _named_kind(row["type_name"], row["msg"])
        sender = None if kind is Kind.SYSTEM else _ME if own else row["talker"] or chat
        sender_id = None if own else row["talker"] or None
        yield _told(report, Message(_PLATFORM, chat, sender, sent_at, kind, row["msg"], None, sender_id), own)
