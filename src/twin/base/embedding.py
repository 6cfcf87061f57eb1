"""The embedding of a base as the blocks of 8-bit codes that its GGUF file holds, which become numbers where they are used.

The words are most of a small Gemma: of 270 million weights, 168. As float32 they take 671 MB of memory, as codes with a
scale for every 32 of them 189, and the numbers are the same.

Source: the GGUF specification, block format Q8_0.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class Blocks(NamedTuple):
    """Codes, (words, hidden) int8, and their scales, (words, hidden / 32) float32."""

    codes: Any
    scales: Any


Table = Any
"""An embedding: `Blocks`, or an array (words, hidden) where the base has it in another format."""


def pack(layer: Any, table: Blocks) -> None:
    """Let KerasHub's embedding `layer` compute with blocks; its own weight goes, as when Keras itself quantises."""
    layer._untrack_variable(layer._embeddings)
    layer._tracker.unlock()
    del layer._embeddings
    layer.input_dim = table.codes.shape[0]
    for name, values in table._asdict().items():
        weight = layer.add_weight(
            name=name,
            shape=values.shape,
            dtype=values.dtype,
            initializer=lambda *_, values=values, **__: jnp.asarray(values),
            trainable=False,
            autocast=False,
        )
        setattr(layer, name, weight)
    layer._tracker.lock()

    def call(inputs: Any, reverse: bool = False) -> Any:
        if reverse:
            return inputs @ floats(table_of(layer), inputs.dtype).T
        return rows(table_of(layer), inputs, layer.compute_dtype)

    layer.call = call


def table_of(layer: Any) -> Table:
    """What the functions below work on, from an embedding layer."""
    return Blocks(layer.codes.value, layer.scales.value) if is_packed(layer) else layer.embeddings.value


def is_packed(layer: Any) -> bool:
    return hasattr(layer, "codes")


def rows(table: Table, ids: Any, dtype: Any) -> Any:
    """The vectors of words: (…, hidden) for ids (…)."""
    return floats(jax.tree.map(lambda one: one[ids], table), dtype)


def floats(table: Table, dtype: Any) -> Any:
    """All vectors of a table or of a part of it, (…, hidden)."""
    if not isinstance(table, Blocks):
        return table.astype(dtype)
    codes, scales = table
    return (codes.reshape(*scales.shape, -1) * scales[..., None]).reshape(codes.shape).astype(dtype)
