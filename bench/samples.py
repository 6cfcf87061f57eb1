"""Reads a collection of sample exports and says, per platform, how many are read as expected.

    python bench/samples.py FOLDER

FOLDER holds `MANIFEST.csv`, which names the samples and, for some, what their own source expects: the number of
messages (with or without notices, as that source counts), the senders, the first and last time. `samples.csv` beside
this file has, for every sample, what a person counted in it: messages, kinds, the day and minute of the first and last
one; never its words. A sample is read as expected if both agree, and typed right if the kinds agree.
"""

import csv
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from twin.domain.messages import Kind, Message
from twin.errors import ExportError
from twin.ingest import read


def found(path: Path) -> Sequence[Message]:
    try:
        return list(read([path]))
    except ExportError:
        return []


def minute(time: datetime | None) -> str:
    return time.strftime("%Y-%m-%dT%H:%M") if time else ""


def kinds_of(messages: Sequence[Message]) -> str:
    counts = Counter(message.kind.value for message in messages)
    return " ".join(f"{kind} {counts[kind]}" for kind in sorted(counts))


def as_the_source_says(row: dict[str, str], messages: Sequence[Message]) -> list[str]:
    """What differs from the expectation in the manifest; empty where the source has none."""
    notices = sum(message.kind is Kind.SYSTEM for message in messages)
    empty = sum(message.kind is Kind.EMPTY for message in messages)
    times = sorted(message.sent_at.isoformat() for message in messages if message.sent_at)
    wrong: list[str] = []
    counts = {len(messages), len(messages) - notices, len(messages) - empty}
    if row["expected_messages"] and int(row["expected_messages"]) not in counts:
        wrong.append(f"{len(messages)} messages, the source says {row['expected_messages']}")
    senders = {message.sender for message in messages if message.sender}
    if row["expected_authors"] and set(json.loads(row["expected_authors"])) != senders:
        wrong.append(f"{len(senders)} senders, other names than the source's")
    for column, time in (("expected_first", times[:1]), ("expected_last", times[-1:])):
        if row[column] and not (time and time[0].startswith(row[column])):
            wrong.append(f"{column.removeprefix('expected_')} time {time}, the source says {row[column]}")
    return wrong


def as_counted(truth: dict[str, str], messages: Sequence[Message]) -> list[str]:
    """What differs from what a person counted, kinds apart."""
    times = sorted(minute(message.sent_at) for message in messages if message.sent_at)
    own = {"messages": str(len(messages)), "first": "".join(times[:1]), "last": "".join(times[-1:])}
    return [
        f"{column} {value or 'none'}, counted {truth[column] or 'none'}"
        for column, value in own.items()
        if value != truth[column]
    ]


def main() -> None:
    root = Path(sys.argv[1])
    truths = {
        row["file"]: row for row in csv.DictReader(Path(__file__).with_name("samples.csv").open(encoding="utf-8"))
    }
    tally: defaultdict[str, Counter[str]] = defaultdict(Counter)
    misses: list[str] = []
    for row in csv.DictReader((root / "MANIFEST.csv").open(encoding="utf-8")):
        truth = truths.get(row["file"])
        if truth is None:
            tally[row["platform"]]["not counted"] += 1
            continue
        messages = found(root / row["file"])
        wrong = as_the_source_says(row, messages) + as_counted(truth, messages)
        typed = kinds_of(messages) == truth["kinds"]
        if not typed:
            wrong.append(f"kinds {kinds_of(messages) or 'none'}, counted {truth['kinds'] or 'none'}")
        seen = ["samples", *([] if wrong else ["as expected"]), *(["typed right"] if typed else [])]
        tally[row["platform"]].update(seen)
        misses += [f"- `{row['file']}`: {'; '.join(wrong)}"] if wrong else []
    columns = ("samples", "as expected", "typed right", "not counted")
    print(f"| platform | {' | '.join(columns)} |\n|---{'|---' * len(columns)}|")
    for platform, counts in sorted(tally.items()):
        print(f"| {platform} | {' | '.join(str(counts[column]) for column in columns)} |")
    print("\n" + ("\n".join(misses) or "No misses."))


if __name__ == "__main__":
    main()
