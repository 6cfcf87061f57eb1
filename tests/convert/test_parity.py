"""Every form of an adapter computes what the trained model computes."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tests.exact import attach, log_probabilities
from tests.llama import Llama
from tests.tiny import TinyGemma, tiny_adapter

from twin.base.adapter import LoraAdapter
from twin.base.gguf import GGUF
from twin.base.lora import merge
from twin.base.models import Base
from twin.convert.gguf import write_adapter, write_merged
from twin.convert.huggingface import write_folder

LENGTHS = (2, 40, 100)
"""Prompts below and above the sliding window of 64."""


@dataclass(frozen=True)
class Case:
    """A model before and after training; the probabilities are (prompts, words), in nats."""

    tiny: TinyGemma
    adapter: LoraAdapter
    tokens: list[int]
    base: np.ndarray
    trained: np.ndarray

    def of(self, llama: Llama, adapter: int | None) -> np.ndarray:
        """What llama.cpp says to the same prompts."""
        words = self.base.shape[1]
        return np.stack([llama.log_probabilities(self.tokens[:n], words=words, adapter=adapter) for n in LENGTHS])


@pytest.fixture(scope="module")
def case(tiny: TinyGemma) -> Case:
    words = len(tiny.weights["model.embed_tokens.weight"])
    tokens = [2, *np.random.default_rng(7).integers(300, words, max(LENGTHS) - 1).tolist()]
    adapter = tiny_adapter(seed=3)
    at = [length - 1 for length in LENGTHS]
    backbone = tiny.backbone()
    base = log_probabilities(backbone, tokens)[at]
    attach(backbone, adapter)
    return Case(tiny, adapter, tokens, base, log_probabilities(backbone, tokens)[at])


@pytest.fixture(scope="module")
def llama(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Llama]:
    """The base with two adapters, of which the second changes the upper layer only."""
    folder = tmp_path_factory.mktemp("adapters")
    write_adapter(case.adapter, folder / "all.gguf")
    write_adapter(tiny_adapter(seed=4, layers=(1,), modules=("self_attn.o_proj",)), folder / "upper.gguf")
    return Llama(case.tiny.gguf, [folder / "all.gguf", folder / "upper.gguf"])


def test_the_adapter_changes_the_model(case: Case) -> None:
    assert np.abs(case.trained - case.base).max() > 5


def test_merged_keras_model(case: Case) -> None:
    backbone = case.tiny.backbone()
    merge(backbone, case.adapter)
    merged = log_probabilities(backbone, case.tokens)[[length - 1 for length in LENGTHS]]
    assert np.abs(merged - case.trained).max() < 1e-4


def test_gguf_adapter(case: Case, llama: Llama) -> None:
    # llama.cpp looks GELU up in a table of float16, which alone makes a difference of 0.01.
    assert np.abs(case.of(llama, None) - case.base).max() < 0.03
    assert np.abs(case.of(llama, 0) - case.trained).max() < 0.03
    assert np.abs(case.of(llama, None) - case.base).max() < 0.03


def test_gguf_adapter_of_some_layers(case: Case, llama: Llama) -> None:
    backbone = case.tiny.backbone()
    attach(backbone, tiny_adapter(seed=4, layers=(1,), modules=("self_attn.o_proj",)))
    expected = log_probabilities(backbone, case.tokens)[[length - 1 for length in LENGTHS]]
    assert np.abs(expected - case.base).max() > 0.5
    assert np.abs(case.of(llama, 1) - expected).max() < 0.03


def test_merged_gguf(case: Case, tmp_path: Path) -> None:
    write_merged(case.adapter, GGUF(case.tiny.gguf), tmp_path / "merged.gguf")
    # Eight bits in weights and activations, on random numbers that nothing averages out.
    apart = np.abs(case.of(Llama(tmp_path / "merged.gguf"), None) - case.trained)
    changed = np.abs(case.trained - case.base)
    assert apart.mean() < 0.05 * changed.mean()
    assert apart.max() < 0.05 * changed.max()


def test_exported_folder(case: Case, tmp_path: Path) -> None:
    write_folder(case.adapter, Base("tiny", case.tiny.gguf), tmp_path, dtype="float32")
    exported = load_file(tmp_path / "model.safetensors")
    assert exported.keys() == case.tiny.weights.keys()
    for key, value in exported.items():
        name = key.removesuffix(".weight")
        change = case.adapter.delta(name) if name in case.adapter.weights else 0
        np.testing.assert_allclose(value, case.tiny.weights[key] + change, atol=1e-6)
    reloaded = replace(case.tiny, weights=exported).backbone()
    logits = log_probabilities(reloaded, case.tokens)[[length - 1 for length in LENGTHS]]
    assert np.abs(logits - case.trained).max() < 1e-4
    assert np.abs(logits - case.base).max() > 5
