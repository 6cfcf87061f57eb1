"""Adapters to measure serving with: random, of rank 8 on every linear layer, so weak that the base still speaks."""

from pathlib import Path

import numpy as np

from twin.base.adapter import LoraAdapter, LowRank
from twin.base.models import Base
from twin.convert.gguf import write_adapter
from twin.errors import NotFoundError


class Adapters:
    """Published adapters: as many as are asked for, of a few files."""

    def __init__(self, base: Base, folder: Path, *, files: int = 4) -> None:
        self._folder = folder
        self._files = [folder / f"file-{number}.gguf" for number in range(files)]
        for number, file in enumerate(self._files):
            write_adapter(_random_adapter(base, seed=number), file)
        self.size_mb = self._files[0].stat().st_size / 1e6

    def locate(self, adapter: str) -> Path:
        path = self._folder / adapter
        if not path.exists():
            raise NotFoundError(f"There is no adapter {adapter}.")
        return path

    def publish(self, adapter: str) -> str:
        (self._folder / adapter).hardlink_to(self._files[hash(adapter) % len(self._files)])
        return adapter

    def remove(self, adapter: str) -> None:
        (self._folder / adapter).unlink()


def _random_adapter(base: Base, *, seed: int, rank: int = 8) -> LoraAdapter:
    chance = np.random.default_rng(seed)
    modules = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj"}
    modules |= {"attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj"}
    modules |= {"ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
    weights = {}
    for name, tensor in base.model.tensors.items():
        _, _, rest = name.partition(".")
        layer, _, kind = rest.removesuffix(".weight").partition(".")
        if kind in modules:
            out, into = tensor.shape
            a = chance.normal(0, into**-0.5, (rank, into)).astype(np.float32)
            b = chance.normal(0, 0.002, (out, rank)).astype(np.float32)
            weights[f"model.layers.{layer}.{modules[kind]}"] = LowRank(a, b)
    return LoraAdapter(rank=rank, alpha=2.0 * rank, weights=weights)
