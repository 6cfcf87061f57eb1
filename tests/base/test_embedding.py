"""An embedding in 8-bit blocks is the same embedding, wherever it is used."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from tests.tiny import TinyGemma

from twin.base import importing, keras
from twin.base.embedding import Blocks, floats, rows, table_of
from twin.base.forward import normalisers, token_losses
from twin.base.models import Base


@pytest.fixture(scope="module")
def base(tiny: TinyGemma, tmp_path_factory: pytest.TempPathFactory) -> Base:
    """The tiny model as an import writes it: every matrix in the format Q8_0."""
    target = tmp_path_factory.mktemp("packed") / "packed.gguf"
    importing.write(importing.huggingface(tiny.huggingface), target)
    return Base("packed", target)


def test_the_model_keeps_codes_and_computes_the_same(base: Base) -> None:
    ids = np.random.default_rng(0).integers(4, 100, (2, 24)).astype(np.int32)
    inputs = {"token_ids": ids, "padding_mask": np.ones_like(ids)}
    packed, whole = keras.load(base), keras.load(base, packed=False)
    sizes = [sum(v.value.nbytes for v in one.token_embedding.variables) for one in (packed, whole)]
    assert sizes[0] / sizes[1] == pytest.approx(9 / 32)  # eight bits, and 32 for each 32 of them
    assert packed.count_params() - whole.count_params() == whole.token_embedding.embeddings.value.size / 32
    states = packed(inputs)
    assert np.asarray(states) == pytest.approx(np.asarray(whole(inputs)), abs=1e-6)
    words = [np.asarray(one.token_embedding(states, reverse=True)) for one in (packed, whole)]
    assert words[0] == pytest.approx(words[1], abs=1e-5)


def test_the_numbers_are_those_of_the_file(base: Base) -> None:
    table = table_of(keras.load(base).token_embedding)
    assert isinstance(table, Blocks)
    wanted = base.model.floats("token_embd.weight")
    assert (np.asarray(floats(table, "float32")) == wanted).all()
    assert (np.asarray(rows(table, np.array([[5, 7]]), "float32")) == wanted[[[5, 7]]]).all()


def test_losses_and_their_gradients_are_the_same(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twin.base.forward._BLOCK", 160)  # several, and a rest
    random = np.random.default_rng(1)
    table = table_of(keras.load(base).token_embedding)
    whole = floats(table, "float32")
    assert len(whole) % 160
    states = random.normal(size=(9, whole.shape[1])).astype(np.float32)
    targets = random.integers(0, len(whole), 9)

    def plain(states: Any) -> Any:
        return -jax.nn.log_softmax(states @ whole.T)[np.arange(9), targets].sum()

    wanted, slope = jax.value_and_grad(plain)(states)
    for kept in (table, whole):
        nats, gradient = jax.value_and_grad(lambda one, kept=kept: token_losses(one, kept, targets).sum())(states)
        assert float(nats) == pytest.approx(float(wanted), rel=1e-5)
        assert np.asarray(gradient) == pytest.approx(np.asarray(slope), abs=1e-5)
    assert np.asarray(normalisers(states, table)[0]) == pytest.approx(
        np.asarray(jax.nn.logsumexp(states @ whole.T, -1)), rel=1e-5
    )


def test_a_file_of_floats_has_no_blocks(tiny: TinyGemma) -> None:
    base = Base("floats", Path(tiny.gguf))
    assert base.model.blocks("token_embd.weight") is None
    assert not isinstance(table_of(keras.load(base).token_embedding), Blocks)
