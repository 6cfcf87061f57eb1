"""iMessage's database: `chat.db` of a Mac, `sms.db` of an iPhone's backup."""

import plistlib
import shutil
import sqlite3
import struct
from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.parsers.expat import ExpatError

from twin.domain.messages import Kind, Message
from twin.errors import ExportError
from twin.ingest.export import Export, File, Options, Report
from twin.ingest.extras import formats_extra
from twin.ingest.threads import Quotes, Titles
from twin.ingest.times import instant
from twin.ingest.unknown import without_media

_PLATFORM = "imessage"
_NAMES = {"chat.db", "sms.db", "3d0d7e5fb2ce288813306e4d4636395e047a3d28"}
_EPOCH = datetime(2001, 1, 1, tzinfo=UTC)
_ME = "Me"
_LINK = "com.apple.messages.URLBalloonProvider"
_GAPS = str.maketrans("", "", "\ufffc\ufffd")  # where attachments stand in the text
# What the readers of Apple's two binary formats raise on damaged ones.
_DAMAGE = (
    *(ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, NotImplementedError, RecursionError),
    *(TypeError, ValueError, struct.error),
)
_COLUMNS = [
    "guid",
    "text",
    "attributedBody",
    "date",
    "is_from_me",
    "handle_id",
    "item_type",
    "associated_message_type",
    "balloon_bundle_id",
    "cache_has_attachments",
    "date_edited",
    "date_retracted",
    "message_summary_info",
    "thread_originator_guid",
]


def claim(files: Sequence[File], _options: Options) -> list[Export]:
    """Every SQLite file that is named, or made, like Apple's; what was not merged into it yet lies beside it."""
    by_path = {file.path: file for file in files}
    exports = list[Export]()
    for file in without_media(files):
        head = file.head()
        if not head.startswith(b"SQLite format 3\0"):
            continue
        if file.path.name in _NAMES or b"chat_message_join" in head or b"attributedBody" in head:
            beside = (file.path.with_name(f"{file.path.name}-{end}") for end in ("wal", "shm"))
            own = [file, *(by_path[path] for path in beside if path in by_path)]
            exports.append(Export(_PLATFORM, "database", own, partial(_parse, own)))
    return exports


@contextmanager
def _opened(files: Sequence[File]) -> Generator[sqlite3.Connection]:
    """A copy of the database, because SQLite writes beside what it reads."""
    with TemporaryDirectory() as folder:
        for file in files:
            with file.open() as source, (Path(folder) / file.path.name).open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
        path = Path(folder) / files[0].path.name
        try:
            with closing(sqlite3.connect(path)) as database:
                database.execute("PRAGMA trusted_schema=OFF")
                database.text_factory = lambda data: data.decode("utf-8", "replace")
                yield database
        except sqlite3.Error as error:
            raise ExportError(
                f"{files[0].path.name} is no whole database of Messages ({type(error).__name__}). "
                "Quit Messages and copy chat.db with chat.db-wal again."
            ) from error


def _parse(files: Sequence[File], report: Report) -> Iterator[Message]:
    report.time_zone = "UTC"
    report.owner, report.owner_id, report.owner_evidence = _ME, "me", "the database marks what its owner sent"
    with _opened(files) as database:
        present = {row[1] for row in database.execute("PRAGMA table_info(message)")}
        if not {"date", "is_from_me", "handle_id"} <= present:
            raise ExportError(f"{files[0].path.name} is a database, but none of Messages. Give chat.db or sms.db.")
        people = _people(database)
        columns = ", ".join(f"m.{name}" if name in present else "NULL" for name in _COLUMNS)
        titles = Titles()
        undecoded = 0
        for identity, title, chats in [*_chats(database, people), ("", "", list[int]())]:
            quotes = Quotes()
            joined = f"WHERE chat_id IN ({','.join('?' * len(chats))})" if chats else ""
            query = (
                f"SELECT {columns} FROM message m WHERE m.ROWID {'IN' if chats else 'NOT IN'} "  # noqa: S608  names of columns, and marks
                f"(SELECT message_id FROM chat_message_join {joined}) ORDER BY m.date, m.ROWID"
            )
            for values in database.execute(query, chats):
                row = dict(zip(_COLUMNS, values, strict=True))
                sender, sender_id = (_ME, "me") if row["is_from_me"] else people.get(row["handle_id"], (None, None))
                text, decoded = _text(row)
                undecoded += not decoded
                guid = str(row["guid"])
                chat = titles.name(title or sender or "Unknown", identity or sender)
                reply_to = quotes.find(row["thread_originator_guid"])
                quotes.remember(guid, text)
                yield Message(_PLATFORM, chat, sender, _time(row["date"]), _kind(row, text), text, reply_to, sender_id)
        if undecoded:
            report.warnings.append(f"The text of {undecoded:,} messages could not be decoded; they count as empty.")


