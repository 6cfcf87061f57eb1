"""The Markdown that WhatsApp Web puts beside its text: the only WhatsApp export that knows what a message answers."""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from functools import cache

from babel import Locale

from twin.domain.messages import Kind, Message
from twin.ingest.encoding import open_text
from twin.ingest.export import File, Report
from twin.ingest.whatsapp.kinds import Kinds
from twin.ingest.whatsapp.stamps import Stamps

_RECORD = re.compile(
    r"\[(?P<time>[^\]\n]{4,20})\] (?:__(?P<notice>.*)__$|\*\*(?P<name>[^\n]+?):\*\*(?: (?P<body>.*))?$)"
)
_QUOTE = re.compile(r"> _(?:[^\n:]+: )?(?P<quote>.*?)_\n?", re.DOTALL)
_LINK = re.compile(r"\[[^\]\n]+\]\(media/[^)\n]*\)\s*", re.DOTALL)
_POLL = re.compile(r"\*\*[^\n]+: [^\n]+\*\*(?:\n- [^\n]*)*")


def is_markdown(head: bytes) -> bool:
    """Whether a file begins as WhatsApp Web's `chat.md` does."""
    text = head[:4096].decode("utf-8", "ignore").lstrip("\ufeff")
    return (
        text.startswith("# ")
        and "WhatsApp" in text.partition("\n")[0]
        and bool(re.search(r"^\[.+\] (?:\*\*|__)", text, re.M))
    )


def key(message: Message) -> tuple[object, ...]:
    """What a message in the text and one in the Markdown have in common."""
    return (message.sent_at and message.sent_at.replace(second=0), message.sender, message.text)


def replies(files: Sequence[File]) -> dict[tuple[object, ...], str]:
    """What the messages answer that answer something."""
    unseen = Report([], "whatsapp", "web markdown")
    return {
        key(message): message.reply_to for file in files for message in messages(file, "", unseen) if message.reply_to
    }


def messages(file: File, chat: str, report: Report) -> Iterator[Message]:
    """The messages of a `chat.md`."""
    stamps = Stamps({}, twelve_hours=True, latest=file.modified)
    kinds = Kinds(apple=False, chat=chat)
    day: date | None = None
    record: tuple[datetime | None, str | None, list[str]] | None = None
    with open_text(file) as stream:
        for number, raw in enumerate(stream, 1):
            line = raw.rstrip("\r\n")
            found = _RECORD.match(line)
            heading = _day(line[3:]) if line.startswith("## ") else None
            if found or heading or line == "---":
                if record:
                    yield _message(record, chat, kinds)
                    record = None
                day = heading or day
            if found:
                when = datetime.combine(day, time) if day and (time := stamps.clock(found["time"])) else None
                record = (when, found["name"], [found["notice"] if found["name"] is None else found["body"] or ""])
            elif record and not heading and line != "---":
                record[2].append(line)
            elif line.strip() and not heading and line != "---" and not line.startswith(("# ", "Export date: ")):
                report.miss(number)
    if record:
        yield _message(record, chat, kinds)


def _message(record: tuple[datetime | None, str | None, list[str]], chat: str, kinds: Kinds) -> Message:
    when, sender, lines = record
    body = "\n".join(lines).strip("\n")
    if sender is None:
        kind, text = kinds.notice(body)
        return Message("whatsapp", chat, None, when, kind, text)
    quote = _QUOTE.match(body)
    if quote:
        body = body[quote.end() :]
    if link := _LINK.match(body):
        kind, text = Kind.MEDIA, body[link.end() :]
    elif _POLL.fullmatch(body):
        kind, text = Kind.POLL, body.replace("**", "")
    else:
        kind, text = kinds.type(sender, body)
    return Message("whatsapp", chat, sender, when, kind, text, quote["quote"] if quote else None)


@cache
def _months() -> dict[str, int]:
    table: dict[str, int] = {}
    for name in [
        "en",
        "de",
        "es",
        "fr",
        "it",
        "pt",
        "nl",
        "ru",
        "uk",
        "tr",
        "pl",
        "cs",
        "sk",
        "hu",
        "ro",
        "sv",
        "da",
        "nb",
        "fi",
        "el",
        "he",
        "ar",
        "fa",
        "hi",
        "id",
        "vi",
        "th",
        "ca",
        "hr",
        "bg",
    ]:
        for forms in Locale.parse(name).months.values():
            for width in ("wide", "abbreviated"):
                table |= {month.lower().rstrip("."): number for number, month in forms[width].items()}
    return table


def _day(text: str) -> date | None:
    """`January 5, 2026`, `5. Januar 2026`, `2026年1月5日`."""
    numbers = [int(part) for part in re.findall(r"\d+", text)]
    names = [_months()[word] for word in re.findall(r"[^\W\d_]+", text.lower()) if word in _months()]
    try:
        if len(numbers) == 2 and names:
            small, large = sorted(numbers)
            return date(large, names[0], small)
        if len(numbers) == 3 and numbers[0] > 999:
            return date(*numbers)
    except ValueError:
        pass
    return None
