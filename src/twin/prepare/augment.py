"""Free text: diaries, letters and posts become dialogue in which every word of the person stays verbatim.

The text is cut into passages, each a span of the source. A model is asked only for the other side: what somebody may
have said before the passage. Where none finds anything, the passage follows the one before it, as plain continuation.
Give documents that are redacted already: what a model is shown is what will be trained on.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import regex

from twin.domain.events import Progress, Watcher, nobody
from twin.domain.examples import Example, Role, Split, Turn
from twin.domain.messages import WORDS, Message
from twin.domain.runs import Stage

SHORTEST, LONGEST = 60, 400
"""Characters of a passage: shorter paragraphs join the next, longer ones are cut at the end of a sentence.

With what was said before it, a passage fits a row of the training.
"""
ASKED_MOST = 300
"""Passages for which the local base is asked, about a third of a second each; the others are plain continuation."""
_WRITING = "document"
"""The platform under which reading puts what was written to nobody in particular."""
_LONGEST_OPENING = 300
_REPEATED_WORDS = 6

_BREAK = regex.compile(r"\n[^\S\n]*+\n\s*+")
_SENTENCE_END = regex.compile(r"(?<=[.!?…][\"'”»)\]]?)\s+(?=\P{Ll})|(?<=[。！？」])|\n+")
_SPACE = regex.compile(r"\s+")
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")


@dataclass(frozen=True, slots=True)
class Document:
    """A diary, a letter, a post. Documents are given in the order in which they were written."""

    name: str
    text: str


def is_writing(message: Message) -> bool:
    """Whether a message is a paragraph of a diary, a letter or another text without a partner."""
    return message.platform == _WRITING


def documents(messages: Iterable[Message]) -> list[Document]:
    """The texts that paragraphs come from, in order; what nobody wrote (headings, quotes) is left out."""
    paragraphs: dict[str, list[str]] = {}
    for message in messages:
        if is_writing(message) and message.kind in WORDS and message.text.strip():
            paragraphs.setdefault(message.chat, []).append(message.text)
    return [Document(name, "\n\n".join(texts)) for name, texts in paragraphs.items()]


class Passage(NamedTuple):
    """A span of a document: `source.text[start:end] == text`. `before` is the passage before it, "" at the start."""

    document: str
    start: int
    end: int
    text: str
    before: str


class OtherSide(Protocol):
    """Finds what somebody may have said before each passage."""

    @property
    def name(self) -> str:
        """What the account calls it."""
        ...

    def openings(self, passages: Sequence[Passage]) -> Iterator[str | None]:
        """One opening for each passage, in order; None where there is none that fits."""
        ...


@dataclass(frozen=True, slots=True)
class Augmented:
    """Examples, and how many passages got their other side from where (`plain`: from nowhere)."""

    examples: tuple[Example, ...]
    origins: Counter[str] = field(default_factory=Counter[str])


def passages(document: Document) -> list[Passage]:
    """Cut a document. Every character but the white space between passages stands in exactly one of them."""
    spans: list[tuple[int, int]] = []
    for start, end in _between(document.text, _BREAK, 0, len(document.text)):
        joins = spans and spans[-1][1] - spans[-1][0] < SHORTEST and end - spans[-1][0] <= LONGEST
        if joins:
            spans[-1] = (spans[-1][0], end)
        else:
            spans += _shortened(document.text, start, end)
    texts = [document.text[start:end] for start, end in spans]
    return [
        Passage(document.name, start, end, text, before)
        for (start, end), text, before in zip(spans, texts, ["", *texts], strict=False)
    ]


def _between(text: str, separator: "regex.Pattern[str]", start: int, end: int) -> Iterator[tuple[int, int]]:
    """The stretches between matches, without white space around them; empty ones are left out."""
    at = start
    for match in [*separator.finditer(text, start, end), None]:
        stop = end if match is None else match.start()
        piece = text[at:stop]
        if piece.strip():
            left = at + len(piece) - len(piece.lstrip())
            yield left, left + len(piece.strip())
        at = end if match is None else match.end()


def _shortened(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A paragraph as spans of at most `LONGEST`, cut between sentences, else between words, else anywhere."""
    for separator in (None, _SENTENCE_END, _SPACE):
        pieces = [(start, end)] if separator is None else list(_between(text, separator, start, end))
        if all(stop - begin <= LONGEST for begin, stop in pieces):
            break
    else:
        pieces = [
            (at, min(at + LONGEST, stop))
            for begin, stop in _between(text, _SPACE, start, end)
            for at in range(begin, stop, LONGEST)
        ]
    current: tuple[int, int] | None = None
    for begin, stop in pieces:
        if current is not None and stop - current[0] > LONGEST:
            yield current
            current = None
        current = (begin if current is None else current[0], stop)
    if current is not None:
        yield current


