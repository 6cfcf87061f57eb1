"""Encodings of text files."""

import io
from pathlib import PurePosixPath

import pytest

from twin.ingest.encoding import detect, open_text
from twin.ingest.export import File

GERMAN = "Größe, Übermut und Fußgänger müssen früher hören, daß schöne Mädchen träumen. " * 20
RUSSIAN = "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 20
JAPANESE = "いろはにほへと ちりぬるを。漢字も少し入れておきます。" * 20


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "utf-8"), (GERMAN, "utf-8-sig"), (GERMAN, "utf-16"), (GERMAN, "utf-16-le"), (GERMAN, "utf-16-be"),
        (GERMAN, "cp1252"), (RUSSIAN, "cp1251"), (RUSSIAN, "utf-16-le"), (JAPANESE, "cp932"), (JAPANESE, "utf-16-le"),
    ],
)  # fmt: skip
def test_text_comes_back(text: str, encoding: str) -> None:
    content = text.encode(encoding)
    with open_text(File(PurePosixPath("a.txt"), len(content), lambda: io.BytesIO(content))) as stream:
        assert stream.read() == text


def test_a_character_cut_at_the_end_of_the_head() -> None:
    assert detect(("a" * 99 + "ü").encode()[:-1]) == "utf-8"


def test_some_broken_bytes_do_not_change_the_encoding() -> None:
    assert detect(GERMAN.encode() + b"\xff\xfe" + GERMAN.encode()) == "utf-8"
