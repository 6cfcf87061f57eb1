"""Tables that people make themselves: CSV or a JSON list with who wrote, what, and when."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from typing import NamedTuple

from twin.domain.messages import Kind, Message
from twin.ingest.export import Export, File, Options, Report
from twin.ingest.jsonstream import mapping, outline, records, string
from twin.ingest.rowdates import reader
from twin.ingest.tables import header, rows
from twin.ingest.threads import Titles
from twin.ingest.unknown import without_media

_PLATFORM = "table"
_SENDER = (
    "sender",
    "from",
    "author",
    "speaker",
    "user",
    "username",
    "sender_name",
    "from_name",
    "name",
    "nickname",
    "who",
)
_TEXT = ("text", "message", "content", "body", "msg", "message_text")
_TIME = ("timestamp", "datetime", "date_time", "sent_at", "created_at", "date", "time")
_CHAT = ("chat", "conversation", "channel", "room", "thread", "chat_name")
_PLACES = ("item", "messages.item")


class _Columns(NamedTuple):
    place: str  # key path of the rows in JSON; "" for CSV
    sender: str
    text: str
    time: str  # "" where there is none
    chat: str


def claim(files: Sequence[File], options: Options) -> list[Export]:
    """Each table is an export. To be asked after every platform whose tables have columns of their own."""
    titles = Titles()
    exports = list[Export]()
    for file in without_media(files):
        if columns := _columns("", header(file)):
            exports.append(Export(_PLATFORM, "csv", [file], partial(_parse, file, columns, titles, options)))
            continue
        keys = outline(file)
        for place in _PLACES:
            names = [key.removeprefix(f"{place}.") for key in keys if key.startswith(f"{place}.")]
            if columns := _columns(place, names):
                exports.append(Export(_PLATFORM, "json", [file], partial(_parse, file, columns, titles, options)))
                break
    return exports


def _columns(place: str, names: Sequence[str]) -> _Columns | None:
    """Which column is what, by the first known name; sender and text are needed."""
    known = {name.casefold(): name for name in names}
    found = [next((known[name] for name in wanted if name in known), "") for wanted in (_SENDER, _TEXT, _TIME, _CHAT)]
    return _Columns(place, *found) if found[0] and found[1] else None


def _rows(file: File, place: str, report: Report) -> Iterator[tuple[int, dict[str, str]]]:
    if not place:
        yield from rows(file, report)
        return
    for number, (_, value) in enumerate(records(file, report, place), 1):
        yield number, {key: string(inner) for key, inner in mapping(value).items()}


def _parse(file: File, columns: _Columns, titles: Titles, options: Options, report: Report) -> Iterator[Message]:
    sample = islice((row.get(columns.time, "") for _, row in _rows(file, columns.place, Report([], "", ""))), 2000)
    read = reader(list(sample) if columns.time else [], options, report, latest=file.modified)
    aware: bool | None = None
    for number, row in _rows(file, columns.place, report):
        sender, text = row.get(columns.sender, "").strip(), row.get(columns.text, "")
        sent_at: datetime | None = read(row.get(columns.time, "")) if columns.time else None
        if not sender or (columns.time and sent_at is None):
            report.miss(number)
            continue
        if sent_at:
            aware = sent_at.tzinfo is not None if aware is None else aware
            sent_at = sent_at if aware == (sent_at.tzinfo is not None) else None
            report.time_zone = "offset stated" if aware else "wall clock, no zone stated"
        title = row.get(columns.chat, "") if columns.chat else ""
        chat = titles.name(title or file.path.stem, f"{file.path}/{title}")
        yield Message(_PLATFORM, chat, sender, sent_at, Kind.TEXT if text.strip() else Kind.EMPTY, text)
