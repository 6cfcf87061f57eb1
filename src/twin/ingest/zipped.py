"""Documents that are zips inside: docx, odt and epub."""

import posixpath
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO
from urllib.parse import unquote
from xml.etree import ElementTree
from zipfile import BadZipFile, ZipFile

from twin.domain.messages import Kind
from twin.errors import ExportError
from twin.ingest.encoding import detect
from twin.ingest.extras import formats_extra
from twin.ingest.html import Node, tree, words
from twin.ingest.prose import Document, Paragraph

_LARGEST = 512 << 20  # unpacked
_DAMAGE = (ArithmeticError, AttributeError, BadZipFile, EOFError, LookupError, NotImplementedError, OSError)
_XML_DAMAGE = (ElementTree.ParseError, RecursionError, RuntimeError, TypeError, ValueError, zlib.error)
_BLOCKS = "p, h1, h2, h3, h4, h5, h6, blockquote, li, pre"
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})


def kind_of_zip(stream: BinaryIO) -> str | None:
    """`docx`, `odt` or `epub`; None for anything else."""
    try:
        with ZipFile(stream) as archive:
            names = set(archive.namelist())
            if "word/document.xml" in names:
                return "docx"
            if "META-INF/container.xml" in names:
                return "epub"
            if "mimetype" in names and archive.getinfo("mimetype").file_size < 200:
                mimetype = archive.read("mimetype")
                return "odt" if b"opendocument.text" in mimetype else None
    except (*_DAMAGE, *_XML_DAMAGE):
        return None
    return None


def read_zipped(stream: BinaryIO, kind: str, *, name: str) -> Document:
    """A document whose `kind` is known. Raises ExportError where it is damaged, or unpacks to more than 512 MB."""
    try:
        with ZipFile(stream) as archive:
            unpacked = sum(info.file_size for info in archive.infolist())
            if unpacked > _LARGEST:
                raise ExportError(
                    f"{name} unpacks to {unpacked >> 20:,} MB, more than a text has. Save it without pictures."
                )
            if kind == "epub":
                return _epub(archive, name)
        stream.seek(0)
        return _docx(stream) if kind == "docx" else _odt(stream)
    except (*_DAMAGE, *_XML_DAMAGE) as error:
        raise ExportError(f"{name} is a damaged {kind} document ({type(error).__name__}). Save it again.") from error


def _docx(stream: BinaryIO) -> Document:
    with formats_extra("Reading docx"):
        import docx  # noqa: PLC0415
    document = docx.Document(stream)
    properties = document.core_properties
    paragraphs = list[Paragraph]()
    for paragraph in document.paragraphs:
        style = (paragraph.style.name if paragraph.style else None) or ""
        kind = Kind.TEXT
        if style.startswith(("Heading", "Title", "Subtitle", "TOC", "Caption")):
            kind = Kind.SYSTEM
        elif "Quote" in style:
            kind = Kind.FORWARD
        paragraphs.append(Paragraph(kind, paragraph.text))
    return Document(properties.author or "", properties.title or "", paragraphs)


def _odt(stream: BinaryIO) -> Document:
    with formats_extra("Reading odt"):
        from odf import dc, meta, teletype  # noqa: PLC0415
        from odf.opendocument import load  # noqa: PLC0415
    document: Any = load(stream)

    def first(element: Any) -> str:
        found = document.meta.getElementsByType(element)
        return str(teletype.extractText(found[0])) if found else ""

    paragraphs = list[Paragraph]()
    waiting = list(reversed(document.text.childNodes))
    while waiting:
        node = waiting.pop()
        tag = getattr(node, "qname", ("", ""))[1]
        if tag in ("p", "h"):
            style = str(node.getAttribute("stylename") or "")
            kind = (
                Kind.SYSTEM
                if tag == "h" or style in ("Title", "Subtitle")
                else Kind.FORWARD
                if "Quot" in style
                else Kind.TEXT
            )
            paragraphs.append(Paragraph(kind, str(teletype.extractText(node))))
        elif tag not in ("tracked-changes", "table-of-content", "sequence-decls"):
            waiting += reversed(getattr(node, "childNodes", []))
    return Document(first(meta.InitialCreator) or first(dc.Creator), first(dc.Title), paragraphs)


def _epub(archive: ZipFile, name: str) -> Document:
    container = ElementTree.fromstring(archive.read("META-INF/container.xml"))  # noqa: S314  expat bounds entities
    package_path = next(
        (element.get("full-path") for element in container.iter() if element.tag.endswith("}rootfile")), None
    )
    if not package_path:
        raise ExportError(f"{name} is an epub that does not say where its text is. Save it again.")
    package = ElementTree.fromstring(archive.read(package_path))  # noqa: S314  see above
    tags = [(element.tag.rsplit("}", 1)[-1], element) for element in package.iter()]
    texts = {tag: (element.text or "").strip() for tag, element in reversed(tags) if tag in ("creator", "title")}
    items = {element.get("id"): element for tag, element in tags if tag == "item"}
    chapters = list[str]()
    for tag, element in tags:
        item = items.get(element.get("idref")) if tag == "itemref" else None
        if item is not None and element.get("linear") != "no" and "nav" not in (item.get("properties") or "").split():
            chapters.append(
                posixpath.normpath(posixpath.join(posixpath.dirname(package_path), unquote(item.get("href") or "")))
            )
    present = set(archive.namelist())
    paragraphs = [
        paragraph for chapter in chapters if chapter in present for paragraph in _page(archive.read(chapter), name)
    ]
    return Document(texts.get("creator", ""), texts.get("title", ""), paragraphs)


def _page(data: bytes, name: str) -> Iterator[Paragraph]:
    page = tree(data.decode(detect(data[:65536]), "replace"), name=name)
    for node in page.css(_BLOCKS):
        if node.css_first(_BLOCKS) is not None and any(inner != node for inner in node.css(_BLOCKS)):
            continue  # its inner blocks come by themselves
        text = words(node, collapse=True)
        if node.tag in _HEADINGS:
            kind = Kind.SYSTEM
        else:
            kind = Kind.FORWARD if node.tag == "pre" or _is_quoted(node) else Kind.TEXT
        yield Paragraph(kind, text)


def _is_quoted(node: Node) -> bool:
    above: Node | None = node
    while above is not None:
        if above.tag == "blockquote":
            return True
        above = above.parent
    return False
