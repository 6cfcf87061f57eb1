"""Google Voice in Google Takeout: an HTML page per conversation or call."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

from twin.domain.messages import Kind, Message
from twin.ingest.export import Export, File, Options, Report
from twin.ingest.html import Node, parse_html, words
from twin.ingest.threads import Titles
from twin.ingest.times import iso

_PLATFORM = "google-voice"
_ME = "Me"


def claim(files: Sequence[File], _options: Options) -> list[Export]:
    """All pages of conversations and calls are one export."""
    own = list[File]()
    for file in files:
        if file.path.suffix.lower() in (".html", ".htm"):
            head = file.head(16384)
            if b"hChatLog" in head or b'class="haudio"' in head:
                own.append(file)
    return [Export(_PLATFORM, "html", own, partial(_parse, own))] if own else []


def _parse(files: Sequence[File], report: Report) -> Iterator[Message]:
    report.time_zone = "UTC"
    report.owner, report.owner_id, report.owner_evidence = _ME, "me", 'the export calls its owner "Me"'
    titles = Titles()
    for file in files:
        page = parse_html(file)
        name = file.path.stem.split(" - ")[0]
        if audio := page.css_first(".haudio"):
            yield _call(audio, file, titles)
            continue
        rows = [(node, *_person(node.css_first("cite.sender"))) for node in page.css("div.message")]
        group = [_person(node) for node in page.css(".participants cite.sender")]
        others = sorted(
            {(number, shown) for shown, number in (*group, *((row[1], row[2]) for row in rows)) if number != "me"}
        )
        title = ", ".join(dict.fromkeys(shown for _, shown in others)) or name
        chat = titles.name(title, ",".join(number for number, _ in others) or title)
        for row, (node, sender, number) in enumerate(rows, 1):
            sent_at, quote = _time(node.css_first("abbr.dt")), node.css_first("q")
            if sent_at is None:
                report.miss(row)
                continue
            text = words(quote) if quote else ""
            media = node.css_first("img, video, audio, a.audio, a.video, a.vcard") is not None
            placeholder = media and text in ("MMS Sent", "MMS Received")
            kind = Kind.MEDIA if media else Kind.TEXT if text else Kind.EMPTY
            yield Message(_PLATFORM, chat, sender, sent_at, kind, "" if placeholder else text, None, number)


def _person(cite: Node | None) -> tuple[str, str]:
    """Name and number; the owner is `Me`."""
    link = cite.css_first("a.tel") if cite is not None else None
    number = ((link.attributes.get("href") or "") if link else "").removeprefix("tel:")
    shown = words(cite) if cite is not None else ""
    if shown == _ME:
        return _ME, "me"
    return shown or number or "Unknown", number or shown


def _time(node: Node | None) -> datetime | None:
    sent_at = iso((node.attributes.get("title") or "") if node else "")
    return sent_at.astimezone(UTC) if sent_at and sent_at.tzinfo else None


def _call(audio: Node, file: File, titles: Titles) -> Message:
    contributor = audio.css_first(".contributor")
    shown, number = _person(contributor)
    chat = titles.name(shown, number)
    own = " - Placed - " in file.path.name
    sender, sender_id = (_ME, "me") if own else (shown, number)
    return Message(_PLATFORM, chat, sender, _time(audio.css_first("abbr.published")), Kind.CALL, "", None, sender_id)
