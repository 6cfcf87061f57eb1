"""iMessage as imessage-exporter writes it to text: a file per chat, a block of lines per message."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial

from twin.domain.messages import Kind, Message
from twin.ingest.encoding import detect, open_text
from twin.ingest.export import Export, File, Options, Report
from twin.ingest.threads import Titles

_PLATFORM = "imessage"
_ME = "Me"
_STAMP = r"[A-Z][a-z]{2} \d{2}, \d{4} {1,2}\d{1,2}:\d{2}:\d{2} [AP]M"
_HEADER = re.compile(rf"({_STAMP})(?: \(.*\))?")
_ANNOUNCEMENT = re.compile(rf"({_STAMP}) (?!\()(.+)")
_START = re.compile(rf"\s*{_STAMP}")
_REPLY_NOTE = "This message responded to an earlier message."
_EDITED = re.compile(r"Edited .{1,80}? later: ")
_EFFECT = re.compile(r"Sent with [A-Z][A-Za-z ]{2,20}")
_ATTACHMENT = re.compile(r"(?:/|~/|\./|attachments/|[A-Za-z]:\\)\S.*\.\w{2,5}|Attachment missing!")
_APP = re.compile(r"[\w .&+-]{1,40} message:")
_KINDS = {
    "SharePlay Message": Kind.CALL,
    "Started sharing location!": Kind.LOCATION,
    "Stopped sharing location!": Kind.LOCATION,
}


def claim(files: Sequence[File], _options: Options) -> list[Export]:
    """One export for all chats of a run of the exporter."""
    own = list[File]()
    for file in files:
        if file.path.suffix.lower() == ".txt":
            head = file.head(4096)
            lines = head.decode(detect(head), "ignore").lstrip().splitlines()
            if len(lines) > 1 and (_HEADER.fullmatch(lines[0]) or _ANNOUNCEMENT.fullmatch(lines[0])):
                own.append(file)
    return [Export(_PLATFORM, "imessage-exporter, text", own, partial(_parse, own))] if own else []


def _parse(files: Sequence[File], report: Report) -> Iterator[Message]:
    report.time_zone = "wall clock, no zone stated"
    titles = Titles()
    for file in files:
        chat = titles.name(file.path.stem, str(file.path))
        answered = dict[tuple[datetime, str], str]()
        for number, lines in _blocks(file):
            message = _message(lines, chat, answered)
            if message is None:
                report.miss(number)
                continue
            if message.sender == _ME:
                report.owner, report.owner_evidence = _ME, 'the exporter calls its owner "Me"'
            yield message


def _blocks(file: File) -> Iterator[tuple[int, list[str]]]:
    """The lines of each message: it ends with an empty line before the next stamp."""
    with open_text(file) as text:
        start, block = 1, list[str]()
        for number, raw in enumerate(text, 1):
            line = raw.rstrip("\r\n")
            if block and not block[-1] and _START.match(line) and not line.startswith(" "):
                yield start, block
                block = []
            if not block:
                start = number
            if block or line.strip():
                block.append(line)
        if block:
            yield start, block


def _message(lines: list[str], chat: str, answered: dict[tuple[datetime, str], str]) -> Message | None:
    header = _HEADER.fullmatch(lines[0])
    if header is None or len(lines) < 2:
        notice = _ANNOUNCEMENT.fullmatch(lines[0])
        sent_at = _time(notice[1]) if notice else None
        return Message(_PLATFORM, chat, None, sent_at, Kind.SYSTEM, notice[2]) if notice else None
    sent_at, sender = _time(header[1]), lines[1]
    body, replies = _split_replies(lines[2:])
    is_reply = _REPLY_NOTE in body
    kind, text = _content([line for line in body if line != _REPLY_NOTE])
    for reply in replies:
        if text:
            answered[reply] = text
            if len(answered) > 20_000:
                del answered[next(iter(answered))]
    reply_to = answered.pop((sent_at, sender), None) if is_reply and sent_at else None
    return Message(_PLATFORM, chat, sender, sent_at, kind, text, reply_to)


def _time(stamp: str) -> datetime | None:
    try:
        return datetime.strptime(" ".join(stamp.split()), "%b %d, %Y %I:%M:%S %p")
    except ValueError:
        return None


def _split_replies(lines: list[str]) -> tuple[list[str], list[tuple[datetime, str]]]:
    """A message's own lines, and time and sender of its replies; those are indented, and stand again in their place."""
    own, replies = list[str](), list[tuple[datetime, str]]()
    inside = False
    for place, line in enumerate(lines):
        header = _HEADER.fullmatch(line.strip()) if line.startswith("    ") else None
        if header:
            inside = True
            sent_at = _time(header[1])
            if sent_at and place + 1 < len(lines):
                replies.append((sent_at, lines[place + 1].strip()))
        elif inside and line and not line.startswith("    "):
            inside = False
        if not inside:
            own.append(line)
    return own, replies


def _content(lines: list[str]) -> tuple[Kind, str]:
    for marker in ("Tapbacks:", "Reactions:"):
        if marker in lines:
            lines = lines[: lines.index(marker)]
    lines = [line for line in lines if not _EFFECT.fullmatch(line)]
    words = [line for line in lines if not _ATTACHMENT.fullmatch(line)]
    text = "\n".join(words).strip("\n")
    first = words[0] if words else ""
    if len(words) < len(lines):
        return Kind.MEDIA, text
    if first in _KINDS:
        return _KINDS[first], text
    if re.fullmatch(r"(?:You|They|.{1,60}) (?:deleted|unsent) a message\.?|.{0,60}unsent this message part.*", text):
        return Kind.DELETED, text
    if _APP.fullmatch(first):
        return Kind.MEDIA, ""
    if found := list(_EDITED.finditer(text)):
        return Kind.EDITED, text[found[-1].end() :]
    if re.fullmatch(r"https?://\S+", first):
        text = first  # title and summary of the page follow
    return (Kind.TEXT if text else Kind.EMPTY), text
