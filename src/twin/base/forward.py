"""The forward pass over packed rows, and the loss at the places that are predicted.

Built from the layers of KerasHub's backbone; the functional model itself takes no mask that keeps packed examples
apart, and computes the output layer at every position.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from twin.base.keras import keras
from twin.base.rows import Batch

_CHUNK = 64
"""Places for which the output layer is computed at once: 64 x 262,144 scores are 67 MB."""


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
    attended = block.attention(block.pre_attention_norm(x), attention_mask=mask)
    x = x + block.post_attention_norm(attended)
    y = block.pre_ffw_norm(x)
    y = keras.activations.gelu(block.gating_ffw(y), approximate=True) * block.gating_ffw_2(y)
    return x + block.post_ffw_norm(block.ffw_linear(y))


def predicted_nats(backbone: Any, batch: Batch, *, frozen_below: int = 0, remat: bool = False) -> Any:
    """Nats of each predicted token of a batch, (places,)."""
    states = hidden_states(backbone, batch.tokens, batch.segments, frozen_below=frozen_below, remat=remat)
    states = states.reshape(-1, states.shape[-1])[batch.places]
    embedding = backbone.token_embedding.embeddings.value
    return token_losses(states, embedding.astype(states.dtype), batch.targets)


@jax.custom_vjp
def token_losses(states: Any, embedding: Any, targets: Any) -> Any:
    """Nats for each predicted token, (places,), of hidden states (places, hidden) under the tied embedding.

    The embedding is frozen, so that the gradient with respect to the states can be taken on the way: the scores of
    a few places exist at a time and are computed once, not twice.
    """
    return jax.lax.map(lambda part: _losses(part[0], embedding, part[1]), (_chunks(states), _chunks(targets))).reshape(
        -1
    )


def _forward(states: Any, embedding: Any, targets: Any) -> Any:
    def both(part: Any) -> Any:
        chunk, wanted = part
        # The gradient of cross entropy: expected embedding minus the wanted one.
        scores = _scores(chunk, embedding)
        top = jnp.max(scores, -1, keepdims=True)
        exps = jnp.exp(scores - top)
        total = exps.sum(-1, keepdims=True)
        own = jnp.take_along_axis(scores, wanted[:, None], 1)
        gradient = (exps / total).astype(embedding.dtype) @ embedding - embedding[wanted]
        return (jnp.log(total) + top - own)[:, 0], gradient

    losses, gradients = jax.lax.map(both, (_chunks(states), _chunks(targets)))
    return losses.reshape(-1), gradients.reshape(states.shape)


def _backward(gradients: Any, upstream: Any) -> Any:
    return (upstream[:, None].astype(gradients.dtype) * gradients, None, None)


token_losses.defvjp(_forward, _backward)


def _losses(states: Any, embedding: Any, targets: Any) -> Any:
    scores = _scores(states, embedding)
    own = jnp.take_along_axis(scores, targets[:, None], 1)[:, 0]
    return jax.nn.logsumexp(scores, -1) - own


def _scores(states: Any, embedding: Any) -> Any:
    return jnp.matmul(states, embedding.T, preferred_element_type=jnp.float32)


def _chunks(values: Any) -> Any:
    return values.reshape(-1, min(_CHUNK, values.shape[0]), *values.shape[1:])
