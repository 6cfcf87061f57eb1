"""WhatsApp text files, read in one pass."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from io import TextIOWrapper
from typing import NamedTuple

from twin.domain.messages import Kind, Message
from twin.errors import ExportError
from twin.ingest.encoding import open_text
from twin.ingest.export import File, Report
from twin.ingest.whatsapp.kinds import BEGINS, ENDS, ODD_LINES
from twin.ingest.whatsapp.layout import Layout, Row
from twin.ingest.whatsapp.phrases import bare

PLATFORM = "whatsapp"
_BLOCK = 1 << 18
_LONGEST_RECORD = 64 << 20
_LONGEST_HEADER = 120
_QUOTED = 50
_CAREFUL = 50
"""Of the first records, every one is compared with every phrase: notices stand there."""


class Text(NamedTuple):
    """One text file of a chat, and how it is laid out."""

    file: File
    layout: Layout


def messages(text: Text, chat: str, report: Report) -> Iterator[Message]:
    """The messages of one file, in its order. Lines before the first header are misses."""
    layout = text.layout
    known, at, phrases = layout.senders.known, layout.stamps.at, bare()
    dates, times, combine = layout.stamps.dates, layout.stamps.times, datetime.combine
    special = layout.kinds.type
    make, plain = tuple.__new__, Kind.TEXT
    careful = _CAREFUL
    for rows in _blocks(text, report):
        for day, clock, rest in rows:
            name, _, body = rest.partition(": ")
            sender = known.get(name)
            if sender is None:
                sender, body = layout.senders.split(rest)
            date, time = dates.get(day), times.get(clock)
            when = combine(date, time) if date and time else at(day, clock)
            if sender is None:
                kind, body = layout.kinds.notice(body.rstrip("\r\n"))
                yield Message(PLATFORM, chat, None, when, kind, body)
            elif (
                body[:1] in BEGINS
                or body[-1:] in ENDS
                or "\u200e" in body
                or "maps" in body
                or "foursquare" in body
                or ("\n" in body and ODD_LINES.search(body))
                or body.lower() in phrases
                or careful
            ):
                careful = max(careful - 1, 0)
                kind, body = special(sender, body.replace("\r\n", "\n"))
                yield Message(PLATFORM, chat, None if kind is Kind.SYSTEM else sender, when, kind, body)
            else:
                yield make(Message, (PLATFORM, chat, sender, when, plain, body, None, None))


def _blocks(text: Text, report: Report) -> Iterator[Iterable[Row]]:
    """The records, some thousand at a time; none is cut."""
    layout = text.layout
    with open_text(text.file, encoding=layout.encoding) as stream:
        carry = _skip(stream, layout, report)
        block = carry
        while block:
            searched = len(carry) - len(block)
            if not layout.crlf and "\r" in carry:
                carry = carry.replace("\r\n", "\n")
            cut = _last_header(layout, carry, searched)
            if cut > 0:
                yield _rows(layout, carry[:cut])
                carry = carry[cut:]
            elif len(carry) > _LONGEST_RECORD:
                raise ExportError(
                    f"{text.file.path} holds a message of more than {_LONGEST_RECORD >> 20} million characters, "
                    "which no chat does. Export the chat again."
                )
            block = stream.read(_BLOCK)
            carry += block
        if carry:
            yield _rows(layout, carry.rstrip("\r\n"))


def _skip(stream: TextIOWrapper, layout: Layout, report: Report) -> str:
    """Read up to the first header, which a line break is put before; what precedes it are misses."""
    number = 0
    while line := stream.readline(_BLOCK):
        number += 1
        if layout.header.match(line):
            return "\r\n" + line
        if line.strip(" \r\n\ufeff"):
            report.miss(number)
    return ""


def _last_header(layout: Layout, text: str, searched: int) -> int:
    """The line break before the last header; 0 where there is none but the first. `searched` was looked at before."""
    end = len(text)
    start = max(searched - _LONGEST_HEADER, 0)
    while (at := text.rfind("\n", start, end)) > 0:
        if layout.header.match(text, at + 1) and (not layout.crlf or text[at - 1] == "\r"):
            return at - 1 if layout.crlf else at
        end = at
    return 0


def _rows(layout: Layout, text: str) -> Iterable[Row]:
    rows = layout.split(text)
    if layout.crlf and text.count("\n") - text.count("\r") > _QUOTED:
        # An export with LF was joined to this one: no person quotes so many lines with headers.
        return [part for row in rows for part in layout.unfold(row, at_least=_QUOTED)]
    return rows
