"""WhatsApp text files, read in one pass."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from io import TextIOWrapper
from itertools import chain, repeat
from typing import NamedTuple

from twin.domain.messages import Kind, Message
from twin.errors import ExportError
from twin.ingest.encoding import open_text
from twin.ingest.export import File, Report
from twin.ingest.whatsapp.kinds import BEGINS, ENDS, HINTS, ODD_LINES
from twin.ingest.whatsapp.layout import Layout, Rows
from twin.ingest.whatsapp.phrases import bare

PLATFORM = "whatsapp"
_BLOCK = 1 << 14
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
    return chain.from_iterable(_batches(text, chat, report))


def _batches(text: Text, chat: str, report: Report) -> Iterator[list[Message]]:
    layout, phrases = text.layout, bare()
    make = partial(tuple.__new__, Message)
    careful = _CAREFUL
    for block in _blocks(text, report):
        # Column by column, in C: a message costs a microsecond or two. Only what is odd is looked at alone.
        rows = _rows(layout, block)
        senders, bodies = list(map(layout.senders.known.get, rows.names)), rows.bodies
        whens = layout.stamps.at(rows.days, rows.clocks)
        columns = (
            repeat(PLATFORM),
            repeat(chat),
            senders,
            whens,
            repeat(Kind.TEXT),
            bodies,
            repeat(None),
            repeat(None),
        )
        batch: list[Message] = list(map(make, zip(*columns, strict=False)))
        odd = _odd(block, bodies)
        odd.update(range(min(careful, len(bodies))))
        careful = max(careful - len(bodies), 0)
        if None in senders:
            odd.update(i for i, sender in enumerate(senders) if sender is None)
        if not phrases.isdisjoint(bodies):
            odd.update(i for i, body in enumerate(bodies) if body in phrases)
        for i in sorted(odd):
            batch[i] = _typed(layout, chat, senders[i], bodies[i], whens[i], rest=rows.rest(i))
        yield batch


def _odd(block: str, bodies: Sequence[str]) -> set[int]:
    """Which bodies may be more than words."""
    odd = {
        i for i, body in enumerate(bodies)
        if body[:1] in BEGINS or body[-1:] in ENDS or ("\n" in body and ODD_LINES.search(body))
    }  # fmt: skip
    for hint in HINTS:
        if hint in block:
            odd.update(i for i, body in enumerate(bodies) if hint in body)
    return odd


def _typed(
    layout: Layout, chat: str, sender: str | None, body: str, when: datetime | None, *, rest: str
) -> Message:  # fmt: skip
    if sender is None:
        sender, body = layout.senders.split(rest)
    body = body.replace("\r\n", "\n")
    if sender is None:
        kind, body = layout.kinds.notice(body.rstrip("\n"))
    else:
        kind, body = layout.kinds.type(sender, body)
    return Message(PLATFORM, chat, None if kind is Kind.SYSTEM else sender, when, kind, body)


def _blocks(text: Text, report: Report) -> Iterator[str]:
    """Some hundred thousand characters at a time, each with a line break and a header at its beginning."""
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
                yield carry[:cut]
                carry = carry[cut:]
            elif len(carry) > _LONGEST_RECORD:
                raise ExportError(
                    f"{text.file.path} holds a message of more than {_LONGEST_RECORD >> 20} million characters, "
                    "which no chat does. Export the chat again."
                )
            block = stream.read(_BLOCK)
            carry += block
        if carry:
            yield carry.rstrip("\r\n")


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


def _rows(layout: Layout, block: str) -> Rows:
    rows = layout.split(block)
    if layout.crlf and block.count("\n") - block.count("\r") > _QUOTED:
        # An export with LF was joined to this one: no person quotes so many lines with headers.
        return layout.unfold(rows, at_least=_QUOTED)
    return rows
