"""Paragraphs of plain text and Markdown: which are the writer's words, and which are headings, quotes or code."""

import re
from collections.abc import Iterable, Iterator
from statistics import median
from typing import NamedTuple

from twin.domain.messages import Kind

_WIDEST = 100
_FRONT = re.compile(r"---\s*\n(.*?)\n(?:---|\.\.\.)\s*\n", re.S)
_FIELD = re.compile(r"^(author|title)\s*:\s*[\"']?(.+?)[\"']?\s*$", re.M | re.I)
_HEADING = re.compile(r"#{1,6}\s+(.+?)\s*#*")
_RULE = re.compile(r"\s*(?:[-*_=~]\s*){3,}")
_PICTURE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_LIST_ITEM = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)])\s")


class Paragraph(NamedTuple):
    """A piece of a document: `TEXT`, `SYSTEM` for a heading, `FORWARD` for a quote or code, `MEDIA` for a picture."""

    kind: Kind
    text: str


class Document(NamedTuple):
    """What a document says of itself ("" where it does not), and its paragraphs in order."""

    author: str
    title: str
    paragraphs: Iterable[Paragraph]


def markdown(text: str) -> Document:
    """A Markdown text; author and title from its front matter."""
    front = _FRONT.match(text)
    fields = {name.lower(): value for name, value in _FIELD.findall(front[1])} if front else {}
    body = text[front.end() :] if front else text
    return Document(fields.get("author", ""), fields.get("title", ""), _marked_down(body))


def _marked_down(text: str) -> Iterator[Paragraph]:
    pieces = re.split(r"^(```.*?(?:^```\s*$|\Z)|~~~.*?(?:^~~~\s*$|\Z))", text, flags=re.S | re.M)
    for number, piece in enumerate(pieces):
        if number % 2:
            yield Paragraph(Kind.FORWARD, piece.strip("\n"))
            continue
        for block in plain(re.sub(r"^(#{1,6}\s.*)$", r"\n\1\n", piece, flags=re.M)):
            heading = _HEADING.fullmatch(block)
            if heading:
                yield Paragraph(Kind.SYSTEM, heading[1])
            elif all(line.startswith(">") for line in block.split("\n")):
                yield Paragraph(Kind.FORWARD, re.sub(r"^> ?", "", block, flags=re.M))
            elif _PICTURE.fullmatch(block):
                yield Paragraph(Kind.MEDIA, "")
            else:
                yield Paragraph(Kind.TEXT, block)


def plain(text: str) -> Iterator[str]:
    """The paragraphs of a plain text: blocks between empty lines, or lines where there are none and they are long.

    Lines that were only broken to fit a page are joined; poems, lists and addresses keep their lines.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\n")
    blocks = [block.strip("\n") for block in re.split(r"\n[ \t]*(?:\n[ \t]*)+", text) if block.strip()]
    lengths = [len(line) for block in blocks for line in block.split("\n")[:-1]]
    if len(blocks) < 3 and len(lengths) > 5 and median(lengths) > _WIDEST:
        blocks = [line for block in blocks for line in block.split("\n") if line.strip()]
    broken = len(lengths) > 2 and median(lengths) > 50 and max(lengths) <= _WIDEST
    for block in blocks:
        if _RULE.fullmatch(block):
            continue
        lines = block.split("\n")
        if broken and not any(map(_LIST_ITEM.match, lines)) and all(len(line) > 40 for line in lines[:-1]):
            yield " ".join(line.strip() for line in lines)
        else:
            yield "\n".join(line.rstrip() for line in lines)
