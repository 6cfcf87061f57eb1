"""Attention over packed rows, computed with the layers of a KerasHub attention block.

The block's own way turns heads and positions around and makes the rotations' sines anew in every layer, which makes a
training step a tenth longer on a CPU. Here each row and each key-value head is one product, its queries lying side by
side as they come from the projection.
"""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from twin.base.gguf import Floats
from twin.base.lora import together

_NEVER = -1e30
"""The score of what must not be seen; finite, so that a row of padding, which sees nothing, stays a number."""


def attend(attention: Any, x: Any, mask: Any) -> Any:
    """What an attention block of KerasHub's Gemma 3 makes of `x`, (rows, length, hidden).

    Args:
        mask: (rows, length, length), which places (last axis) each place may see; a sliding window comes on top.
    """
    rows, length, _ = x.shape
    size, heads, shared = attention.head_dim, attention.num_query_heads, attention.num_key_value_heads
    scale = size if attention.query_head_dim_normalize else attention.hidden_dim // heads
    queries, keys, values = together(x, attention.query_dense, attention.key_dense, attention.value_dense)
    queries = _turned(attention, attention.query_norm(queries)) * scale**-0.5
    keys = _turned(attention, attention.key_norm(keys))
    queries = queries.reshape(rows, length, shared, heads // shared, size)
    if attention.use_sliding_window_attention and length > attention.sliding_window_size:
        mask = mask & jnp.triu(jnp.ones((length, length), bool), 1 - attention.sliding_window_size)
    return attention.output_dense(_heads(queries, keys, values, mask).reshape(rows, length, heads, size))


def _turned(attention: Any, x: Any) -> Any:
    """Rotary embeddings of (rows, length, heads, head size), by the position on the second axis.

    Source: Su et al. 2021, "RoFormer"; the halves of a head are the pairs that turn, as in Gemma.
    """
    layer = attention.rope_layer
    table = _angles(float(layer.max_wavelength), float(layer.scaling_factor), x.shape[1], x.shape[-1] // 2)
    cos, sin = (wave.astype(x.dtype)[:, None] for wave in table)
    left, right = jnp.split(x, 2, axis=-1)
    return jnp.concatenate([left * cos - right * sin, right * cos + left * sin], -1)


@cache
def _angles(wavelength: float, scale: float, length: int, half: int) -> tuple[Floats, Floats]:
    """Cosines and sines of the angle of each position and pair, (length, half); layers differ in wavelength and scale."""
    angles = np.arange(length)[:, None] / scale * wavelength ** -(np.arange(half) / half)
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def _one(queries: Any, keys: Any, values: Any, mask: Any) -> Any:
    """One row and one key-value head: queries (length, group, size), keys and values (length, size)."""
    length, group, size = queries.shape
    scores = jnp.matmul(queries.reshape(-1, size), keys.T, preferred_element_type=jnp.float32)
    scores = jnp.where(mask[:, None], scores.reshape(length, group, length), _NEVER)
    weights = jax.nn.softmax(scores.reshape(-1, length), axis=-1).astype(values.dtype)
    return (weights @ values).reshape(length, group, size)


_heads = jax.vmap(jax.vmap(_one, in_axes=(1, 1, 1, None), out_axes=1))
"""`_one` for each row and each key-value head."""
