"""Where mails stand: many in an mbox, one in an eml, one in Apple Mail's emlx."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from twin.ingest.export import File

HEAD_BYTES = 32_768
_LARGEST = 64 << 20  # a mail and its attachments
_FROM_LINE = re.compile(rb"From \S.*\d{4}")
_FIELD = re.compile(rb"[!-9;-~]+:")
_ESCAPED = re.compile(rb">+From ")
_MAIL_FIELDS = frozenset(
    {
        b"message-id",
        b"mime-version",
        b"received",
        b"return-path",
        b"delivered-to",
        b"content-type",
        b"subject",
        b"to",
        b"date",
    }
)


def is_mbox(head: bytes) -> bool:
    """Whether a file begins with a `From ` line and a header."""
    lines = head.removeprefix(b"\xef\xbb\xbf").lstrip().splitlines()
    return len(lines) > 1 and _FROM_LINE.match(lines[0]) is not None and _FIELD.match(lines[1].lstrip(b">")) is not None


def is_mail(head: bytes, path: PurePosixPath) -> bool:
    """Whether a file begins with the header of a mail."""
    lines = head.removeprefix(b"\xef\xbb\xbf").lstrip().splitlines()
    if len(head) >= HEAD_BYTES:
        lines.pop()  # it is cut
    if path.suffix.lower() == ".emlx" and lines and lines[0].strip().isdigit():
        lines = lines[1:]
    names = set[bytes]()
    for line in lines:
        if not line.strip():
            break
        if line[:1] in b" \t":
            continue
        if not _FIELD.match(line):
            return False
        names.add(line.split(b":", 1)[0].lower())
    return b"from" in names and len(names & _MAIL_FIELDS) > 1


def mails(file: File) -> Iterator[bytes]:
    """Each mail, whole; of one that is larger than 64 MB, as much as that."""
    head = file.head(HEAD_BYTES)
    if is_mbox(head):
        yield from _in_mbox(file)
        return
    with file.open() as stream:
        data = stream.read(_LARGEST)
    if file.path.suffix.lower() == ".emlx":
        count, _, rest = data.partition(b"\n")
        data = rest[: int(count)] if count.strip().isdigit() and len(count) < 12 else data
    yield data.removeprefix(b"\xef\xbb\xbf").lstrip()


def _in_mbox(file: File) -> Iterator[bytes]:
    """A mail begins at a `From ` line after an empty line and before a field; such lines in a body bear a `>`."""
    mail: list[bytes] = []
    size = 0
    after_blank, candidate = True, None
    with file.open() as stream:
        while line := stream.readline(1 << 20):
            if candidate is not None:
                if _FIELD.match(line.lstrip(b">")):
                    if mail:
                        yield b"".join(mail)
                    mail, size = [], 0
                else:
                    mail.append(candidate)
                candidate = None
            if after_blank and _FROM_LINE.match(line):
                candidate = line
                after_blank = False
                continue
            after_blank = not line.strip()
            size += len(line)
            if size < _LARGEST:
                mail.append(line[1:] if _ESCAPED.match(line) else line)
    if candidate is not None:
        mail.append(candidate)
    if any(line.strip() for line in mail):
        yield b"".join(mail)
