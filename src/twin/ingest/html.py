"""HTML pages of exports, and the words in them."""

import re
from typing import TYPE_CHECKING, Any

from twin.errors import ExportError
from twin.ingest.encoding import detect
from twin.ingest.export import File
from twin.ingest.extras import formats_extra

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser as Tree
    from selectolax.lexbor import LexborNode as Node
else:
    Tree = Node = Any

_LARGEST = 64 << 20
_DEEPEST = 300
_TAG = re.compile(rb"<(/?)([a-zA-Z]+)")
# Void elements have no end, the others may leave theirs out.
_UNCLOSED = frozenset(
    b"area base br col embed hr img input link meta source track wbr p li dt dd tr td th option".split()
)
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "blockquote",
        "dd",
        "div",
        "dl",
        "dt",
        "footer",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tr",
        "ul",
    ]
)
_HIDDEN = frozenset({"script", "style", "head", "title", "template"})


def parse_html(file: File) -> Tree:
    """A page as a tree. Raises ExportError where it is larger (64 MB) or deeper than any export's page."""
    if file.size > _LARGEST:
        raise ExportError(
            f"{file.path.name}: a page of {file.size:,} bytes is more than 64 MB. Export as JSON instead."
        )
    with file.open() as stream:
        data = stream.read(_LARGEST)
    return tree(data.decode(detect(data[:65536]), "replace"), name=file.path.name)


def tree(html: str, *, name: str) -> Tree:
    """HTML as a tree; `name` is for the error."""
    with formats_extra("Reading HTML"):
        from selectolax.lexbor import LexborHTMLParser  # noqa: PLC0415
    depth = 0
    # The parser's time grows with the square of the depth.
    for tag in _TAG.finditer(html.encode()):
        if tag[2].lower() not in _UNCLOSED:
            depth = max(depth - 1, 0) if tag[1] else depth + 1
            if depth > _DEEPEST:
                raise ExportError(f"{name}: elements {_DEEPEST} deep are no page of an export. Export it again.")
    return LexborHTMLParser(html)


def words(node: Node, *, collapse: bool = False) -> str:
    """The text of an element as a browser shows it, with line breaks; white space at its ends is removed.

    Args:
        collapse: take runs of white space for one space, as browsers do; chats are kept as they were typed.
    """
    parts: list[str] = []
    _collect(node, parts, collapse)
    text = "".join(parts)
    if collapse:
        text = re.sub(r" *\n *", "\n", re.sub(r" {2,}", " ", text))
    return text.strip()


def _collect(node: Node, parts: list[str], collapse: bool) -> None:
    for child in node.iter(include_text=True):
        tag = child.tag or ""
        if tag == "-text":
            text = child.text_content or ""
            parts.append(re.sub(r"[ \t\r\n]+", " ", text) if collapse else text)
        elif tag == "br":
            parts.append("\n")
        elif tag not in _HIDDEN:
            block = tag in _BLOCKS
            if block:
                _new_line(parts)
            _collect(child, parts, collapse and tag != "pre")
            if block:
                _new_line(parts)


def _new_line(parts: list[str]) -> None:
    last = next((part for part in reversed(parts) if part.strip(" ")), "\n")
    if not last.endswith("\n"):
        parts.append("\n")
