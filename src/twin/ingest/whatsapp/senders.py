"""Where a name ends and what was written begins.

Names hold colons, and notices that nobody wrote hold them too, so the first colon decides nothing. The names are
learned from a sample of the file first: a prefix is a name if it comes again, or if it looks like one.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable

from twin.ingest.whatsapp.shapes import SPACES

_MARKS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\u061c\ufeff]")
_LONGEST = 60
_MANY_WORDS = 7


def display(name: str) -> str:
    """A name without the invisible marks that the export wraps it in; a tilde before it stays."""
    return _MARKS.sub("", name).strip(SPACES)


class Senders:
    """The names of one file. `known` maps a prefix as it stands in the file to the name as displayed."""

    def __init__(self, lines: Iterable[str], *, is_notice: Callable[[str], bool]) -> None:
        """Learn from the first lines of records, without their headers."""
        self.known: dict[str | None, str] = {}
        self._is_notice = is_notice
        short: Counter[str] = Counter()
        long: dict[str, Counter[str]] = {}
        bare: Counter[str] = Counter()
        spaced = 0
        for line in lines:
            prefixes = _prefixes(line)
            if prefixes:
                short[prefixes[0]] += 1
                if len(prefixes) > 1:
                    long.setdefault(prefixes[0], Counter())[prefixes[1]] += 1
            first, colon, _ = line.partition(":")
            if first in prefixes:
                spaced += 1
            elif colon:
                bare[first] += 1
        # `Bob:Hi`, if the whole file is like that.
        self._bare = bare.total() > max(short.total(), 4 * spaced) and max(short.values(), default=0) < 3
        for prefix, count in (bare if self._bare else short).items():
            longer, times = long[prefix].most_common(1)[0] if prefix in long else ("", 0)
            # `Team: Red: go`: always the same second part, and not the name of somebody whom the first one answers.
            if times == count > 4 and longer[len(prefix) + 2 :] not in short:
                self._learn(longer)
            elif self._is_name(prefix, count):
                self._learn(prefix)

    def split(self, rest: str) -> tuple[str | None, str]:
        """The name, or None for a notice, and the body."""
        if rest.startswith("- "):  # how WhatsApp Web begins a notice
            return None, rest[2:]
        line = rest.partition("\n")[0].rstrip("\r")
        prefixes = [] if self._bare else _prefixes(line)
        bare = line.partition(":")[0]
        known = next((p for p in (*reversed(prefixes), bare) if p in self.known and p != line), None)
        if known is None:
            new = prefixes[0] if prefixes else bare if self._bare else line
            if new == line or not self._is_name(new, 1):
                return None, rest
            self._learn(known := new)
        return self.known[known], rest[len(known) + 1 :].removeprefix(" ")

    def _learn(self, prefix: str) -> None:
        if len(self.known) < 100_000:
            self.known[prefix] = display(prefix)

    def _is_name(self, prefix: str, count: int) -> bool:
        name = display(prefix)
        if not name or len(name) > 2 * _LONGEST or self._is_notice(name):
            return False
        return count >= 3 or (
            len(name) <= _LONGEST and len(name.split()) <= _MANY_WORDS and not re.search(r'["“”«»]|://', name)
        )


def _prefixes(line: str) -> list[str]:
    """What may be a name in a line, shortest first: up to a colon with a space after it, or at the end."""
    prefixes: list[str] = []
    start = 0
    while len(prefixes) < 4 and (at := line.find(":", start)) > 0:
        if at > 2 * _LONGEST:
            break
        if at + 1 == len(line) or line[at + 1] in " \u200e\u200f":
            prefixes.append(line[:at])
        start = at + 1
    return prefixes
