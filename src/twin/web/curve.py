"""The loss curve of a training as a drawing that needs no script."""

from collections.abc import Sequence
from typing import NamedTuple

from twin.domain.runs import Stage
from twin.pipeline.journal import Event

WIDTH, HEIGHT = 640, 200
_MOST = 300


class Curve(NamedTuple):
    """Lines in a box of `WIDTH` × `HEIGHT`: `points` as SVG has them, and the numbers at the edges.

    Attributes:
        loss: nats per token while it learns, smoothed.
        held_out: nats per token on held-out words.
    """

    loss: str
    held_out: str
    marks: list[tuple[float, float]]
    least: float
    most: float
    steps: int


def curve(events: Sequence[Event]) -> Curve | None:
    """The curve of a run's training so far; None where nothing was measured."""
    told = [one.progress for one in events if one.progress.stage is Stage.TRAIN and one.progress.figures]
    loss = _smooth([(one.done, one.figures["loss"]) for one in told if one.figures and "loss" in one.figures])
    held_out = [
        (one.done, one.figures["held_out_loss"]) for one in told if one.figures and "held_out_loss" in one.figures
    ]
    values = [value for _, value in loss + held_out]
    if not values:
        return None
    # A budget settles the number of steps only after the first ones: the newest word counts.
    total = max(next((one.total for one in reversed(told) if one.total), 0), *(one.done for one in told), 1.0)
    least, most = min(values), max(values)
    span = (most - least) or 1.0

    def place(point: tuple[float, float]) -> tuple[float, float]:
        return round(point[0] / total * WIDTH, 1), round((most - point[1]) / span * (HEIGHT - 16) + 8, 1)

    def line(points: Sequence[tuple[float, float]]) -> str:
        return " ".join(f"{x},{y}" for x, y in map(place, points))

    thin = loss[:: max(1, len(loss) // _MOST)]
    return Curve(line(thin), line(held_out), [place(point) for point in held_out], least, most, int(total))


def _smooth(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    smooth: list[tuple[float, float]] = []
    value = points[0][1] if points else 0.0
    for step, loss in points:
        value = 0.85 * value + 0.15 * loss
        smooth.append((step, value))
    return smooth
