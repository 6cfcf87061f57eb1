"""The devices that train: rows are dealt to all of them, and each keeps its part of the frozen weights.

Data parallel over the rows of a step and fully sharded over the weights, on one mesh axis: the compiler gathers a
block's weights where they are needed and adds up the gradients of the adapter, which is small and everywhere whole.
On one device nothing is placed anew.

Source: Xu et al. 2021, "GSPMD: General and Scalable Parallelization for ML Computation Graphs".
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from twin.base.rows import Batch
from twin.train.config import TrainConfig

_AXIS = "devices"
_ROWS = 8
"""Rows of 256 tokens that keep an accelerator busy; two cores learn most for their time from the default's two."""
_SMALL = 1 << 16
"""Weights with fewer numbers than this are not worth spreading."""


def suited(config: TrainConfig) -> TrainConfig:
    """`config` as this machine computes best: bfloat16 and more rows a step where there are accelerators."""
    if jax.default_backend() == "cpu":
        return config
    return replace(config, dtype="bfloat16", rows=_ROWS * len(jax.devices()))


class Devices:
    """All devices that JAX sees, or the first `count` of them."""

    def __init__(self, count: int | None = None) -> None:
        devices = jax.devices()[:count]
        self.count = len(devices)
        self._mesh = Mesh(devices, (_AXIS,)) if self.count > 1 else None

    def spread(self, weights: Iterable[Any]) -> list[Any]:
        """Each large array cut along its longest dimension that the devices divide; what is small is copied to all."""
        return [self._placed(one, self._cut(one.shape)) for one in weights]

    def copied(self, values: Iterable[Any]) -> list[Any]:
        """Each array whole on every device."""
        return [self._placed(one, PartitionSpec()) for one in values]

    def dealt(self, batch: Batch) -> Batch:
        """The rows of a batch on all devices, as many on each; a number that does not divide is copied to all."""
        if self._mesh is None:
            return batch
        rows = PartitionSpec(_AXIS) if batch.tokens.shape[0] % self.count == 0 else PartitionSpec()
        specs = {"tokens": rows, "segments": rows}
        return Batch(*(self._placed(one, specs.get(name, PartitionSpec())) for name, one in batch._asdict().items()))

    def _placed(self, value: Any, spec: PartitionSpec) -> Any:
        return value if self._mesh is None else jax.device_put(value, NamedSharding(self._mesh, spec))

    def _cut(self, shape: Sequence[int]) -> PartitionSpec:
        size = 1
        for one in shape:
            size *= one
        dividing = [index for index, one in enumerate(shape) if one % self.count == 0]
        if size < _SMALL or not dividing:
            return PartitionSpec()
        longest = max(dividing, key=lambda index: shape[index])
        return PartitionSpec(*(_AXIS if index == longest else None for index in range(len(shape))))
