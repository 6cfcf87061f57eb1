"""Viber's message history, as the phone mails it: a CSV per chat with date, time, name, number and words."""

import csv
import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice

from twin.domain.messages import Kind, Message
from twin.ingest.encoding import detect, open_text
from twin.ingest.export import Export, File, Options, Report
from twin.ingest.rowdates import reader
from twin.ingest.tables import header
from twin.ingest.threads import Titles

_PLATFORM = "viber"
_HEADER = ["date", "time", "name"]
_ROW = re.compile(
    r"\s*\"?\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\"?,\"?\d{1,2}:\d{2}(?::\d{2})?(?: ?[AaPp]\.?[Mm]\.?)?\"?,[^,]*,\"?\+?[\d ()-]*\"?,"
)
_OWN = frozenset({"me", "ich", "moi", "yo", "io", "eu", "ik", "ja", "я", "аз", "εγώ", "én"})
_MEDIA = re.compile(
    r"(?:Photo|Video|Sticker|Voice|GIF|File|Photo message|Video message|Sticker message|Voice message) ?(?:message)?",
    re.I,
)


def claim(files: Sequence[File], options: Options) -> list[Export]:
    """All chats of a message history are one export."""
    own = [file for file in files if file.path.suffix.lower() in (".csv", ".txt") and _is_viber(file)]
    return [Export(_PLATFORM, "message history", own, partial(_parse, own, options))] if own else []


def _is_viber(file: File) -> bool:
    columns = header(file)
    if columns[:3] == _HEADER and len(columns) == 5 and columns[3].startswith(("phone", "number")):
        return True
    head = file.head(2048)
    return _ROW.match(head.decode(detect(head), "ignore").lstrip("\ufeff")) is not None


def _parse(files: Sequence[File], options: Options, report: Report) -> Iterator[Message]:
    report.time_zone = "wall clock, no zone stated"
    titles = Titles()
    for file in files:
        chat = titles.name(re.sub(r"^Messages? - ", "", file.path.stem), str(file.path))
        with open_text(file) as text:
            sample = [f"{row[0]} {row[1]}" for row in islice(csv.reader(text), 2000) if len(row) > 4]
        read = reader(sample, options, report, latest=file.modified)
        with open_text(file) as text:
            rows = csv.reader(line.replace("\0", "") for line in text)
            while True:
                try:
                    row = next(rows, None)
                except csv.Error:
                    report.miss(rows.line_num)
                    continue
                if row is None:
                    break
                sent_at = read(f"{row[0]} {row[1]}") if len(row) > 4 else None
                if sent_at is None:
                    if any(row) and rows.line_num > 1:
                        report.miss(rows.line_num)
                    continue
                sender, number, words = row[2].strip(), row[3].strip(), ",".join(row[4:])
                if sender.casefold() in _OWN and report.owner is None:
                    report.owner, report.owner_evidence = sender, "the export calls its owner so"
                kind = Kind.MEDIA if _MEDIA.fullmatch(words.strip()) else Kind.TEXT if words.strip() else Kind.EMPTY
                yield Message(_PLATFORM, chat, sender or number or None, sent_at, kind, words, None, number or None)
