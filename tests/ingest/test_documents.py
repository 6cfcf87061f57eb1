"""Writing without a partner."""

import io
import zipfile
from datetime import datetime
from pathlib import Path

import docx
import pytest
from odf import dc, text
from odf.opendocument import OpenDocumentText
from tests.ingest.uploads import read_upload, survives

from twin.domain.messages import Kind
from twin.errors import ExportError
from twin.ingest.prose import plain


def test_plain_text(tmp_path: Path) -> None:
    letter = "Dear Ana,\n\nI walked along the river today.\nIt was cold.\n\n* * *\n\nYours,\nPaul\n"
    read = read_upload(tmp_path, {"letter.txt": letter})
    assert read.texts == ["Dear Ana,", "I walked along the river today.\nIt was cold.", "Yours,\nPaul"]
    assert set(read.kinds) == {Kind.TEXT}
    assert set(read.senders) == {"Author"}
    assert read.chats[0] == "letter"
    assert (read.report.platform, read.report.dialect, read.report.owner) == ("document", "text", "Author")
    assert read.report.owner_evidence == "a document has one writer"
    assert read.times == [None] * 3


def test_lines_broken_to_fit_a_page_are_joined() -> None:
    page = (
        "It was a bright cold day and the clocks were striking when we came\n"
        "down the hill, past the mill and the two poplars, to where the ferry\n"
        "lay.\n\n"
        "Nobody was there. We waited for an hour, and then for another, until\n"
        "the light was gone.\n"
    )
    assert list(plain(page)) == [
        (
            "It was a bright cold day and the clocks were striking when we came down the hill, past the mill and the two "
            "poplars, to where the ferry lay."
        ),
        "Nobody was there. We waited for an hour, and then for another, until the light was gone.",
    ]
    poem = "The rain\nfalls on the\nroof and on the river\n\nand stays"
    assert list(plain(poem)) == ["The rain\nfalls on the\nroof and on the river", "and stays"]


def test_diary(tmp_path: Path) -> None:
    diary = "Monday, 4 March 2019\n\nSnow again.\n\nWe stayed in.\n\n5. März 2019\n\nSun."
    read = read_upload(tmp_path, {"diary.txt": diary})
    assert read.kinds == [Kind.SYSTEM, Kind.TEXT, Kind.TEXT, Kind.SYSTEM, Kind.TEXT]
    assert read.times[1:] == [datetime(2019, 3, 4)] * 2 + [datetime(2019, 3, 5)] * 2


def test_markdown(tmp_path: Path) -> None:
    page = (
        "---\ntitle: On rivers\nauthor: Ana Ruiz\n---\n# Rivers\nThey flow.\n\n- one\n- two\n\n> said somebody\n> else\n\n"
        "```python\nx = 1\n\ny = 2\n```\n\n![a](b.png)\n\n***\nThe end."
    )
    read = read_upload(tmp_path, {"a.md": page})
    assert read.texts[:4] == ["Rivers", "They flow.", "- one\n- two", "said somebody\nelse"]
    assert read.kinds == [
        Kind.SYSTEM, Kind.TEXT, Kind.TEXT, Kind.FORWARD, Kind.FORWARD, Kind.MEDIA, Kind.TEXT,
    ]  # fmt: skip
    assert read.chats[0] == "On rivers"
    assert (read.report.owner, read.report.owner_evidence) == ("Ana Ruiz", "the document names its author")


def _docx() -> bytes:
    document = docx.Document()
    document.core_properties.author = "Ana Ruiz"
    document.core_properties.title = "Notes"
    document.add_heading("Chapter one", 1)
    document.add_paragraph("It began in May.")
    document.add_paragraph("said another", style="Quote")
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def _odt() -> bytes:
    document = OpenDocumentText()
    document.meta.addElement(dc.Creator(text="Ana Ruiz"))
    document.text.addElement(text.H(outlinelevel=1, text="Chapter one"))
    document.text.addElement(text.P(text="It began in May."))
    stream = io.BytesIO()
    document.write(stream)
    return stream.getvalue()


def _epub() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
        archive.writestr(
            "META-INF/container.xml",
            '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
        )
        archive.writestr(
            "OEBPS/book.opf",
            '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
            "<dc:title>Rivers</dc:title><dc:creator>Ana Ruiz</dc:creator></metadata><manifest>"
            '<item id="nav" href="nav.xhtml" properties="nav"/><item id="two" href="two.xhtml"/><item id="one" href="a%20b.xhtml"/>'
            '</manifest><spine><itemref idref="nav"/><itemref idref="one"/><itemref idref="two"/></spine></package>',
        )
        archive.writestr("OEBPS/nav.xhtml", "<html><body><ol><li>One</li></ol></body></html>")
        archive.writestr(
            "OEBPS/a b.xhtml",
            "<html><body><h1>One</h1><p>It  began\nin May.</p><blockquote><p>said another</p></blockquote></body></html>",
        )
        archive.writestr("OEBPS/two.xhtml", "<html><body><div><p>It ended.</p></div></body></html>")
    return stream.getvalue()


