"""How long a training takes, said beforehand."""

from typing import NamedTuple

from twin.domain.ports import RecordStore

BUDGETS_S = (60, 120, 240, 900, 3600)
USUAL_S = 240
"""What a training takes at most if nobody says otherwise: the default of `TrainConfig`."""

_TOKENS_PER_MESSAGE = 28
"""Tokens that pass through the model for one message of the owner, what it answers included; measured on chats."""
_EPOCHS = 2
_SPEED = 450.0
"""Tokens per second of the default base on two laptop cores, until this installation has measured its own."""
_AROUND_S = 75
"""Reading, loading, converting and judging."""


class Budget(NamedTuple):
    """A choice: seconds of training, seconds of everything, and how much of the chats it gets through, 0 to 1."""

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
        found.append(Budget(seconds, min(seconds, needed) + _AROUND_S, min(1.0, seconds / needed)))
        if needed <= seconds * 1.1:  # the next choice would hardly be another
            break
    return found


def asked(budget: str) -> dict[str, str]:
    """The options of a run for what somebody chose."""
    return {"budget_s": budget} if budget in map(str, BUDGETS_S) else {}
