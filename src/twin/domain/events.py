"""Events: what a stage tells whoever is watching while it works."""

from collections.abc import Callable
from dataclasses import dataclass

from twin.domain.runs import Stage


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is. `done` and `total` count the stage's own unit; None where it is not known yet.

    Attributes:
        figures: numbers of the moment: `loss` (nats per token), `held_out_loss`, `tokens_per_s`, `left_s`.
        note: one sentence for the person who watches; may quote the twin's own sampled reply, so it is shown
            and stored with the twin, but never logged.
    """

    stage: Stage
    done: float = 0
    total: float | None = None
    figures: dict[str, float] | None = None
    note: str | None = None


Watcher = Callable[[Progress], None]


def nobody(_: Progress) -> None:
    """The watcher of whoever does not watch."""
