"""How long a training takes, said beforehand."""

from typing import NamedTuple

from twin.domain.ports import RecordStore
from twin.pipeline.stages import MEASURING_S, training_s
from twin.train.config import TrainConfig

USUAL_S = round((TrainConfig().budget_s or 0) + MEASURING_S)
"""What a run takes if nobody says otherwise."""
BUDGETS_S = (120, 240, USUAL_S, 900, 3600)

_TOKENS_PER_MESSAGE = 40
"""Tokens that pass through the model for one message of the owner, what it answers included: 28 in a chat of two, 50 in
a busy channel."""
_EPOCHS = 2
_SPEED = 170.0
"""Tokens per second of the default base on two laptop cores, until this installation has measured its own."""


class Budget(NamedTuple):
    """A choice: seconds that a run may take, those it will take, and the share of the chats it gets through."""

    seconds: int
    total_s: float
    share: float


def speed(records: RecordStore, owner: str) -> float:
    """Tokens per second as the owner's last training here had them."""
    measured = [
        run.figures["tokens_per_s"]
        for twin in records.twins(owner)
        for run in records.runs(twin.id)
        if run.figures.get("tokens_per_s")
    ]
    return measured[-1] if measured else _SPEED


def budgets(written: int, tokens_per_s: float) -> list[Budget]:
    """The choices for an owner who wrote so many messages; no longer ones than could be needed."""
    needed = written * _TOKENS_PER_MESSAGE * _EPOCHS / tokens_per_s
    found: list[Budget] = []
    for seconds in BUDGETS_S:
        learning = training_s(seconds)
        found.append(Budget(seconds, min(learning, needed) + MEASURING_S, min(1.0, learning / needed)))
        if needed <= learning * 1.1:  # the next choice would hardly be another
            break
    return found


def asked(budget: str) -> dict[str, str]:
    """The options of a run for what somebody chose."""
    return {"budget_s": budget} if budget in map(str, BUDGETS_S) else {}
