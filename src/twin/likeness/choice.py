"""Choice: does the twin know the true reply from three replies of others?

For each held-out reply, three replies of other people in the same chat, of about the same length, are put in its
place. All four are ranked by how much likelier the twin finds them than the untouched base does, so that a reply that
is likely from anybody earns nothing. Guessing gets 25 %. The task is that of TwinVoice (arXiv 2510.25536), without a
judge.
"""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from twin.domain.examples import Example, Role, Split, Turn
from twin.likeness.figures import Figure, share
from twin.likeness.models import Score

ALTERNATIVES = 3
CHANCE = 1 / (ALTERNATIVES + 1)
_SHORTEST = 8
"""Characters of a reply at least: "ok" is everybody's."""


class Question(NamedTuple):
    """Four examples that differ in their last turn; the first holds the true reply."""

    options: tuple[Example, ...]


def questions(held_out: Sequence[Example], *, most: int, seed: int) -> list[Question]:
    """Choice questions from held-out examples, spread over the time that these cover.

    Each reply is asked for at most once. Chats in which the others wrote too little give none.
    """
    chance = Random(seed)  # noqa: S311 -- sampling
    pools: dict[str, set[str]] = {}
    asked: list[tuple[Example, int]] = []
    for example in held_out:
        pool = pools.setdefault(example.source, set())
        for index, turn in enumerate(example.turns):
            text = "\n".join(turn.messages)
            if turn.role is Role.OTHER:
                pool.add(text)
            elif index >= max(example.context, 1) and len(text) >= _SHORTEST:
                asked.append((example, index))
    spaced = sorted(chance.sample(range(len(asked)), min(most, len(asked))))
    found: list[Question] = []
    for example, index in (asked[at] for at in spaced):
        true = example.turns[index]
        near = _of_similar_length("\n".join(true.messages), sorted(pools[example.source]), chance)
        if len(near) == ALTERNATIVES:
            others = (Turn(Role.OWNER, true.name, tuple(text.split("\n"))) for text in near)
            found.append(Question(tuple(_ending(example, index, turn) for turn in (true, *others))))
    return found


def _of_similar_length(true: str, pool: Sequence[str], chance: Random) -> list[str]:
    """Three texts other than the true one, drawn from the twelve whose length is closest; none twice as long."""
    near = sorted((text for text in pool if text != true and text.strip()), key=lambda text: abs(len(text) - len(true)))
    near = [text for text in near[:12] if len(true) / 2 <= len(text) <= len(true) * 2]
    return chance.sample(near, ALTERNATIVES) if len(near) >= ALTERNATIVES else []


def _ending(example: Example, index: int, last: Turn) -> Example:
    return Example((*example.turns[:index], last), index, Split.HELD_OUT, example.source)


def accuracy(asked: Sequence[Question], *, base: Score, twin: Score) -> Figure:
    """The share of questions in which the true reply gains most nats over the base."""
    options = [option for question in asked for option in question.options]
    gains = [b.nats - t.nats for b, t in zip(base(options), twin(options), strict=True)]
    size = ALTERNATIVES + 1
    hits = sum(gains[at] > max(gains[at + 1 : at + size]) for at in range(0, len(gains), size))
    return share(hits, len(asked))
