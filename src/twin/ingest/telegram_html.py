"""Telegram Desktop's HTML: `messages.html`, `messages2.html`, … of one chat, or of each chat of an account."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import PurePosixPath

from twin.domain.messages import Kind, Message
from twin.ingest.export import Export, File, Options, Report
from twin.ingest.html import Node, parse_html, words
from twin.ingest.threads import Quotes, Titles

_PLATFORM = "telegram"
_DATE = re.compile(r"(\d+)\.(\d+)\.(\d+) (\d+):(\d+):(\d+)(?: UTC([+-]\d\d):(\d\d))?")
_REPLY = re.compile(r"go_to_message(\d+)")
_MEDIA = {
    "media_call": Kind.CALL,
    "media_poll": Kind.POLL,
    "media_location": Kind.LOCATION,
    "media_live_location": Kind.LOCATION,
    "media_venue": Kind.LOCATION,
    "media_contact": Kind.CONTACT,
}


def claim(files: Sequence[File], _options: Options) -> list[Export]:
    """The pages of a chat lie in one folder; each folder is an export."""
    folders = defaultdict[PurePosixPath, list[File]](list)
    for file in files:
        if file.path.suffix.lower() in (".html", ".htm"):
            head = file.head(8192)
            if b"page_wrap" in head and b'class="history"' in head:
                folders[file.path.parent].append(file)
    titles = Titles()
    exports = list[Export]()
    for pages in folders.values():
        pages.sort(key=_page_number)
        exports.append(Export(_PLATFORM, "html", pages, partial(_parse, pages, titles)))
    return exports


def _page_number(file: File) -> tuple[int, str]:
    digits = re.search(r"(\d+)$", file.path.stem)
    return (int(digits[1]) if digits else 1, file.path.name)


def _parse(pages: list[File], titles: Titles, report: Report) -> Iterator[Message]:
    quotes, sender, chat = Quotes(), None, ""
    for page in pages:
        tree = parse_html(page)
        if not chat:
            header = tree.css_first(".page_header .text")
            chat = titles.name(words(header) if header else pages[0].path.parent.name, pages[0].path.parent)
        for number, node in enumerate(tree.css("div.message"), 1):
            message_id = (node.attributes.get("id") or "").removeprefix("message")
            body = node.css_first("div.body")
            if message_id.startswith("-"):
                continue  # a date between the messages
            if body is None:
                report.miss(number)
                continue
            if "service" in _classes(node):
                yield Message(_PLATFORM, chat, None, None, Kind.SYSTEM, words(body))
                continue
            name = _child(body, "from_name")
            via_bot = False
            if name:
                sender, _, bot = words(name).partition(" via @")
                via_bot = bool(bot)
            kind, text = _content(body)
            if via_bot:
                kind = Kind.FORWARD
            if kind is Kind.CALL and report.owner is None and _outgoing(body):
                report.owner, report.owner_evidence = sender, "made an outgoing call"
            link = body.css_first(".reply_to a")
            answered = _REPLY.search((link.attributes.get("href") or "") if link else "")
            sent_at = _time(_child(body, "date"))
            report.time_zone = "offset stated" if sent_at and sent_at.tzinfo else "wall clock, no zone stated"
            yield Message(_PLATFORM, chat, sender, sent_at, kind, text, quotes.find(answered[1]) if answered else None)
            quotes.remember(message_id, text)


def _classes(node: Node) -> list[str]:
    return (node.attributes.get("class") or "").split()


def _child(node: Node, name: str) -> Node | None:
    return next((child for child in node.iter() if name in _classes(child)), None)


def _outgoing(body: Node) -> bool:
    status = body.css_first(".media_call .status")
    return status is not None and words(status).startswith(("Outgoing", "Cancelled"))


def _content(body: Node) -> tuple[Kind, str]:
    forwarded = _child(body, "forwarded")
    if forwarded:
        body = forwarded
    node = _child(body, "text")
    text = words(node) if node else ""
    if forwarded:
        return Kind.FORWARD, text
    if media := _child(body, "media_wrap"):
        names = {name for inner in media.css("[class]") for name in _classes(inner)}
        return next((_MEDIA[name] for name in _MEDIA if name in names), Kind.MEDIA), text
    return (Kind.TEXT if text else Kind.EMPTY), text


def _time(node: Node | None) -> datetime | None:
    found = _DATE.match((node.attributes.get("title") or "") if node else "")
    if not found:
        return None
    day, month, year, hour, minute, second = map(int, found.groups()[:6])
    zone = None
    if found[7]:
        hours = int(found[7])
        zone = timezone(timedelta(hours=hours, minutes=int(found[8]) * (-1 if found[7][0] == "-" else 1)))
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        return None
