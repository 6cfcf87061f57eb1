"""The seam between a platform's module and everything else.

A platform is one module (or folder) with one function, `claim(files, options) -> list[Export]`: it looks at all
files of an upload, by content first and by name second, and returns the exports it recognises, each with the
files it consists of and a way to read it. `ingest.read` asks the modules in turn; a file claimed by one is not
shown to the next. Adding a platform is adding a module to the list in `ingest/__init__.py`.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath
from typing import BinaryIO

from twin.domain.messages import Kind, Message


class DateOrder(StrEnum):
    """The order of day, month and year in a text export."""

    DMY = "dmy"
    MDY = "mdy"
    YMD = "ymd"


@dataclass(frozen=True, slots=True)
class Options:
    """What a person can say about an upload.

    Attributes:
        date_order: decides where a text export leaves it open; None: infer it.
        owners: names, ids or addresses of the person, as far as known already.
    """

    date_order: DateOrder | None = None
    owners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class File:
    """One file of an upload, wherever it lies (folder, zip, zip in zip).

    Attributes:
        path: inside the upload, in Unicode form NFC; relative, without `..`.
        size: in bytes, unpacked.
        open: a new binary stream from the start, seekable; bounded by `size`.
        modified: the file's or zip member's own date, an upper bound for what it holds.
    """

    path: PurePosixPath
    size: int
    open: Callable[[], BinaryIO]
    modified: datetime | None = None

    def head(self, size: int = 65536) -> bytes:
        """The first bytes, to recognise the content by."""
        with self.open() as stream:
            return stream.read(size)


@dataclass(slots=True)
class Report:
    """What was read from one export, and how sure that is. Filled while the messages are read.

    Holds names and counts, never words of a chat. `unmatched` are 1-based line numbers (or record numbers) that
    fitted nothing, at most the first 100 of `unmatched_count`.
    """

    files: list[str]
    platform: str
    dialect: str
    chats: Counter[str] = field(default_factory=Counter[str])
    kinds: Counter[Kind] = field(default_factory=Counter[Kind])
    senders: Counter[str] = field(default_factory=Counter[str])
    words_by_sender: Counter[str] = field(default_factory=Counter[str])
    first: datetime | None = None
    last: datetime | None = None
    locale: str | None = None
    date_order: DateOrder | None = None
    date_order_confidence: float | None = None
    date_order_evidence: str | None = None
    time_zone: str | None = None
    owner: str | None = None
    owner_evidence: str | None = None
    unmatched: list[int] = field(default_factory=list[int])
    unmatched_count: int = 0
    warnings: list[str] = field(default_factory=list[str])

    def miss(self, number: int) -> None:
        """Note a line or record that fitted nothing."""
        self.unmatched_count += 1
        if len(self.unmatched) < 100:
            self.unmatched.append(number)


@dataclass(frozen=True, slots=True)
class Export:
    """One recognised export: a chat, or an account with many.

    `parse` fills in what only the platform knows (dialect, locale, date order, owner, misses, warnings);
    counts, senders and first and last time are kept by `ingest.read`.
    """

    platform: str
    dialect: str
    files: Sequence[File]
    parse: Callable[[Report], Iterator[Message]]
