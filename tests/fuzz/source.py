"""Bytes of a fuzzer as choices, numbers and texts."""

from collections.abc import Sequence
from typing import TypeVar

Choice = TypeVar("Choice")


class Source:
    """Takes values from the front of some bytes; where they are used up, everything is the first or the least."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        self._at += count
        return taken

    def number(self, below: int) -> int:
        return int.from_bytes(self.take(2 if below > 256 else 1)) % below

    def choice(self, options: Sequence[Choice]) -> Choice:
        return options[self.number(len(options))]

    def line(self) -> bytes:
        """Up to the next line break, which is taken too."""
        line = self._data[self._at :].partition(b"\n")[0]
        self._at += len(line) + 1
        return line

    def rest(self) -> bytes:
        return self.take(len(self._data))
