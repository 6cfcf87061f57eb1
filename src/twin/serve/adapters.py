"""Adapter files, looked at before llama.cpp gets them: what it refuses, it refuses for all adapters at once."""

import re
from pathlib import Path

import gguf
import numpy as np

from twin.base.gguf import GGUF
from twin.errors import ModelError

_KINDS = {gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.F16, gguf.GGMLQuantizationType.Q8_0}
_NAME = re.compile(r"(?P<weight>.+)\.lora_(?P<side>[ab])")


def check(path: Path, base: GGUF) -> None:
    """Raises ModelError where the file is not a whole LoRA adapter of finite numbers for this base model."""
    model = GGUF(path)
    about = model.metadata
    if about.get("general.type") != "adapter" or about.get("adapter.type") != "lora":
        raise _broken("it is not a LoRA adapter")
    if about.get("general.architecture") != base.metadata.get("general.architecture"):
        raise _broken(f"it was made for {about.get('general.architecture')!r}")
    alpha = about.get("adapter.lora.alpha")
    if not isinstance(alpha, float) or not np.isfinite(alpha):
        raise _broken("its scale is missing")
    pairs: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, tensor in model.tensors.items():
        match = _NAME.fullmatch(name)
        if match is None or len(tensor.shape) != 2 or tensor.kind not in _KINDS:
            raise _broken(f"{name} is not a LoRA matrix")
        pairs.setdefault(match["weight"], {})[match["side"]] = tensor.shape
    if not pairs:
        raise _broken("it changes nothing")
    for weight, shapes in pairs.items():
        target = base.tensors.get(weight)
        if target is None or set(shapes) != {"a", "b"}:
            raise _broken(f"it changes {weight}, which the base model lacks or which has one matrix of two")
        (rank, into), (out, other_rank) = shapes["a"], shapes["b"]
        if (out, into) != target.shape or rank != other_rank:
            raise _broken(f"its matrices for {weight} do not fit the base model")
    for name in model.tensors:  # only now are their sizes known to be sane
        if not np.isfinite(model.floats(name)).all():
            raise _broken(f"{name} holds numbers that are not finite")


def _broken(why: str) -> ModelError:
    return ModelError(f"The twin's adapter cannot be used: {why}. Train the twin again.")
