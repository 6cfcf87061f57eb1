"""Plain transcripts: `Name: what they said`, one line after another, without times."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

from twin.domain.messages import Kind, Message
from twin.ingest.encoding import detect, open_text
from twin.ingest.export import Export, File, Options, Report

PLATFORM = "transcript"
_PLAIN = re.compile(r"(?P<name>[^\s:*_#>|=<{\[\"'`][^:\n*=|<>{}\"`]{0,39}?) ?:(?:[ \t]+(?P<text>\S.*)|[ \t]*$)")
_BOLD = re.compile(
    r"(?:\*\*|__)(?P<name>[^\s:*][^:\n*]{0,39}?)(?::(?:\*\*|__)|(?:\*\*|__) ?:)(?:[ \t]+(?P<text>\S.*)|[ \t]*$)"
)
_MANY_WORDS = 5


def claim(files: Sequence[File], _: Options) -> list[Export]:
    """One export per transcript."""
    return [
        Export(PLATFORM, "name: text", [file], partial(_parse, file))
        for file in files
        if file.size and file.path.suffix.lower() in {"", ".txt", ".text", ".md", ".log"} and _names(file)
    ]


def _said(line: str) -> tuple[str, str] | None:
    found = _BOLD.match(line) or _PLAIN.match(line)
    if not found:
        return None
    name = found["name"].strip()
    if len(name.split()) > _MANY_WORDS or not any(map(str.isalpha, name)) or name.lower() in {"http", "https"}:
        return None
    return name, found["text"] or ""


def _names(file: File) -> frozenset[str]:
    """Who speaks, where most lines of the beginning are said by somebody who speaks again; otherwise nobody."""
    head = file.head()
    encoding = detect(head)
    if not encoding.startswith("utf-16") and b"\0" in head:
        return frozenset()
    text = head.decode(encoding, "ignore").removeprefix("\ufeff")
    if file.size > len(head):
        text = text.rpartition("\n")[0]
    lines = [line for line in text.splitlines() if line.strip()]
    names = Counter(said[0] for line in lines if (said := _said(line.rstrip())))
    again = {name: count for name, count in names.items() if count > 1}
    total = sum(names.values())
    # Two people who each speak once are a transcript; twenty keys that each come once are a configuration file.
    talk = len(names) > 1 and total * 2 >= len(lines) and (sum(again.values()) * 2 >= total or total == len(lines) <= 4)
    return frozenset(names) if talk else frozenset()


def _parse(file: File, report: Report) -> Iterator[Message]:
    names = _names(file)
    chat = file.path.stem
    sender: str | None = None
    body: list[str] = []
    with open_text(file) as stream:
        for number, raw in enumerate(stream, 1):
            line = raw.rstrip("\r\n")
            said = _said(line)
            if said and (said[0] in names or _likely(said[0])):
                if sender is not None:
                    yield _message(chat, sender, body)
                sender, body = said[0], [said[1]]
            elif sender is not None:
                body.append(line)
            elif line.strip():
                report.miss(number)
    if sender is not None:
        yield _message(chat, sender, body)


def _likely(name: str) -> bool:
    """Whether a name that the beginning did not have is one: capitals, and nothing but a name."""
    return len(name.split()) <= 3 and all(word[:1].isupper() and word.isalpha() for word in name.split())


def _message(chat: str, sender: str, body: list[str]) -> Message:
    text = "\n".join(body).strip("\n")
    return Message(PLATFORM, chat, sender, None, Kind.TEXT if text.strip() else Kind.EMPTY, text)
