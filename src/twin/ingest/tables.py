"""CSV files of exports, a row at a time."""

import csv
import re
from collections.abc import Iterator
from itertools import islice

from twin.ingest.encoding import detect, open_text
from twin.ingest.export import File, Report

# A field may be a message of 10 million characters; the library's limit is 131,072, and is one for all readers.
csv.field_size_limit(1 << 25)
_CONTROL = re.compile(r"[\0-\x08\x0a-\x1f]")


def header(file: File) -> list[str]:
    """The names in the first line, in lower case; [] where it is no line of names with commas, semicolons or tabs."""
    head = file.head(4096)
    line = head.decode(detect(head), "ignore").lstrip("\ufeff").split("\n", 1)[0].strip("\r")
    if _CONTROL.search(line):
        return []
    names = next(csv.reader([line], delimiter=_delimiter(line)), [])
    return [name.strip().strip('"').casefold() for name in names] if len(names) > 1 else []


def _delimiter(line: str) -> str:
    return max(",;\t", key=line.count)


def rows(file: File, report: Report) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows under the header, by its names in lower case, with the number of their last line.

    Columns that a row lacks are ""; what it has too many is joined to the last one. Rows that no reader can take
    are missed.
    """
    with open_text(file) as text:
        names = header(file)
        lines = (line.replace("\0", "") for line in text)
        first = next(lines, "")
        reader = csv.reader(lines, delimiter=_delimiter(first))
        while True:
            try:
                row = next(islice(reader, 1), None)
            except csv.Error:
                report.miss(reader.line_num + 1)
                continue
            if row is None:
                return
            if not any(row):
                continue
            spare = row[len(names) :]
            values = [*row[: len(names)], *[""] * (len(names) - len(row))]
            if spare:
                values[-1] = ",".join([values[-1], *spare])
            yield reader.line_num + 1, dict(zip(names, values, strict=True))
