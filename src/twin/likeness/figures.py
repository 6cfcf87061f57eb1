"""Figures: a measured number with the interval in which it surely lies."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its 95 % interval.

    Attributes:
        n: how many independent observations it rests on.
    """

    value: float
    low: float
    high: float
    n: int = 0

    @property
    def width(self) -> float:
        return self.high - self.low

    @property
    def known(self) -> bool:
        """Whether anything was measured."""
        return math.isfinite(self.value)

    def to_json(self) -> dict[str, float | int | None]:
        """As JSON has it: null for a value that is not known and for a bound that there is none of."""
        return {"value": _short(self.value), "low": _short(self.low), "high": _short(self.high), "n": self.n}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Figure":
        """What `to_json` made; a bound that is null is none. Raises KeyError, TypeError, ValueError."""
        value, low, high = (data[name] for name in ("value", "low", "high"))
        return cls(
            math.nan if value is None else float(value),
            -math.inf if low is None else float(low),
            math.inf if high is None else float(high),
            int(data.get("n", 0)),
        )


def share(hits: int, n: int) -> Figure:
    """A share with its Wilson score interval (Wilson 1927), which holds for small n and shares near 0 and 1."""
    if n == 0:
        return Figure(0.0, 0.0, 1.0, 0)
    z, p = 1.959964, hits / n
    middle, spread = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return Figure(p, max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale), n)


def mean(values: Sequence[float] | Floats, *, seed: int) -> Figure:
    """A mean with its bootstrap interval (Efron 1979, percentiles)."""
    return ratio(values, np.ones(len(values)), seed=seed)


def ratio(above: Sequence[float] | Floats, below: Sequence[float] | Floats, *, seed: int) -> Figure:
    """Sum over sum, e.g. nats per character, with its bootstrap interval over the observations."""
    top, bottom = np.asarray(above, float), np.asarray(below, float)
    if not len(top) or bottom.sum() == 0:
        return Figure(math.nan, -math.inf, math.inf, 0)
    weights = resamples(len(top), seed=seed)
    drawn = (weights @ top) / np.maximum(weights @ bottom, 1e-12)
    return interval(float(top.sum() / bottom.sum()), drawn, len(top))


def resamples(n: int, *, seed: int, times: int = RESAMPLES) -> Floats:
    """How often each of n observations stands in each resample; (times, n), rows sum to n."""
    chance = np.random.default_rng(seed)
    return chance.multinomial(n, np.full(n, 1 / n), size=times).astype(float)


def interval(value: float, drawn: Floats, n: int) -> Figure:
    """The value with the middle 95 % of what resampling gave."""
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Figure(value, float(min(low, value)), float(max(high, value)), n)


def _short(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
