"""Discord as DiscordChatExporter writes it: JSON and CSV, a channel per file or in several parts."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from twin.domain.messages import Kind, Message
from twin.ingest.datetext import written_time
from twin.ingest.export import DateOrder, Export, File, Options, Report
from twin.ingest.jsonstream import mapping, outline, records, string
from twin.ingest.tables import header, rows
from twin.ingest.threads import Quotes, Titles
from twin.ingest.times import iso
from twin.ingest.unknown import without_media

_PLATFORM = "discord"
_COLUMNS = {"authorid", "author", "date", "content"}
_WORDS = frozenset({"Default", "Reply", "0", "19"})
_PART = re.compile(r"\[part (\d+)\]")
_CHANNEL_ID = re.compile(r"\s*\[(\d{15,20})\](?: \[part \d+\])?(?: \(.*\))?$")
# CSV has no types; the program words these itself, in English only.
_SYSTEM = re.compile(
    r"(?:Added .+ to the group|Removed .+ from the group|Left the group|Changed the channel (?:name: .+|icon)"
    r"|Pinned a message|Joined the server|Boosted the server|Started a thread)\.?"
)
_CALL = re.compile(r"Started a call that lasted [\d,]+ minutes?\.?")


def claim(files: Sequence[File], options: Options) -> list[Export]:
    """One export per folder and kind of file."""
    folders = defaultdict[tuple[PurePosixPath, str], list[File]](list)
    for file in without_media(files):
        keys = outline(file)
        if "messages.item.author" in keys or {"guild", "channel", "dateRange"} <= keys:
            folders[file.path.parent, "json"].append(file)
        elif set(header(file)) >= _COLUMNS:
            folders[file.path.parent, "csv"].append(file)
    exports = list[Export]()
    titles = Titles()
    for (_, kind), own in folders.items():
        own.sort(key=_order)
        parse = (
            partial(_parse_json, own, titles)
            if kind == "json"
            else partial(_parse_csv, own, titles, options.date_order is DateOrder.MDY)
        )
        exports.append(Export(_PLATFORM, f"DiscordChatExporter, {kind}", own, parse))
    return exports


def _order(file: File) -> tuple[str, int]:
    part = _PART.search(file.path.name)
    return (_PART.sub("", file.path.stem), int(part[1]) if part else 1)


def _parse_json(files: list[File], titles: Titles, report: Report) -> Iterator[Message]:
    report.time_zone = "offset stated"
    quotes = defaultdict[str, Quotes](Quotes)
    for file in files:
        guild, channel, number = dict[str, Any](), dict[str, Any](), 0
        for path, value in records(file, report, "guild", "channel", "messages.item", alone=len(files) == 1):
            if path == "guild":
                guild = mapping(value)
            elif path == "channel":
                channel = mapping(value)
            else:
                number += 1
                if not isinstance(value, dict):
                    report.miss(number)
                    continue
                chat = titles.name(_title(guild, channel) or file.path.stem, string(channel.get("id")))
                yield _message(mapping(value), chat, quotes[chat])


def _title(guild: dict[str, Any], channel: dict[str, Any]) -> str:
    name, server = string(channel.get("name")), string(guild.get("name"))
    direct = string(channel.get("type")).startswith(("Direct", "GroupDirect")) or string(guild.get("id")) == "0"
    return name if direct or not server else f"{server} #{name}"


def _message(raw: dict[str, Any], chat: str, quotes: Quotes) -> Message:
    author = mapping(raw.get("author"))
    sender = string(author.get("nickname")) or string(author.get("name"))
    text = string(raw.get("content"))
    reply_to = quotes.find(string(mapping(raw.get("reference")).get("messageId")))
    quotes.remember(string(raw.get("id")), text)
    sender_id = string(author.get("id")) or None
    return Message(
        _PLATFORM, chat, sender or None, iso(raw.get("timestamp")), _kind(raw, text), text, reply_to, sender_id
    )


def _kind(raw: dict[str, Any], text: str) -> Kind:
    written = string(raw.get("type")) or "Default"
    if written not in _WORDS:
        return Kind.CALL if written in ("Call", "3") else Kind.SYSTEM
    if raw.get("forwardedMessage") or mapping(raw.get("reference")).get("type") == "Forward":
        return Kind.FORWARD
    if raw.get("poll"):
        return Kind.POLL
    # A link in words makes an embed; words stay words.
    if raw.get("attachments") or raw.get("stickers") or (raw.get("embeds") and not text):
        return Kind.MEDIA
    if not text:
        return Kind.EMPTY
    return Kind.EDITED if raw.get("timestampEdited") else Kind.TEXT


def _parse_csv(files: list[File], titles: Titles, month_first: bool, report: Report) -> Iterator[Message]:
    for file in files:
        found = _CHANNEL_ID.search(file.path.stem)
        chat = titles.name(_CHANNEL_ID.sub("", file.path.stem), found[1] if found else str(file.path))
        for number, row in rows(file, report):
            sent_at = iso(row["date"]) or written_time(row["date"], month_first=month_first)
            if sent_at is None or not row["author"]:
                report.miss(number)
                continue
            report.time_zone = "offset stated" if sent_at.tzinfo else "wall clock, no zone stated"
            text = row["content"]
            kind = Kind.TEXT if text else Kind.EMPTY
            if row.get("attachments"):
                kind = Kind.MEDIA
            elif _CALL.fullmatch(text):
                kind = Kind.CALL
            elif _SYSTEM.fullmatch(text):
                kind = Kind.SYSTEM
            yield Message(_PLATFORM, chat, row["author"], sent_at, kind, text, None, row["authorid"] or None)
