"""Examples: what a model learns from and is judged on."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """Who speaks: the twin's owner, or anybody else."""

    OWNER = "owner"
    OTHER = "other"


class Split(StrEnum):
    """Which side of the cut in time an example stands on."""

    TRAIN = "train"
    HELD_OUT = "held_out"


@dataclass(frozen=True, slots=True)
class Turn:
    """Consecutive messages of one person. A message may hold line breaks; it is never empty."""

    role: Role
    name: str
    messages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """A stretch of one conversation.

    The loss counts the owner's turns from index `context` on; the turns before it are only read. Where a
    conversation is cut into several examples, the context repeats the end of the one before, so that each
    owner's turn is counted exactly once.

    Attributes:
        turns: in order; at least one owner's turn at or after `context`.
        context: number of leading turns without loss.
        split: training or held-out; held-out is always the later part of a chat.
        source: platform and chat, for reports and for the choice measure; never shown to a model.
    """

    turns: tuple[Turn, ...]
    context: int
    split: Split
    source: str
