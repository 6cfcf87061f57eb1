"""Copying: how often a reply repeats a long stretch of a reply that the twin was trained on.

People repeat themselves too, so the person's own held-out replies are the yardstick.
"""

import unicodedata
from collections.abc import Iterable, Iterator

import regex

from twin.likeness.figures import Figure, share

WORDS = 8
# A word of Chinese or Japanese has about one and a half characters.
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
_WORD = regex.compile(rf"{_UNSPACED.pattern}|(?:(?!{_UNSPACED.pattern})[\p{{L}}\p{{M}}\p{{N}}'’])+")
_CHARACTERS_PER_WORD = 1.5


class Known:
    """The stretches of eight words in the replies that the twin was trained on."""

    def __init__(self, training: Iterable[str]) -> None:
        self._stretches = {stretch for text in training for stretch in _stretches(text)}

    def is_copied(self, reply: str) -> bool:
        """Whether the reply repeats eight words in a row of a training reply."""
        return any(stretch in self._stretches for stretch in _stretches(reply))

    def copied(self, replies: Iterable[str]) -> Figure:
        """The share of replies that do."""
        told = [self.is_copied(reply) for reply in replies]
        return share(sum(told), len(told))


def _stretches(text: str) -> Iterator[tuple[str, ...]]:
    words = [word.replace("’", "'") for word in _WORD.findall(unicodedata.normalize("NFC", text).casefold())]
    unspaced = sum(len(word) == 1 and _UNSPACED.match(word) is not None for word in words)
    length = round(WORDS * _CHARACTERS_PER_WORD) if unspaced * 2 > len(words) else WORDS
    for at in range(len(words) - length + 1):
        yield tuple(words[at : at + length])
