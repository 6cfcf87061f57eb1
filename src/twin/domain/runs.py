"""Runs: one pass over the stages, and how far it is."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Stage(StrEnum):
    """The stages, in order. `twin stage STAGE RUN` does one of them, anywhere."""

    INGEST = "ingest"
    PREPARE = "prepare"
    TRAIN = "train"
    CONVERT = "convert"
    EVALUATE = "evaluate"
    PUBLISH = "publish"


class RunState(StrEnum):
    """Where a run stands. The last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in {RunState.DONE, RunState.FAILED, RunState.CANCELLED}


AGREEMENT = "my text may be sent to Google Gemini"
"""What an owner has to say, to the letter, before their writing leaves the machine: a run's option `gemini`."""


@dataclass(frozen=True, slots=True)
class Run:
    """One pass over the stages for one twin.

    Attributes:
        stage: the stage under way, or the last one that was.
        error: one sentence for the owner; never text of a chat.
        options: what was asked of this run (`budget_s`, `max_messages`, …), as strings.
        figures: what it measured, e.g. `loss_twin`; numbers only.
    """

    id: str
    twin_id: str
    state: RunState
    created_at: datetime
    updated_at: datetime
    stage: Stage | None = None
    error: str | None = None
    options: dict[str, str] = field(default_factory=dict[str, str])
    figures: dict[str, float] = field(default_factory=dict[str, float])


def milliseconds(at: datetime) -> int:
    """A time as the name of a pipeline and the figure of a run have it."""
    return int(at.timestamp() * 1000)
