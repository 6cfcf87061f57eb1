"""What the measures need to know of a model: two functions. Who computes them, and on what, is not their business."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import NamedTuple

from twin.domain.examples import Example, Role, Turn


class Scored(NamedTuple):
    """How well a model foretold the owner's words in one example.

    Attributes:
        nats: negative log-likelihood of the owner's words from the example's `context` on.
        characters: how many characters these words have.
    """

    nats: float
    characters: int


class Sampled(NamedTuple):
    """A reply that a model drew. `ended` is False where it was cut off at its length limit."""

    messages: tuple[str, ...]
    ended: bool = True

    @property
    def text(self) -> str:
        return "\n".join(self.messages)


Score = Callable[[Sequence[Example]], Sequence[Scored]]
"""Examples to their scores, in the same order."""

Reply = Callable[[Sequence[Turn], int], Sampled]
"""The conversation so far and a seed, to what the owner says next."""


@dataclass(frozen=True, slots=True)
class Model:
    """One of the speakers that are compared: untouched base, base with examples, twin, somebody else's twin."""

    score: Score
    reply: Reply | None = None


def characters(example: Example) -> int:
    """Characters of the owner's counted words."""
    return sum(len(message) for turn in counted(example) for message in turn.messages)


def counted(example: Example) -> list[Turn]:
    """The owner's turns that count in an example."""
    return [turn for turn in example.turns[example.context :] if turn.role is Role.OWNER]


def replies(examples: Sequence[Example]) -> list[Sampled]:
    """What the owner really said in these examples, in order."""
    return [Sampled(turn.messages) for example in examples for turn in counted(example)]


def instant(base: Model, exchanges: Sequence[Turn]) -> Model:
    """The base with past exchanges of the person before everything: the twin that needs no training."""

    def score(examples: Sequence[Example]) -> Sequence[Scored]:
        return base.score(
            [replace(one, turns=(*exchanges, *one.turns), context=one.context + len(exchanges)) for one in examples]
        )

    reply = base.reply
    return Model(score, None if reply is None else lambda turns, seed: reply([*exchanges, *turns], seed))


def exchanges(training: Sequence[Example], *, characters: int, seed: int) -> list[Turn]:
    """Whole training examples, drawn at random, up to a number of characters: what `instant` shows the base."""
    chosen: list[Turn] = []
    size = 0
    for example in Random(seed).sample(list(training), len(training)):  # noqa: S311 -- sampling
        length = sum(len(turn.name) + 3 + len(message) for turn in example.turns for message in turn.messages)
        if size + length <= characters:
            chosen += example.turns
            size += length
    return chosen
