"""One reading: counts, and what happens when an export breaks off."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from twin.domain.messages import Kind, Message
from twin.errors import ExportError
from twin.ingest import Reading, read
from twin.ingest.export import Export, Report

TEXT = (
    "01/02/21, 10:00 - Messages and calls are end-to-end encrypted.\n01/02/21, 10:01 - Ana: hello\n"
    "02/02/21, 10:02 - Bo: <Media omitted>\n03/02/21, 10:03 - Bo: hi <This message was edited>\n"
)


def test_counts(tmp_path: Path) -> None:
    (tmp_path / "chat.txt").write_text(TEXT)
    reading = read([tmp_path / "chat.txt"])
    assert len(list(reading)) == 4
    (report,) = reading.reports
    assert report.kinds == {Kind.SYSTEM: 1, Kind.TEXT: 1, Kind.MEDIA: 1, Kind.EDITED: 1}
    assert report.senders == {"Ana": 1, "Bo": 2}
    assert report.written_by_sender == {"Ana": 1, "Bo": 1}
    assert report.chats == {"chat": 4}
    assert (report.first, report.last) == (datetime(2021, 2, 1, 10, 0), datetime(2021, 2, 3, 10, 3))
    assert report.locale == "en"


def breaking(count: int) -> Export:
    def parse(_: Report) -> Iterator[Message]:
        yield from (Message("x", "c", "Ana", None, Kind.TEXT, str(i)) for i in range(count))
        raise ExportError("The file ends in the middle. Export it again.")

    return Export("x", "", [], parse)


def test_an_only_export_that_breaks_off_at_once_is_an_error() -> None:
    with pytest.raises(ExportError, match="ends in the middle"):
        list(Reading([breaking(0)], []))


def test_what_came_before_a_break_is_kept_and_told() -> None:
    reading = Reading([breaking(5)], [])
    assert len(list(reading)) == 5
    assert reading.reports[0].warnings == [
        "Reading stopped before the end: The file ends in the middle. Export it again."
    ]


def test_the_other_exports_go_on() -> None:
    reading = Reading([breaking(0), breaking(2)], [])
    assert len(list(reading)) == 2
    assert [len(report.warnings) for report in reading.reports] == [1, 1]
