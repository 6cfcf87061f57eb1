"""Reply loss: how surprising the owner's held-out words are to a model, in nats per character.

Per character, not per token, so that bases with other vocabularies compare.
"""

from collections.abc import Sequence

import numpy as np

from twin.likeness.figures import Figure, interval, ratio, resamples
from twin.likeness.models import Scored


def per_character(scored: Sequence[Scored], *, seed: int) -> Figure:
    """Nats per character; the interval resamples examples."""
    return ratio([one.nats for one in scored], [one.characters for one in scored], seed=seed)


def gain(worse: Sequence[Scored], better: Sequence[Scored], *, seed: int) -> Figure:
    """By which share `better` lowers the loss of `worse` on the same examples, e.g. 0.12; paired resampling."""
    if [one.characters for one in worse] != [one.characters for one in better]:
        raise ValueError("the two models were scored on other examples")
    nats = np.array([[one.nats for one in worse], [one.nats for one in better]])
    if not nats.size or nats[0].sum() <= 0:
        return Figure(float("nan"), float("-inf"), float("inf"), 0)
    drawn = resamples(nats.shape[1], seed=seed) @ nats.T
    return interval(float(1 - nats[1].sum() / nats[0].sum()), 1 - drawn[:, 1] / drawn[:, 0], nats.shape[1])
