"""Writing without a partner: plain text, Markdown, docx, odt, pdf, epub; diaries, letters, chapters."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial

from twin.domain.messages import Kind, Message
from twin.errors import ExportError
from twin.ingest.datetext import written_time
from twin.ingest.encoding import detect, open_text
from twin.ingest.export import Export, File, Options, Report
from twin.ingest.owner import DOCUMENT
from twin.ingest.pasted import is_code
from twin.ingest.pdf import read_pdf
from twin.ingest.prose import Document, Paragraph, markdown, plain
from twin.ingest.threads import Titles
from twin.ingest.unknown import without_media
from twin.ingest.zipped import kind_of_zip, read_zipped

_WRITER = "Author"
_LARGEST = 64 << 20
_FEWEST_LETTERS = 20
_TEXTS = {".txt": "text", ".text": "text", "": "text", ".md": "markdown", ".markdown": "markdown"}
# Writing holds none of these; every format of pictures, sounds and programs does. DOS ended texts with \x1a.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
# A line of a chat or a log that no platform knows: it must not pass for somebody's prose.
_LOG_LINE = re.compile(r"\W{0,3}(?:\S+[ ,T]{1,2})?\d{1,4}(?:[:./-]\d{1,2}){1,2}\b|[\[<({]\S|\S+\s?[=|\t]|\S+,\S+,")


def claim(files: Sequence[File], _options: Options) -> list[Export]:
    """Each file that holds prose is an export of its own. To be asked last."""
    titles = Titles()
    exports = list[Export]()
    for file in without_media(files):
        dialect = _dialect(file)
        if dialect:
            exports.append(Export(DOCUMENT, dialect, [file], partial(_parse, file, dialect, titles)))
    return exports


def _dialect(file: File) -> str | None:
    head = file.head(16384)
    if head.startswith(b"%PDF-"):
        return "pdf"
    if head.startswith(b"PK\x03\x04"):
        try:
            with file.open() as stream:
                return kind_of_zip(stream)
        except ExportError:
            return None
    dialect = _TEXTS.get(file.path.suffix.lower())
    return dialect if dialect and _is_prose(head) else None


def _is_prose(head: bytes) -> bool:
    """Mostly letters and spaces, in lines that do not begin the way logs, tables and chats do."""
    if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    text = head.decode(detect(head), "ignore").lstrip("\ufeff").strip()
    if not text or text[0] in "{<" or text.count("\ufffd") * 50 > len(text) or _CONTROL.search(text.rstrip("\x1a")):
        return False
    if sum(map(str.isalpha, text)) < _FEWEST_LETTERS:
        return False
    letters = sum(character.isalpha() or character.isspace() for character in text)
    lines = [line for line in text.splitlines() if line.strip()]
    logs = sum(1 for line in lines if _LOG_LINE.match(line))
    return letters * 10 >= len(text) * 7 and logs * 4 <= len(lines) and not is_code(text)


def _parse(file: File, dialect: str, titles: Titles, report: Report) -> Iterator[Message]:
    document = _read(file, dialect)
    sender = document.author.strip() or _WRITER
    report.owner = sender
    report.owner_evidence = "the document names its author" if document.author.strip() else "a document has one writer"
    chat = titles.name(document.title.strip() or file.path.stem, str(file.path))
    sent_at: datetime | None = None
    for paragraph in document.paragraphs:
        body = paragraph.text.strip("\n")
        if paragraph.kind is not Kind.FORWARD:
            body = body.strip()
        if not body and paragraph.kind is not Kind.MEDIA:
            continue
        day = _diary_day(body)
        if day:
            sent_at = day.replace(tzinfo=None)
            report.time_zone = "dates of a diary"
        yield Message(DOCUMENT, chat, sender, sent_at, Kind.SYSTEM if day else _kind(paragraph.kind, body), body)


def _kind(kind: Kind, text: str) -> Kind:
    if kind is not Kind.TEXT:
        return kind
    if not re.search(r"\w", text):  # stars and lines between sections
        return Kind.SYSTEM
    return Kind.FORWARD if is_code(text) else Kind.TEXT


def _diary_day(text: str) -> datetime | None:
    """The day of a line that is only a date, as diaries and letters have it above their text."""
    if len(text) > 50 or len(text.split()) > 7 or not re.search(r"\d", text):
        return None
    return written_time(text.strip(" .,:"))


def _read(file: File, dialect: str) -> Document:
    name = file.path.name
    if dialect in ("text", "markdown"):
        if file.size > _LARGEST:
            raise ExportError(f"{name}: {file.size >> 20:,} MB are more than a person writes in one text (64 MB).")
        with open_text(file) as stream:
            text = stream.read()
        if dialect == "markdown":
            return markdown(text)
        return Document("", "", (Paragraph(Kind.TEXT, block) for block in plain(text)))
    with file.open() as stream:
        return read_pdf(stream, name=name) if dialect == "pdf" else read_zipped(stream, dialect, name=name)