def _people(database: sqlite3.Connection) -> dict[int, tuple[str, str]]:
    """Handles by row: the number or address to show, and an id that is one for all handles of a person."""
    columns = {row[1] for row in database.execute("PRAGMA table_info(handle)")}
    person = "person_centric_id" if "person_centric_id" in columns else "NULL"
    first = dict[str, str]()
    people = dict[int, tuple[str, str]]()
    for row, handle, of in database.execute(f"SELECT ROWID, id, {person} FROM handle ORDER BY ROWID"):  # noqa: S608  one of two names
        shown = first.setdefault(str(of or handle), str(handle))
        people[row] = (shown, shown)
    return people


def _chats(database: sqlite3.Connection, people: dict[int, tuple[str, str]]) -> list[tuple[str, str, list[int]]]:
    """Identity, title and rows of each chat: one person's SMS and iMessage, phone and address, are one chat."""
    members = defaultdict[int, list[str]](list)
    for chat, handle in database.execute("SELECT chat_id, handle_id FROM chat_handle_join ORDER BY 1, 2"):
        if handle in people:
            members[chat].append(people[handle][0])
    chats = dict[str, tuple[str, list[int]]]()
    query = "SELECT ROWID, chat_identifier, display_name FROM chat ORDER BY ROWID"
    for row, identifier, name in database.execute(query):
        alone = len(set(members[row])) == 1 and not str(identifier).startswith("chat")
        identity = members[row][0] if alone else str(identifier)
        title = str(name or "") or ", ".join(dict.fromkeys(members[row])) or str(identifier)
        chats.setdefault(identity, (title, []))[1].append(row)
    return [(identity, title, rows) for identity, (title, rows) in chats.items()]


def _time(count: Any) -> datetime | None:
    """Since 2001: seconds until macOS 10.12, nanoseconds after."""
    if not isinstance(count, int) or not count:
        return None
    return instant(count, per_second=10**9 if abs(count) > 10**11 else 1, epoch=_EPOCH)


def _text(row: dict[str, Any]) -> tuple[str, bool]:
    """The words, and whether they could be decoded."""
    text, body = row["text"], row["attributedBody"]
    if isinstance(text, str) and text:
        return text.translate(_GAPS).strip("\n"), True
    if not isinstance(body, bytes) or not body:
        return "", True
    found = attributed_text(body)
    return (found or "").translate(_GAPS).strip("\n"), found is not None


def attributed_text(data: bytes) -> str | None:
    """The string in an archived NSAttributedString (typedstream); None where it is damaged."""
    with formats_extra("Reading the newer iMessage databases"):
        import typedstream  # noqa: PLC0415
    try:
        archived = typedstream.unarchive_from_data(data)
    except (typedstream.InvalidTypedStreamError, *_DAMAGE):
        return None
    for group in getattr(archived, "contents", None) or ():
        for value in getattr(group, "values", ()):
            text = getattr(value, "value", None)
            if isinstance(text, str):
                return text
    return None


def _kind(row: dict[str, Any], text: str) -> Kind:
    about = row["associated_message_type"]
    about = about if isinstance(about, int) else 0
    if 2000 <= about < 4000:
        return Kind.REACTION
    if about == 4000:
        return Kind.POLL
    if row["item_type"]:
        return {4: Kind.LOCATION, 6: Kind.CALL}.get(row["item_type"], Kind.SYSTEM)
    if row["date_retracted"] or (row["date_edited"] and not text and _retracted(row["message_summary_info"])):
        return Kind.DELETED
    balloon = str(row["balloon_bundle_id"] or "")
    if balloon and balloon != _LINK:
        return _balloon(balloon)
    if row["cache_has_attachments"] or about == 1000:
        return Kind.MEDIA
    if not text:
        return Kind.EMPTY
    return Kind.EDITED if row["date_edited"] else Kind.TEXT


def _balloon(name: str) -> Kind:
    lower = name.lower()
    if "poll" in lower:
        return Kind.POLL
    return Kind.LOCATION if "findmy" in lower or "maps" in lower else Kind.MEDIA


def _retracted(info: Any) -> bool:
    """`rp` in the summary lists the parts of a message that were taken back."""
    try:
        summary = plistlib.loads(info) if isinstance(info, bytes) else None
    except (plistlib.InvalidFileException, ExpatError, *_DAMAGE):
        return False
    return isinstance(summary, dict) and bool(summary.get("rp"))
