"""What a file is that no platform recognised, in one sentence for the person who gave it."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from twin.ingest.export import File

_EXPORT = "Open the chat in the app, choose Export chat, and give the file that comes out."

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"BM", "a picture"),
    (b"II*\0", "a picture"),
    (b"MM\0*", "a picture"),
    (b"\0\0\1\0", "a picture"),
    (b"ID3", "a sound"),
    (b"\xff\xfb", "a sound"),
    (b"OggS", "a sound"),
    (b"fLaC", "a sound"),
    (b"#!AMR", "a sound"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"\0\0\1\xba", "a video"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
)
_ARCHIVES: tuple[tuple[bytes, str], ...] = (
    (b"Rar!", "RAR"),
    (b"7z\xbc\xaf'\x1c", "7z"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"(\xb5/\xfd", "Zstandard"),
)
_MEDIA = frozenset(
    [
        "jpg",
        "jpeg",
        "png",
        "gif",
        "webp",
        "heic",
        "heif",
        "bmp",
        "tif",
        "tiff",
        "ico",
        "svg",
        "opus",
        "ogg",
        "oga",
        "mp3",
        "m4a",
        "aac",
        "amr",
        "wav",
        "flac",
        "caf",
        "mp4",
        "m4v",
        "mov",
        "avi",
        "mkv",
        "webm",
        "3gp",
        "tgs",
        "webp",
        "thumb",
        "vcf",
        "was",
    ]
)


def is_media(path: PurePosixPath) -> bool:
    """Whether a file is a picture, sound, video or contact card by its name: exports are full of them."""
    return path.suffix.lower().lstrip(".") in _MEDIA


def without_media(files: Iterable[File]) -> list[File]:
    """The files worth looking into: an export may bring ten thousand pictures."""
    return [file for file in files if not is_media(file.path)]


def explain(file: File) -> str:
    """One sentence: what is wrong, what came, what to do."""
    name = file.path
    head = file.head(8192)
    if not head:
        return f"{name} is empty. Export the chat again."
    if re.fullmatch(r"\.crypt\d*", name.suffix.lower()):
        return f"{name} is an encrypted WhatsApp backup, which cannot be read. {_EXPORT}"
    if name.suffix.lower() == ".backup" or head.startswith(b"ANDROID BACKUP"):
        return f"{name} is an encrypted backup, which cannot be read. {_EXPORT}"
    for start, what in _STARTS:
        if head.startswith(start):
            return f"{name} is {what}, not a chat. {_EXPORT}"
    if head[4:8] == b"ftyp" or (head.startswith(b"RIFF") and head[8:12] in {b"WAVE", b"AVI ", b"WEBP"}):
        return f"{name} is a picture, sound or video, not a chat. {_EXPORT}"
    for start, what in _ARCHIVES:
        if head.startswith(start):
            return f"{name} is a {what} archive. Unpack it and give what was in it, or pack it as zip."
    if head[257:262] == b"ustar":
        return f"{name} is a tar archive. Unpack it and give what was in it, or pack it as zip."
    if head.startswith(b"SQLite format 3\0"):
        return f"{name} is a database of no kind that twin knows. {_EXPORT}"
    if not head.strip(b"\0"):
        return f"{name} holds nothing but zeros, as a copy does that was cut off. Copy or export it again."
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if re.match(r"<(?:!doctype html|html|head|body|meta|!-- saved from)", text, re.IGNORECASE):
        return f"{name} is a web page of no kind that twin knows, perhaps saved from a browser. {_EXPORT}"
    if not text:
        return f"{name} is blank. Export the chat again."
    if text[0] in "[{":
        return f"{name} looks like JSON of no chat that twin knows, or it was cut off. Export the chat again."
    if b"\0" in head or text.count("\ufffd") * 20 > len(text):
        return f"{name} is a binary or encrypted file of no kind that twin knows. {_EXPORT}"
    return (
        f"{name} is text, but not in the form of a chat that twin knows. Give a chat export, or lines that read "
        "`Name: what they wrote`."
    )
