"""Logits of a Keras model, for comparing what an export computes with what was trained."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from twin.base.adapter import LoraAdapter
from twin.base.lora import Lora


def log_probabilities(backbone: Any, tokens: Sequence[int]) -> np.ndarray:
    """What a Keras backbone expects after each of `tokens`: (tokens, words), in nats."""
    ids = np.array([tokens], np.int32)
    hidden = backbone({"token_ids": ids, "padding_mask": np.ones_like(ids)})
    logits = np.asarray(backbone.token_embedding(hidden, reverse=True), np.float64)[0]
    logits -= logits.max(-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def attach(backbone: Any, adapter: LoraAdapter) -> None:
    """Put an adapter beside the kernels, the way training computes with it."""
    names = list(adapter.weights)
    targets = {name.rpartition(".")[2] for name in names}
    first = min(int(name.split(".")[2]) for name in names)
    lora = Lora(backbone, rank=adapter.rank, alpha=adapter.alpha, targets=sorted(targets), first=first)
    assert set(lora.adapter().weights) == set(names)
    for name, a, b in zip(lora.adapter().weights, lora.variables[::2], lora.variables[1::2], strict=True):
        a.assign(adapter.weights[name].a)
        b.assign(adapter.weights[name].b)