def augment(
    documents: Sequence[Document],
    *,
    owner: str,
    other_sides: Sequence[OtherSide] = (),
    other: str = "Friend",
    held_out: float = 0.1,
    watch: Watcher = nobody,
) -> Augmented:
    """Make examples of free text.

    Args:
        owner: the name under which the person speaks.
        other_sides: asked in order; each gets the passages for which those before it found nothing.
        other: the name of whoever speaks before the person.
        held_out: share of the passages, the latest of all documents, that never trains.
    """
    cut = [passage for document in documents for passage in passages(document)]
    found: dict[int, str] = {}
    origins: Counter[str] = Counter()
    for side in other_sides:
        asked = [at for at in range(len(cut)) if at not in found]
        for at, opening in zip(asked, side.openings([cut[at] for at in asked]), strict=True):
            if opening is not None and fits(opening, cut[at].text):
                found[at] = opening.strip()
                origins[side.name] += 1
                watch(Progress(Stage.PREPARE, len(found), len(cut)))
    origins["plain"] = len(cut) - len(found)
    first_held_out = len(cut) - round(held_out * len(cut))
    return Augmented(
        tuple(
            _example(passage, found.get(at), owner, other, Split.HELD_OUT if at >= first_held_out else Split.TRAIN)
            for at, passage in enumerate(cut)
        ),
        origins,
    )


def _example(passage: Passage, opening: str | None, owner: str, other: str, split: Split) -> Example:
    reply = Turn(Role.OWNER, owner, (passage.text,))
    source = f"text:{passage.document}"
    if opening is not None:
        return Example((Turn(Role.OTHER, other, (opening,)), reply), 1, split, source)
    if passage.before:
        return Example((Turn(Role.OWNER, owner, (passage.before,)), reply), 1, split, source)
    return Example((reply,), 0, split, source)


def fits(opening: str, reply: str) -> bool:
    """Whether an opening is one message, and does not say already what the reply says."""
    opening = opening.strip()
    if not opening or len(opening) > _LONGEST_OPENING or "\n" in opening:
        return False
    words, said = (_WORD.findall(text.casefold()) for text in (opening, reply))
    stretches = {tuple(said[at : at + _REPEATED_WORDS]) for at in range(len(said) - _REPEATED_WORDS + 1)}
    return not any(tuple(words[at : at + _REPEATED_WORDS]) in stretches for at in range(len(words)))


_SHOWN = (
    (
        "We took the night train after all. I hardly slept, but the sea at six in the morning made up for it.",
        "so how did you get there in the end?",
    ),
    (
        "I have given up on the sourdough. Four weeks of feeding it, and the bread still came out like a roof tile.",
        "are you still baking?",
    ),
    (
        "Dear Ruth, thank you for the parcel! The scarf fits, and the tea is nearly gone already.",
        "Did my parcel arrive?",
    ),
)


@dataclass(frozen=True, slots=True)
class LocalOtherSide:
    """The local base model, shown three invented examples as a conversation between two lines of a form.

    Attributes:
        answer: what the base says under a name after some turns.
        most: passages that it is asked for, spread evenly; for the others there is none.
    """

    answer: Callable[[Sequence[Turn], str], str]
    most: int = ASKED_MOST
    name: str = "local"

    def openings(self, passages: Sequence[Passage]) -> Iterator[str | None]:
        step = max(1, -(-len(passages) // self.most))
        for at, passage in enumerate(passages):
            if at % step:
                yield None
                continue
            answer = self.answer(self.prompt(passage.text), _ASKED).strip()
            yield answer.split("\n")[0] or None

    @staticmethod
    def prompt(text: str) -> list[Turn]:
        """What the base continues: pairs of what somebody wrote, and what they had been asked."""
        shown = [
            turn
            for reply, opening in _SHOWN
            for turn in (Turn(Role.OTHER, _WRITTEN, (reply,)), Turn(Role.OWNER, _ASKED, (opening,)))
        ]
        return [*shown, Turn(Role.OTHER, _WRITTEN, (_SPACE.sub(" ", text),))]


_WRITTEN, _ASKED = "Written", "Asked before"
