"""Does memory help? The loss of held-out replies with and without the past exchanges that a twin would be reminded of."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple, Protocol

from twin.base.adapter import LoraAdapter
from twin.domain.examples import Example, Role, Split, Turn
from twin.likeness import Scored, loss
from twin.likeness.figures import Figure
from twin.serve import memory
from twin.serve.memory import Memory


class ReplyScorer(Protocol):
    """`base.scoring.Scorer`, as far as it is needed here."""

    def replies(
        self, asked: Sequence[Sequence[Turn]], *, adapter: LoraAdapter | None, preambles: Sequence[str] = ()
    ) -> list[float]: ...


class Remembered(NamedTuple):
    """What memory changes.

    Attributes:
        gain: by which share the loss is lower with memory; memory is worth its time where all of the interval is above 0.
        without, reminded: nats per character of the same replies.
        replies: how many there were; for `recalled` of them the memory found something that fits.
    """

    gain: Figure
    without: Figure
    reminded: Figure
    replies: int
    recalled: int


def remembered(
    examples: Sequence[Example],
    past: Memory,
    scorer: ReplyScorer,
    *,
    adapter: LoraAdapter | None,
    most: int = 100,
    seed: int = 0,
) -> Remembered:
    """Measure a memory on held-out replies.

    Args:
        past: of what was said before the held-out part began, or the answer would stand in it.
        scorer: must take examples as long as the memory makes them, about 1,000 tokens.
        adapter: of the trained twin; None for the base.
        most: replies at most, drawn at random.
    """
    moments = [
        example.turns[: index + 1]
        for example in examples
        if example.split is Split.HELD_OUT
        for index, turn in enumerate(example.turns)
        if turn.role is Role.OWNER and index >= max(example.context, 1)
    ]
    asked = Random(seed).sample(moments, min(most, len(moments)))  # noqa: S311 -- sampling
    openings = [_opening(turns, past) for turns in asked]
    plain = scorer.replies(asked, adapter=adapter)
    told = [at for at, opening in enumerate(openings) if opening]
    reminded = list(plain)  # where nothing is recalled, nothing changes
    if told:
        found = scorer.replies([asked[at] for at in told], adapter=adapter, preambles=[openings[at] for at in told])
        for at, nats in zip(told, found, strict=True):
            reminded[at] = nats
    sizes = [sum(map(len, turns[-1].messages)) for turns in asked]
    before, after = (
        [Scored(nats, size) for nats, size in zip(all_nats, sizes, strict=True)] for all_nats in (plain, reminded)
    )
    return Remembered(
        loss.gain(before, after, seed=seed),
        loss.per_character(before, seed=seed),
        loss.per_character(after, seed=seed),
        len(asked),
        len(told),
    )


def _opening(turns: Sequence[Turn], past: Memory) -> str:
    """What the twin is reminded of before its reply, which is the last turn; as `serve.voice` does it."""
    last = next((turn for turn in reversed(turns[:-1]) if turn.role is Role.OTHER), None)
    found = past.recall("\n".join(last.messages)) if last else []
    return memory.opening(found, speaker=turns[-1].name)
