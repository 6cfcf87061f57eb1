"""The seam between a platform's module and everything else.

A platform is one module (or folder) with one function, `claim(files, options) -> list[Export]`: it looks at all
files of an upload, by content first and by name second, and returns the exports it recognises, each with the
files it consists of and a way to read it. `ingest.read` asks the platforms in turn; a file claimed by one is not
shown to the next. Adding a platform is adding a line to `ingest/platforms.py`.

What a platform keeps to:

- `claim` is cheap: it looks at names, sizes and `File.head()`, never at whole files, and never raises for a file
  that is merely not its own. It raises nothing but `ExportError`, and that only for a file that is certainly its
  own and certainly unusable.
- `parse` streams: messages leave as they are read, in the order of the export (oldest first where the export is
  newest first), in memory that does not grow with the file. It raises `ExportError`, and nothing else, where it
  cannot go on; messages that left before stay.
- Every line or record of the input ends in a message or in `Report.miss`; what a platform leaves out on purpose
  (drafts, branches that were edited away) is told in `Report.warnings`, as a count.
- `Message.chat` tells the chats of one platform apart: two chats of one name get a suffix.
- All times of one export are aware, or all are naive.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath
from typing import BinaryIO, Protocol

from twin.domain.messages import Kind, Message


class DateOrder(StrEnum):
    """The order of day, month and year in a text export."""

    DMY = "dmy"
    MDY = "mdy"
    YMD = "ymd"
    YDM = "ydm"
    MYD = "myd"


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

    A zip is seen as a folder of its own name (`WhatsApp Chat - Ana.zip/_chat.txt`), except for documents that
    happen to be zips (docx, odt, epub): those are files.

    Attributes:
        path: inside the upload, in Unicode form NFC; relative, without `..`; no two files share one.
        size: in bytes, unpacked.
        open: a new binary stream from the start, seekable; it raises ExportError where the bytes are broken.
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
    fitted nothing, at most the first 100 of `unmatched_count`. `written_by_sender` counts the messages that are
    words (`twin.domain.messages.WORDS`) of each sender. `owner` is the person's name as the export displays it,
    `owner_id` their stable id where the platform has one.
    """

    files: list[str]
    platform: str
    dialect: str
    chats: Counter[str] = field(default_factory=Counter[str])
    kinds: Counter[Kind] = field(default_factory=Counter[Kind])
    senders: Counter[str] = field(default_factory=Counter[str])
    written_by_sender: Counter[str] = field(default_factory=Counter[str])
    first: datetime | None = None
    last: datetime | None = None
    locale: str | None = None
    date_order: DateOrder | None = None
    date_order_confidence: float | None = None
    date_order_evidence: str | None = None
    time_zone: str | None = None
    owner: str | None = None
    owner_id: str | None = None
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

    `parse` fills in what only the platform knows (dialect, locale, date order, time zone, owner, misses,
    warnings); chats, kinds, senders and first and last time are counted by `ingest.read`. `files` are all that
    belong to the export, also those that hold no messages, so that none is reported as unknown; pictures, sounds
    and videos need not be named.
    """

    platform: str
    dialect: str
    files: Sequence[File]
    parse: Callable[[Report], Iterator[Message]]


class Platform(Protocol):
    """What a platform's module offers."""

    def claim(self, files: Sequence[File], options: Options, /) -> list[Export]:
        """The exports of this platform among `files`."""
        ...
