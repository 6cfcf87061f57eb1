"""The text of a PDF as paragraphs: words whole again, running heads and page numbers left out."""

import logging
import re
from collections import Counter
from collections.abc import Iterator
from statistics import median
from typing import Any, BinaryIO

from twin.domain.messages import Kind
from twin.errors import ExportError
from twin.ingest.extras import formats_extra
from twin.ingest.prose import Document, Paragraph

_MOST_PAGES = 5_000
_EDGE = 2  # lines at the top and the bottom of a page that may be repeated on every page
_PAGE_NUMBER = re.compile(
    r"(?:\W*(?:page|seite|página|pagina|стр\.?)\W*)?[\divxlc]{1,5}(?:\W*(?:/|of|von|de)\W*\d{1,5})?\W*", re.I
)
_HYPHEN = re.compile(r"[^\W\d_]-$")
_ENDS = re.compile(r"[.!?:;…\"'”’»)\]。！？]$")


def read_pdf(stream: BinaryIO, *, name: str) -> Document:
    """A PDF. Raises ExportError where it is locked, damaged, or pictures of pages."""
    with formats_extra("Reading PDF"):
        import pypdf  # noqa: PLC0415
        from pypdf.errors import PyPdfError  # noqa: PLC0415
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it warns about every little thing in a file
    damage = (PyPdfError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError, OSError)
    try:
        reader = pypdf.PdfReader(stream)
        if reader.is_encrypted and not reader.decrypt(""):
            raise ExportError(f"{name} is locked with a password. Save it without one.")
        if len(reader.pages) > _MOST_PAGES:
            raise ExportError(f"{name} has {len(reader.pages):,} pages, more than {_MOST_PAGES:,}. Split it.")
        pages = [_lines(page) for page in reader.pages]
        metadata: Any = reader.metadata or {}
        author, title = str(metadata.get("/Author") or ""), str(metadata.get("/Title") or "")
    except (*damage, NotImplementedError) as error:
        raise ExportError(f"{name} is a damaged PDF ({type(error).__name__}). Save it again.") from error
    if not any(pages):
        raise ExportError(f"{name} holds pictures of pages, no text. Recognise the text (OCR) first.")
    return Document(author.strip(), title.strip(), _paragraphs(_without_running_lines(pages)))


def _lines(page: Any) -> list[str]:
    return [line.rstrip() for line in str(page.extract_text()).split("\n") if line.strip()]


def _without_running_lines(pages: list[list[str]]) -> list[list[str]]:
    """Without lines that stand at the edge of every other page, whatever their number, and page numbers."""

    def shape(line: str) -> str:
        return re.sub(r"\d+", "0", line.strip().casefold())

    seen = Counter(shape(line) for page in pages for line in {*page[:_EDGE], *page[-_EDGE:]})
    running = {line for line, count in seen.items() if count > 2 and count * 3 >= len(pages)}
    kept = list[list[str]]()
    for page in pages:
        lines = list(page)
        for place in (0, -1):
            for _ in range(_EDGE):
                if lines and (shape(lines[place]) in running or _PAGE_NUMBER.fullmatch(lines[place].strip())):
                    lines.pop(place)
        kept.append(lines)
    return kept


def _paragraphs(pages: list[list[str]]) -> Iterator[Paragraph]:
    """A paragraph ends with a sentence in a line that is shorter than most."""
    lines = [line for page in pages for line in page]
    usual = median(len(line) for line in lines) if lines else 0
    paragraph = ""
    for line in lines:
        text = line.strip()
        if paragraph and (line.startswith(("   ", "\t")) or re.match(r"[•–]\s", text)):
            yield Paragraph(Kind.TEXT, paragraph)
            paragraph = ""
        if _HYPHEN.search(paragraph) and text[:1].islower():
            paragraph = paragraph[:-1] + text
        else:
            paragraph = f"{paragraph} {text}".strip()
        if len(line) < usual * 0.85 and _ENDS.search(text):
            yield Paragraph(Kind.TEXT, paragraph)
            paragraph = ""
    if paragraph:
        yield Paragraph(Kind.TEXT, paragraph)
