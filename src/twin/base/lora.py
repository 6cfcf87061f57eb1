"""LoRA on the layers of a Keras model, as a low-rank path beside each kernel.

Keras' own `enable_lora` adds B·A to the kernel before it multiplies, which makes the whole gradient of the kernel
on the way back: half as many operations again as needed. Here x·A·B is added to the layer's output, with the
matrices in PEFT's shapes.

Source: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from twin.base.adapter import LoraAdapter, LowRank
from twin.base.keras import Linear, keras, linears, to_kernel
from twin.errors import ModelError


class Lora:
    """The low-rank paths of one model. `variables` are what training changes: A and B of each layer, in order."""

    def __init__(
        self,
        backbone: Any,
        *,
        rank: int,
        alpha: float,
        targets: Sequence[str],
        first: int = 0,
        seed: int = 0,
    ) -> None:
        """Attach untrained paths (B is zero) to the `targets` (`q_proj`, …) of the blocks from `first` up."""
        self.rank = rank
        self.alpha = alpha
        self._layers = [one for one in linears(backbone, first=first) if one.name.rpartition(".")[2] in targets]
        self._pairs: list[tuple[keras.Variable, keras.Variable]] = []
        random = np.random.default_rng(seed)
        for one in self._layers:
            inner, out = _sides(one.layer.kernel.shape, one.name)
            # PEFT's initialisation: uniform as for a linear layer, so that both start from the same place.
            bound = (1 / inner) ** 0.5
            a = keras.Variable(random.uniform(-bound, bound, (rank, inner)).astype(np.float32), name="lora_a")
            b = keras.Variable(np.zeros((out, rank), np.float32), name="lora_b")
            self._pairs.append((a, b))
            one.layer.call = _Path(one.layer.call, a, b, alpha / rank)

    @property
    def variables(self) -> list[keras.Variable]:
        return [variable for pair in self._pairs for variable in pair]

    def adapter(self) -> LoraAdapter:
        """The weights as they are now."""
        weights = {
            one.name: LowRank(np.array(a.value, np.float32), np.array(b.value, np.float32))
            for one, (a, b) in zip(self._layers, self._pairs, strict=True)
        }
        return LoraAdapter(self.rank, self.alpha, weights)


def merge(backbone: Any, adapter: LoraAdapter, *, sign: float = 1.0) -> None:
    """Add an adapter to the kernels themselves; `sign` -1 takes it away again, up to rounding.

    Raises:
        ModelError: the adapter was made for another model.
    """
    layers: dict[str, Linear] = {one.name: one for one in linears(backbone)}
    for name in adapter.weights:
        if name not in layers:
            raise ModelError(f"The adapter changes {name}, which this base model has not. Use the base it was made on.")
        kernel = layers[name].layer.kernel
        delta = adapter.delta(name)
        if delta.size != np.prod(kernel.shape):
            raise ModelError(f"The adapter's {name} is {delta.shape}, the base's {tuple(kernel.shape)}: not its base.")
        kernel.assign(kernel.value + np.float32(sign) * to_kernel(delta, tuple(kernel.shape)).astype(np.float32))


def _sides(shape: tuple[int, ...], name: str) -> tuple[int, int]:
    """Inputs and outputs of a layer, from the shape of its kernel."""
    if len(shape) == 2:
        return shape[0], shape[1]
    if name.endswith("o_proj"):
        return shape[0] * shape[1], shape[2]
    return shape[1], shape[0] * shape[2]


@dataclass(frozen=True, slots=True)
class _Path:
    """A layer's `call` with the low-rank path beside it; `plain` is the one without."""

    plain: Callable[[Any], Any]
    a: Any
    b: Any
    scale: float

    def __call__(self, inputs: Any, training: bool | None = None) -> Any:
        del training
        return _beside(inputs, [self])[0]


def together(inputs: Any, *layers: Any) -> list[Any]:
    """What layers make of the same input, (rows, length, …), as if each was called.

    Their low-rank paths are computed as one: products with 8 columns are slow, and each would go through the input.
    """
    paths = [layer.call for layer in layers if isinstance(layer.call, _Path)]
    return _beside(inputs, paths) if len(paths) == len(layers) else [layer(inputs) for layer in layers]


def _beside(inputs: Any, paths: Sequence[_Path]) -> list[Any]:
    outputs = [path.plain(inputs) for path in paths]
    flat = inputs.reshape(inputs.shape[0] * inputs.shape[1], -1)
    a = jnp.concatenate([path.a.value.astype(flat.dtype) for path in paths])
    b = tuple(path.b.value.astype(flat.dtype) * path.scale for path in paths)
    added = _low_rank(flat, a, b)
    return [output + one.reshape(output.shape) for output, one in zip(outputs, added, strict=True)]


@jax.custom_vjp
def _low_rank(x: Any, a: Any, b: tuple[Any, ...]) -> list[Any]:
    """x A' B' for x (tokens, inner), the A of all paths, (ranks, inner), and the B of each, (outer, rank)."""
    return _forward(x, a, b)[0]


def _forward(x: Any, a: Any, b: tuple[Any, ...]) -> tuple[list[Any], Any]:
    low = jnp.split(x @ a.T, len(b), axis=1)
    return [one @ wide.T for one, wide in zip(low, b, strict=True)], (x, low, a, b)


def _backward(kept: Any, upstream: list[Any]) -> Any:
    # Products with the rank as rows: the other way round they are tall and thin, and five times as slow on a CPU.
    x, low, a, b = kept
    below = jnp.concatenate([one @ wide for one, wide in zip(upstream, b, strict=True)], axis=1)
    return below @ a, below.T @ x, tuple((one.T @ above).T for one, above in zip(low, upstream, strict=True))


_low_rank.defvjp(_forward, _backward)
