"""The forward pass over packed rows, and the loss at the places that are predicted.

Built from the layers of KerasHub's backbone; the functional model itself takes no mask that keeps packed examples
apart, and computes the output layer at every position.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from twin.base.attention import attend
from twin.base.embedding import Table, floats, rows, table_of
from twin.base.keras import keras
from twin.base.lora import together
from twin.base.rows import Batch

_BLOCK = 4096
"""Words of the vocabulary that the output layer computes at once: large enough for a fast product, 10 MB of weights."""


def hidden_states(backbone: Any, tokens: Any, segments: Any, *, frozen_below: int = 0, remat: bool = False) -> Any:
    """Normalised hidden states, (rows, length, hidden), of token ids and segment numbers, both (rows, length).

    Positions need no reset at a segment's start: rotary embeddings see distances only.

    Args:
        frozen_below: no gradient flows into the blocks below this index.
        remat: keep only the matrix products of each block and compute the rest again on the way back.
    """
    length = tokens.shape[1]
    causal = jnp.tril(jnp.ones((length, length), bool))
    mask = (segments[:, :, None] == segments[:, None, :]) & (segments > 0)[:, :, None] & causal
    x = backbone.token_embedding(tokens)
    x = x * jnp.asarray(backbone.hidden_dim**0.5, x.dtype)
    for index, block in enumerate(backbone.transformer_layers):
        if index == frozen_below:
            x = jax.lax.stop_gradient(x)
        step = partial(_block, block)
        if remat and index >= frozen_below:
            step = jax.checkpoint(step, policy=jax.checkpoint_policies.dots_with_no_batch_dims_saveable)
        x = step(x, mask)
    return backbone.layer_norm(x)


def _block(block: Any, x: Any, mask: Any) -> Any:
    x = x + block.post_attention_norm(attend(block.attention, block.pre_attention_norm(x), mask))
    y = block.pre_ffw_norm(x)
    gate, up = together(y, block.gating_ffw, block.gating_ffw_2)
    return x + block.post_ffw_norm(block.ffw_linear(keras.activations.gelu(gate, approximate=True) * up))


def predicted_nats(backbone: Any, batch: Batch, *, frozen_below: int = 0, remat: bool = False) -> Any:
    """Nats of each predicted token of a batch, (places,)."""
    states = hidden_states(backbone, batch.tokens, batch.segments, frozen_below=frozen_below, remat=remat)
    states = states.reshape(-1, states.shape[-1])[batch.places]
    return token_losses(states, table_of(backbone.token_embedding), batch.targets)


@jax.custom_vjp
def token_losses(states: Any, table: Table, targets: Any) -> Any:
    """Nats for each predicted token, (places,), of hidden states (places, hidden) under the tied embedding.

    The embedding is frozen, so that the gradient with respect to the states, which is the expected embedding minus
    the wanted one, is summed up on the way forward, and no score is computed twice.
    """
    return _losses(states, table, targets, expect=False)[0]


def _forward(states: Any, table: Table, targets: Any) -> Any:
    return _losses(states, table, targets, expect=True)


def _backward(gradients: Any, upstream: Any) -> Any:
    return (upstream[:, None].astype(gradients.dtype) * gradients, None, None)


token_losses.defvjp(_forward, _backward)


def _losses(states: Any, table: Table, targets: Any, *, expect: bool) -> tuple[Any, Any]:
    """The losses, and their gradients with respect to the states where `expect`."""
    wanted = rows(table, targets, states.dtype)
    normaliser, expected = normalisers(states, table, expect=expect)
    own = (states.astype(jnp.float32) * wanted.astype(jnp.float32)).sum(-1)
    return normaliser - own, (expected - wanted).astype(states.dtype) if expect else None


def normalisers(states: Any, table: Table, *, expect: bool = False) -> tuple[Any, Any]:
    """The logarithm of the sum of all words' exponentiated scores, (places,), and the expected embedding if asked for.

    One block of the vocabulary exists at a time: its scores go into a running softmax and are forgotten.

    Source: the running softmax of Milakov and Gimelshein 2018, "Online normalizer calculation for softmax".
    """
    count, hidden = states.shape

    def add(so_far: Any, part: Table) -> Any:
        top, total, expected = so_far
        block = floats(part, states.dtype)
        scores = jnp.matmul(states, block.T, preferred_element_type=jnp.float32)
        higher = jnp.maximum(top, scores.max(-1))
        exps = jnp.exp(scores - higher[:, None])
        shrink = jnp.exp(top - higher)
        total = total * shrink + exps.sum(-1)
        if expect:
            added = jnp.matmul(exps.astype(block.dtype), block, preferred_element_type=jnp.float32)
            expected = expected * shrink[:, None] + added
        return (higher, total, expected), None

    start = (jnp.full(count, -jnp.inf), jnp.zeros(count), jnp.zeros((count, hidden) if expect else ()))
    blocks, rest = divmod(jax.tree.leaves(table)[0].shape[0], _BLOCK)
    whole = jax.tree.map(lambda one: one[: blocks * _BLOCK].reshape(blocks, _BLOCK, *one.shape[1:]), table)
    state, _ = jax.lax.scan(add, start, whole)
    if rest:
        state, _ = add(state, jax.tree.map(lambda one: one[blocks * _BLOCK :], table))
    top, total, expected = state
    return jnp.log(total) + top, expected / total[:, None] if expect else None
