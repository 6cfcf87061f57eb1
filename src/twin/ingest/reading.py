"""One reading of an upload: which exports it holds, their messages, and a report on each."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from operator import itemgetter
from pathlib import Path

from twin.domain.messages import WORDS, Kind, Message
from twin.errors import ExportError
from twin.ingest.export import Export, File, Options, Report
from twin.ingest.files import Upload
from twin.ingest.platforms import platforms
from twin.ingest.unknown import explain, is_media

_BATCH = 256


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was not read, and one sentence that says why."""

    path: str
    reason: str


class Reading:
    """What an upload holds. `exports` and `reports` stand side by side; a report is full once its messages are read.

    Attributes:
        skipped: files that hold no messages, or none that can be read; pictures, sounds and videos are not named.
    """

    def __init__(self, exports: Sequence[Export], skipped: Sequence[Skipped]) -> None:
        self.exports = tuple(exports)
        self.skipped = tuple(skipped)
        self.reports = tuple(
            Report([str(file.path) for file in export.files], export.platform, export.dialect) for export in exports
        )

    def __iter__(self) -> Iterator[Message]:
        return self.messages()

    def messages(self) -> Iterator[Message]:
        """Every message, export by export. To be called once.

        Raises:
            ExportError: an only export that breaks off, or an upload without a single message. One of several
                that breaks off is told in its report.
        """
        any_read = False
        for export, report in zip(self.exports, self.reports, strict=True):
            try:
                for batch in _batches(export.parse(report)):
                    any_read = True
                    _count(report, batch)
                    yield from batch
            except ExportError as error:
                if len(self.exports) == 1 and not any_read:
                    raise
                report.warnings.append(f"Reading stopped before the end: {error}")
        if not any_read:
            raise ExportError(_nothing(self))


def read(paths: Sequence[Path | str], *, options: Options | None = None) -> Reading:
    """Find the exports under some paths: files, folders, zips.

    Raises:
        ExportError: nothing that can be read is there; a single file given alone is described.
    """
    upload = Upload([Path(path) for path in paths])
    options = options or Options()
    skipped = [Skipped(path, reason) for path, reason in upload.problems]
    exports: list[Export] = []
    left = upload.files
    for platform in platforms():
        if not left:
            break
        try:
            claimed = platform.claim(left, options)
        except ExportError as error:
            skipped.append(Skipped("", str(error)))
            continue
        exports += claimed
        taken = {file.path for export in claimed for file in export.files}
        left = [file for file in left if file.path not in taken]
    skipped += [Skipped(str(file.path), _why(file)) for file in left if not (exports and is_media(file.path))]
    reading = Reading(exports, skipped)
    if not exports:
        raise ExportError(_nothing(reading))
    return reading


def _why(file: File) -> str:
    try:
        return explain(file)
    except ExportError as error:
        return str(error)
    except OSError as error:
        return f"{file.path} cannot be read: {error.strerror or error}."


def _batches(messages: Iterator[Message]) -> Iterator[list[Message]]:
    """Lists of messages; where the source breaks off, what came before leaves first."""
    broken: ExportError | None = None
    while broken is None:
        batch: list[Message] = []
        try:
            batch.extend(islice(messages, _BATCH))  # keeps what came before an error
        except ExportError as error:
            broken = error
        if batch:
            yield batch
        elif broken is None:
            return
    raise broken


def _count(report: Report, batch: list[Message]) -> None:
    report.chats.update(map(itemgetter(1), batch))
    senders = written = Counter[str | None](map(itemgetter(2), batch))
    times = list(map(itemgetter(3), batch))
    texts = list(map(itemgetter(4), batch)).count(Kind.TEXT)
    if texts != len(batch):
        # Nearly all messages are text; what is not is looked at one by one.
        others = [message for message in batch if message.kind is not Kind.TEXT]
        report.kinds.update(message.kind for message in others)
        written = senders - Counter(message.sender for message in others if message.kind not in WORDS)
    if texts:
        report.kinds[Kind.TEXT] += texts
    for counter, counts in ((report.senders, senders), (report.written_by_sender, written)):
        counter.update({name: count for name, count in counts.items() if name is not None})
    known = times if None not in times else [time for time in times if time is not None]
    if known:
        first, last = _span(known)
        report.first, report.last = _span([first, last, report.first or first, report.last or last])


def _span(times: list[datetime]) -> tuple[datetime, datetime]:
    """The earliest and the latest; where only some say their offset, the others are read as UTC."""
    try:
        return min(times), max(times)
    except TypeError:
        ordered = sorted(times, key=lambda time: time if time.tzinfo else time.replace(tzinfo=UTC))
        return ordered[0], ordered[-1]


def _nothing(reading: Reading) -> str:
    if len(reading.skipped) == 1 and not reading.exports:
        return reading.skipped[0].reason
    if reading.exports and not reading.skipped:
        names = ", ".join(reading.reports[0].files[:3])
        return f"No message was found in {names}. Export the chat again, as text."
    if not reading.skipped:
        return "There is no file to read. Give chat exports, or a folder or zip with chat exports."
    first = reading.skipped[0]
    return f"None of the {len(reading.skipped)} files is a chat export that can be read. The first: {first.reason}"
