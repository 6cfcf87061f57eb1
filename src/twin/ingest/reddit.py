"""The data that Reddit sends on request: comments, posts, private messages and chats, as CSV."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import PurePosixPath

from twin.domain.messages import Kind, Message
from twin.ingest.datetext import written_time
from twin.ingest.export import Export, File, Options, Report
from twin.ingest.tables import header, rows
from twin.ingest.threads import Quotes, Titles
from twin.ingest.times import iso
from twin.ingest.unknown import without_media

_PLATFORM = "reddit"
_ME = "Me"
_GONE = frozenset({"[removed]", "[deleted]", "[ Removed by Reddit ]"})
_SHAPES = {
    "comments": {"id", "permalink", "date", "subreddit", "parent", "body"},
    "posts": {"id", "permalink", "date", "subreddit", "title", "body"},
    "messages": {"id", "thread_id", "date", "from", "to", "body"},
    "chats": {"message_id", "created_at", "username", "message"},
    "statistics": {"statistic", "value"},
}
_QUOTE = re.compile(r"^(?:&gt;|>) ?(.*)$", re.M)


def claim(files: Sequence[File], _options: Options) -> list[Export]:
    """One export per folder with any of Reddit's tables."""
    folders = defaultdict[PurePosixPath, list[tuple[File, str]]](list)
    for file in without_media(files):
        if file.path.suffix.lower() == ".csv":
            columns = set(header(file))
            kind = next((kind for kind, wanted in _SHAPES.items() if columns >= wanted), None)
            if kind:
                folders[file.path.parent].append((file, kind))
    return [
        Export(_PLATFORM, "csv", [file for file, _ in tables], partial(_parse, tables))
        for tables in folders.values()
        if any(kind != "statistics" for _, kind in tables)
    ]


def _parse(tables: list[tuple[File, str]], report: Report) -> Iterator[Message]:
    report.time_zone = "UTC"
    titles = Titles()
    owner = _owner(tables, report)
    order = list(_SHAPES)
    for file, kind in sorted(tables, key=lambda table: (order.index(table[1]), str(table[0].path))):
        quotes = defaultdict[str, Quotes](Quotes)
        for number, row in rows(file, report) if kind != "statistics" else ():
            sent_at = _time(row.get("date") or row.get("created_at", ""))
            if sent_at is None:
                report.miss(number)
                continue
            if kind in ("comments", "posts"):
                yield _post(row, kind, sent_at, owner, titles)
            elif kind == "messages":
                yield _mail(row, sent_at, owner, titles)
            else:
                yield _chat(row, sent_at, titles, quotes)


def _time(text: str) -> datetime | None:
    sent_at = iso(text.removesuffix(" UTC")) or written_time(text)
    return sent_at.replace(tzinfo=sent_at.tzinfo or UTC) if sent_at else None


def _owner(tables: list[tuple[File, str]], report: Report) -> str:
    """From the statistics, or whoever takes part in every private message."""
    names, mails = Counter[str](), 0
    for file, kind in tables:
        if kind not in ("statistics", "messages"):
            continue
        for _, row in rows(file, Report([], "", "")):
            if row.get("statistic") == "account name":
                report.owner, report.owner_evidence = row["value"], "the statistics name the account"
                return row["value"]
            if kind == "messages":
                mails += 1
                names.update({row["from"], row["to"]} - {""})
    always = [name for name, count in names.items() if count == mails]
    owner = always[0] if len(always) == 1 and mails > 1 else _ME
    report.owner = owner
    report.owner_evidence = "comments and posts are the owner's" if owner == _ME else "is in every private message"
    return owner


def _post(row: dict[str, str], kind: str, sent_at: datetime, owner: str, titles: Titles) -> Message:
    chat = titles.name(f"r/{row['subreddit']}", row["subreddit"])
    body = row["body"].strip()
    if kind == "posts":
        text = "\n\n".join(filter(None, (row["title"], body if body not in _GONE else "")))
        return Message(_PLATFORM, chat, owner, sent_at, Kind.TEXT if text else Kind.EMPTY, text)
    if body in _GONE:
        return Message(_PLATFORM, chat, owner, sent_at, Kind.DELETED, body)
    quoted = "\n".join(_QUOTE.findall(body))
    text = re.sub(r"\n{3,}", "\n\n", _QUOTE.sub("", body)).strip("\n")
    return Message(_PLATFORM, chat, owner, sent_at, Kind.TEXT if text else Kind.EMPTY, text, quoted or None)


def _mail(row: dict[str, str], sent_at: datetime, owner: str, titles: Titles) -> Message:
    other = row["to"] if row["from"] == owner else row["from"]
    chat = titles.name(other or "Messages", row["thread_id"] or other)
    text = row["body"].strip()
    robot = other.lower() in ("automoderator", "reddit", "") or other.startswith("r/") or row["from"].startswith("/r/")
    kind = Kind.SYSTEM if robot else Kind.DELETED if text in _GONE else Kind.TEXT if text else Kind.EMPTY
    return Message(_PLATFORM, chat, row["from"] or None, sent_at, kind, text)


def _chat(row: dict[str, str], sent_at: datetime, titles: Titles, quotes: dict[str, Quotes]) -> Message:
    channel = row.get("channel_url") or row.get("channel_name") or "chat"
    chat = titles.name(row.get("channel_name") or row["username"] or "chat", channel)
    text = row["message"]
    reply_to = quotes[channel].find(row.get("thread_parent_message_id"))
    quotes[channel].remember(row["message_id"], text)
    kind = Kind.DELETED if text in _GONE else Kind.TEXT if text.strip() else Kind.EMPTY
    return Message(_PLATFORM, chat, row["username"] or None, sent_at, kind, text, reply_to)
