"""Which encoding a text file is in."""

import codecs
from io import TextIOWrapper

from charset_normalizer import from_bytes

from twin.ingest.export import File

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def detect(head: bytes) -> str:
    """The encoding of a text that begins with `head` (64 KB are enough; a character cut at its end is allowed)."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        pass
    else:
        if b"\0" not in head:
            return "utf-8"
    # UTF-16 without its mark: in every script line ends and spaces have a zero byte, always on the same side.
    zeros = head[0:4096:2].count(0), head[1:4096:2].count(0)
    if max(zeros) > 20 * min(zeros) and max(zeros) * 20 > len(head[:4096]):
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    best = from_bytes(head[:32768]).best()
    # A few broken bytes in UTF-8 are likelier than a rare encoding that happens to fit all of them.
    damage = head.decode("utf-8", "replace").count("\ufffd")
    if best is None or damage * 200 < len(head):
        return "utf-8" if damage * 50 < len(head) else "cp1252"
    return best.encoding


def open_text(file: File, *, encoding: str | None = None) -> TextIOWrapper:
    """The file as text, line ends untouched, a byte order mark removed; bytes that fit nothing become U+FFFD."""
    return TextIOWrapper(file.open(), encoding=encoding or detect(file.head()), errors="replace", newline="")
