"""QQ: the messenger's own text export, and QQ Chat Exporter's JSON and text."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from twin.domain.messages import Kind, Message
from twin.ingest.encoding import detect, open_text
from twin.ingest.export import Export, File, Options, Report
from twin.ingest.jsonstream import array, mapping, outline, records, string
from twin.ingest.threads import Titles
from twin.ingest.times import instant, iso
from twin.ingest.unknown import without_media

_PLATFORM = "qq"
_STAMP = r"\d{4}-\d{2}-\d{2} \d{1,2}:\d{2}:\d{2}"
_LINE = re.compile(rf"({_STAMP}) (.*?)(?:\((\d{{5,12}})\)|<([^<>\s]+@[^<>\s]+)>)?\s*")
_TITLE = re.compile(r"消息对象[:：](.+)")
_FIELD = re.compile(r"(时间|内容|资源)[:：] ?(.*)", re.S)
_MEDIA = re.compile(r"(?:\[(?:图片|表情|语音|视频|文件|动画表情|闪照|QQ红包)[^\]]*\]\s*)+")
_SYSTEM_ID = "10000"
_ELEMENTS = frozenset({"image", "video", "audio", "file", "market_face", "voice"})


def claim(files: Sequence[File], _options: Options) -> list[Export]:
    """Each file is an export."""
    titles = Titles()
    exports = list[Export]()
    for file in without_media(files):
        if {"chatInfo", "messages"} <= outline(file):
            exports.append(Export(_PLATFORM, "QQ Chat Exporter, json", [file], partial(_parse_json, file, titles)))
            continue
        if file.path.suffix.lower() != ".txt":
            continue
        head = file.head(4096)
        text = head.decode(detect(head), "ignore").lstrip("\ufeff").lstrip()
        if text.startswith("[QQChatExporter"):
            exports.append(Export(_PLATFORM, "QQ Chat Exporter, text", [file], partial(_parse_blocks, file, titles)))
        elif "消息记录" in text[:40] or _is_native(text):
            exports.append(Export(_PLATFORM, "text", [file], partial(_parse_native, file, titles)))
    return exports


def _is_native(text: str) -> bool:
    first = text.split("\n", 1)[0]
    found = _LINE.fullmatch(first)
    return found is not None and bool(found[3] or found[4])


def _parse_native(file: File, titles: Titles, report: Report) -> Iterator[Message]:
    """Time and name in one line, the words below, an empty line after them."""
    report.time_zone = "wall clock, no zone stated"
    chat = ""
    current: re.Match[str] | None = None
    lines = list[str]()
    with open_text(file) as text:
        for number, raw in enumerate(text, 1):
            line = raw.rstrip("\r\n").lstrip("\ufeff")
            if title := _TITLE.fullmatch(line.strip()):
                if current:
                    yield _native(current, lines, chat)
                    current = None
                chat = titles.name(title[1].strip(), f"{file.path}/{title[1]}")
            elif found := _LINE.fullmatch(line):
                if current:
                    yield _native(current, lines, chat)
                chat = chat or titles.name(file.path.stem, str(file.path))
                current, lines = found, []
            elif current and not line.startswith("======"):
                lines.append(line)
            elif line.strip() and not line.startswith("===") and "消息" not in line:
                report.miss(number)
    if current:
        yield _native(current, lines, chat)


def _native(found: re.Match[str], lines: list[str], chat: str) -> Message:
    text = "\n".join(lines).strip("\n ")
    sender_id = found[3] or found[4]
    name = re.sub(r"^【[^】]{1,12}】", "", found[2]).strip() or sender_id or ""
    system = found[3] == _SYSTEM_ID or name == "系统消息"
    return Message(
        _PLATFORM,
        chat,
        None if system else name or None,
        iso(found[1].replace(" ", "T" if len(found[1]) == 19 else "T0")),
        Kind.SYSTEM if system else _kind(text),
        text,
        None,
        sender_id,
    )


def _kind(text: str) -> Kind:
    if text.endswith("撤回了一条消息"):
        return Kind.DELETED
    if _MEDIA.fullmatch(text):
        return Kind.MEDIA
    return Kind.TEXT if text else Kind.EMPTY


def _parse_blocks(file: File, titles: Titles, report: Report) -> Iterator[Message]:
    """A name and a colon, then lines for the time, the words and what was attached."""
    report.time_zone = "wall clock, no zone stated"
    chat = titles.name(file.path.stem, str(file.path))
    sender, sent_at = "", None
    body: list[str] | None = None
    previous = ""
    with open_text(file) as text:
        for raw in text:
            line = raw.rstrip("\r\n").lstrip("\ufeff")
            field = _FIELD.fullmatch(line)
            if field and field[1] == "时间" and previous.endswith((":", "：")) and iso(field[2]):
                if body is not None:
                    yield _block(chat, sender, sent_at, body[:-1])
                sender, sent_at, body = previous[:-1], iso(field[2]), None
            elif field and field[1] == "内容" and sender:
                body = [field[2]]
            elif body is not None:
                body.append(line)
            elif title := re.match(r"聊天名称[:：] ?(.+)", line):
                chat = titles.name(title[1].strip(), f"{file.path}/{title[1]}")
            previous = line
    if body is not None:
        yield _block(chat, sender, sent_at, body)


def _block(chat: str, sender: str, sent_at: datetime | None, lines: list[str]) -> Message:
    resources = next((place for place, line in enumerate(lines) if line.startswith(("资源:", "资源："))), None)
    text = "\n".join(lines[:resources]).strip("\n")
    kind = Kind.MEDIA if resources is not None else _kind(text)
    return Message(_PLATFORM, chat, sender, sent_at, kind, text)


def _parse_json(file: File, titles: Titles, report: Report) -> Iterator[Message]:
    report.time_zone = "UTC"
    info = dict[str, Any]()
    chat, number = "", 0
    for path, value in records(file, report, "chatInfo", "messages.item"):
        if path == "chatInfo":
            info = mapping(value)
            own_id = string(info.get("selfUid")) or string(info.get("selfUin"))
            if own_id:
                report.owner, report.owner_id, report.owner_evidence = (
                    string(info.get("selfName")) or own_id,
                    own_id,
                    "chatInfo",
                )
            continue
        number += 1
        if not isinstance(value, dict):
            report.miss(number)
            continue
        raw = mapping(value)
        chat = chat or titles.name(string(info.get("name")) or file.path.stem, str(file.path))
        sender = mapping(raw.get("sender"))
        names = (sender.get(key) for key in ("groupCard", "remark", "name", "nickname", "uin"))
        content = mapping(raw.get("content"))
        elements = [mapping(element) for element in array(content.get("elements"))]
        reply = next((mapping(element.get("data")) for element in elements if element.get("type") == "reply"), {})
        text = _words(elements) if elements else string(content.get("text"))
        kind = Kind.TEXT if text else Kind.EMPTY
        if raw.get("recalled") or raw.get("isRecalled"):
            kind = Kind.DELETED
        elif raw.get("system") or raw.get("isSystemMessage"):
            kind = Kind.SYSTEM
        elif any(element.get("type") == "forward" for element in elements):
            kind = Kind.FORWARD
        elif any(string(element.get("type")) in _ELEMENTS for element in elements):
            kind = Kind.MEDIA
        name = next(filter(None, map(string, names)), None)
        sender_id = string(sender.get("uid")) or string(sender.get("uin")) or None
        if sender_id == report.owner_id and name:
            report.owner = name
        sent_at = instant(raw.get("timestamp"), per_second=1000)
        yield Message(_PLATFORM, chat, name, sent_at, kind, text, string(reply.get("content")) or None, sender_id)


def _words(elements: list[dict[str, Any]]) -> str:
    parts = list[str]()
    for element in elements:
        data = mapping(element.get("data"))
        match element.get("type"):
            case "text":
                parts.append(string(data.get("text")))
            case "at":
                parts.append(f"@{string(data.get('name')).removeprefix('@')}")
            case "face":
                parts.append(string(data.get("name")))
            case _:
                pass
    return "".join(parts)
