"""Messages as JSON lines: what `ingest` leaves for `prepare`."""

import gzip
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from twin.domain.messages import Kind, Message


def write(path: Path, messages: Iterable[Message]) -> None:
    """Write a gzipped file, replacing what is there."""
    with gzip.open(path, "wt", compresslevel=1, encoding="utf-8", newline="\n") as lines:
        lines.writelines(_line(message) + "\n" for message in messages)


def read(path: Path) -> Iterator[Message]:
    """What `write` wrote."""
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as lines:
        for row in map(json.loads, lines):
            row["sent_at"] = row["sent_at"] and datetime.fromisoformat(row["sent_at"])
            row["kind"] = Kind(row["kind"])
            yield Message(**row)


def _line(message: Message) -> str:
    row = message._asdict()
    row["sent_at"] = message.sent_at and message.sent_at.isoformat()
    return json.dumps(row, ensure_ascii=False)