def _pdf(*pages: list[str]) -> bytes:
    """A small PDF, a text line below the other."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = list[int]()
    for lines in pages:
        shown = b"".join(b"(%s) Tj 0 -14 Td " % line.encode("latin-1").replace(b"(", b"\\(") for line in lines)
        content = b"BT /F1 12 Tf 72 720 Td " + shown + b"ET"
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
        page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R /Resources << /Font << /F1 3 0 R >> >> >>"
        objects.append(page % len(objects))
        kids.append(len(objects))
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), b" ".join(b"%d 0 R" % kid for kid in kids))
    objects.append(b"<< /Author (Ana Ruiz) /Title (Rivers) >>")
    data, places = b"%PDF-1.4\n", list[int]()
    for number, item in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, item)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"<< /Size %d /Root 1 0 R /Info %d 0 R >>" % (len(objects) + 1, len(objects))
    return data + b"xref\n0 %d\n0000000000 65535 f \n%strailer\n%s\nstartxref\n%d\n%%%%EOF" % (
        len(objects) + 1, table, trailer, len(data),
    )  # fmt: skip


@pytest.mark.parametrize(("name", "data"), [("notes.docx", _docx()), ("notes.odt", _odt()), ("book.epub", _epub())])
def test_zipped_documents(tmp_path: Path, name: str, data: bytes) -> None:
    read = read_upload(tmp_path, {name: data})
    assert read.kinds[:2] == [Kind.SYSTEM, Kind.TEXT]
    assert read.texts[1] == "It began in May."
    assert set(read.senders) == {"Ana Ruiz"}
    assert read.report.dialect == name.split(".")[1]
    if not name.endswith("odt"):
        assert (read.kinds[2], read.texts[2]) == (Kind.FORWARD, "said another")
    if name.endswith("epub"):
        assert read.texts == ["One", "It began in May.", "said another", "It ended."]
        assert read.chats[0] == "Rivers"


def test_pdf(tmp_path: Path) -> None:
    lines = [
        "The water came down from the hills and filled the mead-",
        "ows, and nobody had seen such a spring in all those",
        "years.",
    ]
    ends = ["We waited.", "Then it froze.", "Birds came.", "Ana wrote.", "So did I."]
    pages = [["On Rivers", f"{number}", *lines, end, f"Page {number}"] for number, end in enumerate(ends, 1)]
    read = read_upload(tmp_path, {"book.pdf": _pdf(*pages)})
    first = "The water came down from the hills and filled the meadows, and nobody had seen such a spring in all those years."
    assert read.texts == [text for end in ends for text in (first, end)]
    assert read.chats[0] == "Rivers"
    assert read.report.owner == "Ana Ruiz"


def test_pdf_without_text(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="pictures of pages"):
        read_upload(tmp_path, {"scan.pdf": _pdf([])})


@pytest.mark.parametrize(
    "content",
    [
        "12:01 something began\n12:02 something ended\n12:03 and so on\n",
        "2024-01-01 10:00:00 INFO started\n2024-01-01 10:00:01 INFO stopped\n",
        "a,b,c\n1,2,3\n4,5,6\n",
        "[01] x\n[02] y\n[03] z\n",
        '{"a": 1}',
        "<html><body>hi</body></html>",
        "0101 2938 4857 9283 1029\n",
        "\x89PNG\r\n\x1a\n" + "x" * 500,
    ],
)
def test_logs_and_tables_are_no_prose(tmp_path: Path, content: str) -> None:
    with pytest.raises(ExportError):
        read_upload(tmp_path, {"a.txt": content})


def test_code_is_not_the_writers_voice(tmp_path: Path) -> None:
    code = "import os\nimport sys\ndef f(a, b):\n    return a\nclass B:\n    def g(self):\n        return {}\n"
    read = read_upload(tmp_path, {"a.md": f"Some words about a program that I wrote.\n\n{code}"})
    assert read.kinds == [Kind.TEXT, Kind.FORWARD]


def test_damaged_documents(tmp_path: Path) -> None:
    for name, data in {
        "a.docx": _docx(),
        "a.odt": _odt(),
        "a.epub": _epub(),
        "a.pdf": _pdf(["One line of text here."]),
    }.items():
        survives(tmp_path / name, {name: data}, rounds=8)
