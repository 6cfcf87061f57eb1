"""`examples.jsonl`: the one form in which everything that trains or judges a twin is kept.

The first line is a header with the format's name and version; every further line is one example. Messages are
kept to the letter. A reader of version N refuses a higher one.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from twin.domain.examples import Example, Role, Split, Turn
from twin.errors import DataError

FORMAT = "twin-examples"
VERSION = 1


def write_examples(path: Path, examples: Iterable[Example]) -> int:
    """Write a file of examples, replacing what is there; how many there were."""
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(json.dumps({"format": FORMAT, "version": VERSION}) + "\n")
        for example in examples:
            stream.write(json.dumps(_row(example), ensure_ascii=False, separators=(",", ":")) + "\n")
            count += 1
    return count


def read_examples(path: Path) -> Iterator[Example]:
    """The examples of a file, in order. Raises DataError where it is of another format or version, or broken."""
    with path.open(encoding="utf-8") as stream:
        number = 1
        try:
            header = json.loads(next(stream, "null"))
            if not isinstance(header, dict) or header.get("format") != FORMAT:
                raise DataError(f"{path.name}: not a file of examples (no {FORMAT} header). Run prepare again.")
            if header["version"] > VERSION:
                raise DataError(
                    f"{path.name}: version {header['version']}, this twin reads up to {VERSION}. Update it."
                )
            for number, line in enumerate(stream, 2):  # noqa: B007
                yield _example(json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path.name}, line {number}: not an example. Run prepare again.") from error


def _row(example: Example) -> dict[str, Any]:
    return {
        "split": example.split,
        "source": example.source,
        "context": example.context,
        "turns": [{"role": turn.role, "name": turn.name, "messages": turn.messages} for turn in example.turns],
    }


def _example(row: dict[str, Any]) -> Example:
    return Example(
        turns=tuple(Turn(Role(turn["role"]), turn["name"], tuple(turn["messages"])) for turn in row["turns"]),
        context=row["context"],
        split=Split(row["split"]),
        source=row["source"],
    )
