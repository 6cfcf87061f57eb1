"""Whom a WhatsApp export is with, from the name of its file."""

import re
from functools import cache
from pathlib import PurePosixPath

from twin.ingest.whatsapp.phrases import phrases

_COPY = re.compile(r"(?: ?\(\d{1,2}\)| - Copy| copy(?: \d)?)+\Z")
_GENERIC = re.compile(r"_?chat|messages?|export|whatsapp|whatsapp chat", re.IGNORECASE)


def partner(path: PurePosixPath) -> str | None:
    """The person or group that a file's own name, or else its folder's or zip's, tells; None where none does."""
    for name in (path.stem, *(_unzipped(parent.name) for parent in path.parents if parent.name)):
        if found := _told(_COPY.sub("", name).strip()):
            return found
        if not _GENERIC.fullmatch(name):
            return None
    return None


def title(path: PurePosixPath) -> str:
    """What to call a chat whose partner no name tells."""
    if _GENERIC.fullmatch(path.stem) and path.parent.name:
        return _unzipped(path.parent.name)
    return path.stem


def _unzipped(name: str) -> str:
    return name[:-4] if name.lower().endswith(".zip") else name


def _told(name: str) -> str | None:
    lower = name.lower()
    if "whatsapp" not in lower and "واتساب" not in lower:
        return None
    for pattern in _patterns():
        if found := pattern.fullmatch(name):
            return found[1].strip() or None
    # A language that is not known: `<words with WhatsApp> - Ana`.
    words, dash, rest = name.partition(" - ")
    return rest.strip() or None if dash and "whatsapp" in words.lower() else None


@cache
def _patterns() -> list[re.Pattern[str]]:
    """The names of files in every language; those with more words first, so that none of them is taken for a name."""
    forms = sorted(phrases().files, key=len, reverse=True)
    # Phones write `WhatsApp Chat` and `WhatsApp-Chat`, with and without the space at either side of the name.
    escaped = ("".join(map(_loosely, form)).replace("%s", "(.+?)") for form in forms)
    return [re.compile(pattern, re.IGNORECASE) for pattern in escaped]


def _loosely(character: str) -> str:
    if character in " -\u2011":
        return r"[ \-\u2011_]*" if character == " " else r"[ \-\u2011_]"
    return character if character in "%s" else re.escape(character)
