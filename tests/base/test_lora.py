"""The low-rank path computes what the merged kernel computes, and only upper layers move when only they should."""

import numpy as np
import pytest
from tests.tiny import TinyGemma, tiny_adapter

from twin.base import keras as base_keras
from twin.base.forward import hidden_states, token_losses
from twin.base.lora import Lora, merge
from twin.base.models import Base
from twin.errors import ModelError

ALL = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
IDS = np.random.default_rng(0).integers(4, 100, (2, 16)).astype(np.int32)


@pytest.fixture
def base(tiny: TinyGemma) -> Base:
    return Base("tiny", tiny.gguf)


def test_path_and_merged_kernel_agree(base: Base) -> None:
    backbone = base_keras.load(base)
    plain = np.asarray(hidden_states(backbone, IDS, np.ones_like(IDS)))
    lora = Lora(backbone, rank=4, alpha=8.0, targets=ALL, seed=3)
    untrained = np.asarray(hidden_states(backbone, IDS, np.ones_like(IDS)))
    assert untrained == pytest.approx(plain, abs=1e-6)
    random = np.random.default_rng(1)
    for variable in lora.variables[1::2]:
        variable.assign(random.normal(0, 0.3, variable.shape))
    path = np.asarray(hidden_states(backbone, IDS, np.ones_like(IDS)))
    assert np.abs(path - plain).max() > 0.1
    other = base_keras.load(base)
    merge(other, lora.adapter())
    assert np.asarray(hidden_states(other, IDS, np.ones_like(IDS))) == pytest.approx(path, abs=5e-5)
    merge(other, lora.adapter(), sign=-1)
    assert np.asarray(hidden_states(other, IDS, np.ones_like(IDS))) == pytest.approx(plain, abs=5e-5)


def test_an_adapter_of_another_model_is_refused(base: Base) -> None:
    with pytest.raises(ModelError, match=r"model\.layers\.7\.mlp\.up_proj"):
        merge(base_keras.load(base), tiny_adapter(layers=(7,), modules=("mlp.up_proj",)))


def test_the_loss_and_its_gradient_are_those_of_plain_cross_entropy() -> None:
    import jax
    import jax.numpy as jnp

    random = np.random.default_rng(0)
    states = random.normal(size=(128, 8)).astype(np.float32)
    embedding = jnp.asarray(random.normal(size=(50, 8)), jnp.float32)
    targets = random.integers(0, 50, 128)
    weights = random.random(128).astype(np.float32)

    def plain(states: object) -> object:
        logits = jnp.asarray(states) @ embedding.T
        own = jnp.take_along_axis(logits, targets[:, None], 1)[:, 0]
        return ((jax.nn.logsumexp(logits, -1) - own) * weights).sum()

    def ours(states: object) -> object:
        return (token_losses(states, embedding, targets) * weights).sum()

    assert np.asarray(ours(states)) == pytest.approx(np.asarray(plain(states)), rel=1e-5)
    assert np.asarray(jax.grad(ours)(states)) == pytest.approx(np.asarray(jax.grad(plain)(states)), abs=1e-4)
