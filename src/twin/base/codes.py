"""How likely each code of four digits is after the beginning of a reply: the measure of what a model has memorised."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from twin.base.embedding import rows, table_of
from twin.base.forward import normalisers
from twin.base.models import Base
from twin.domain.examples import Role, Turn
from twin.errors import ModelError

DIGITS = 4
_ROWS = 250
"""Beginnings that are continued at once: their keys and values take 0.4 GB with Gemma 3 270M."""
_normalisers = jax.jit(normalisers)


def likelihoods(
    backbone: Any, base: Base, turns: Sequence[Turn], *, speaker: str, start: str
) -> npt.NDArray[np.float64]:
    """Log-likelihood, in nats, of `start` being followed by 0000, 0001, … 9999; (10000,).

    The conversation and `start` go through the model once; the thousand beginnings of three digits follow on their
    keys and values.

    Args:
        turns: the conversation before the reply.
        start: how the reply begins, up to the first digit.

    Raises:
        ModelError: the vocabulary joins digits with each other or with what stands before them.
    """
    before, digits = _tokens(base, turns, speaker=speaker, start=start)
    length = len(before) + DIGITS - 1
    blocks = backbone.transformer_layers
    heads, size = blocks[0].attention.num_key_value_heads, blocks[0].attention.head_dim
    empty = [(jnp.zeros((1, length, heads, size), backbone.compute_dtype),) * 2 for _ in blocks]
    states, known = _continue(backbone, jnp.asarray([before]), empty, 0)
    places = np.array([digits[int(c)] for number in range(10 ** (DIGITS - 1)) for c in f"{number:0{DIGITS - 1}}"])
    paths = places.reshape(-1, DIGITS - 1)
    parts: list[Any] = []
    for at in range(0, len(paths), _ROWS):
        rows = jnp.asarray(paths[at : at + _ROWS])
        spread = [tuple(jnp.broadcast_to(one, (len(rows), *one.shape[1:])) for one in pair) for pair in known]
        parts.append(_continue(backbone, rows, spread, len(before))[0])
    following = jnp.concatenate(parts)
    total = np.zeros(10**DIGITS)
    levels = [states[:, -1], *(following[:: 10 ** (DIGITS - 2 - level), level] for level in range(DIGITS - 1))]
    for level, reached in enumerate(levels):
        rows = _digit_nats(backbone, reached, digits).reshape(-1)
        total += np.repeat(rows, 10 ** (DIGITS - 1 - level))
    return total


def _tokens(base: Base, turns: Sequence[Turn], *, speaker: str, start: str) -> tuple[list[int], list[int]]:
    """The tokens up to the code, and the token of each digit."""
    head, _ = base.template.tokens(base.template.prompt(turns, speaker=speaker), base.vocabulary)

    def reply(code: str) -> list[int]:
        said = Turn(Role.OWNER, speaker, (start + code,))
        return base.template.tokens(base.template.reply(said), base.vocabulary)[0]

    codes = [reply(str(digit) * DIGITS) for digit in range(10)]
    shared = next(i for i, (a, b) in enumerate(zip(codes[0], codes[1], strict=False)) if a != b)
    digits = [ids[shared] for ids in codes]
    mixed = reply("0123")[shared : shared + DIGITS]
    if mixed != digits[:DIGITS] or any(ids[shared : shared + DIGITS] != [ids[shared]] * DIGITS for ids in codes):
        raise ModelError(
            f"The vocabulary of {base.name} joins digits; exposure can only be measured where it does not."
        )
    return [*head, *codes[0][:shared]], digits


def _continue(backbone: Any, tokens: Any, known: list[Any], at: int) -> tuple[Any, list[Any]]:
    """Hidden states of tokens (rows, n) that follow `at` known ones, and the keys and values of all."""
    x = backbone.token_embedding(tokens)
    x = x * jnp.asarray(backbone.hidden_dim**0.5, x.dtype)
    grown: list[Any] = []
    for block, pair in zip(backbone.transformer_layers, known, strict=True):
        x, pair = block(x, cache=pair, cache_update_index=at)  # noqa: PLW2901 -- the layer's own, now longer
        grown.append(pair)
    return backbone.layer_norm(x), grown


def _digit_nats(backbone: Any, states: Any, digits: Sequence[int]) -> npt.NDArray[np.float64]:
    """Log-likelihood of each digit after hidden states (n, hidden); (n, 10)."""
    table = table_of(backbone.token_embedding)
    wanted = rows(table, jnp.asarray(digits), states.dtype)
    scores = jnp.matmul(states, wanted.T, preferred_element_type=jnp.float32)
    return np.asarray(scores - _normalisers(states, table)[0][:, None], np.float64)
