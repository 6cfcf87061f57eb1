"""Sampling: where replies are drawn, and what is plain to see in them."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import NamedTuple

from twin.domain.examples import Example, Role, Turn
from twin.likeness import languages
from twin.likeness.figures import Figure, share
from twin.likeness.models import Reply, Sampled

AT_ONCE = 4
"""Replies that are drawn at once: one pass over the weights serves them all."""


class Moment(NamedTuple):
    """A point in the held-out part where the owner spoke: the turns before, and what the owner said."""

    before: tuple[Turn, ...]
    real: Sampled


def moments(held_out: Sequence[Example], *, most: int, seed: int) -> list[Moment]:
    """Points where the owner answered somebody, spread over the held-out time; at most `most`."""
    found = [
        Moment(example.turns[:index], Sampled(turn.messages))
        for example in held_out
        for index, turn in enumerate(example.turns)
        if turn.role is Role.OWNER and index >= max(example.context, 1)
    ]
    chosen = sorted(Random(seed).sample(range(len(found)), min(most, len(found))))  # noqa: S311 -- sampling
    return [found[at] for at in chosen]


def draw(
    points: Sequence[Moment], reply: Reply, *, n: int, seed: int, watch: Callable[[int], None] = lambda _: None
) -> list[Sampled]:
    """`n` replies, going round the points as often as needed, each with a seed of its own; a few are drawn at once."""
    drawn: list[Sampled] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = [
            pool.submit(reply, points[at % len(points)].before, seed * 1_000_003 + at)
            for at in range(n if points else 0)
        ]
        try:
            for one in asked:
                drawn.append(one.result())
                watch(len(drawn))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return drawn


def ended(replies: Sequence[Sampled]) -> Figure:
    """The share of replies that end by themselves."""
    return share(sum(reply.ended for reply in replies), len(replies))


def foreign(replies: Sequence[Sampled], own: Sequence[str]) -> int:
    """Replies with a letter of a script in which the owner never wrote."""
    used = languages.scripts("\n".join(own))
    return sum(languages.foreign_letters(reply.text, used=used) > 0 for reply in replies)
