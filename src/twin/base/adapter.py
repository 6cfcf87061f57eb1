"""LoRA adapters in memory and on disk, in PEFT's format.

The names are those of Hugging Face's modules (`model.layers.0.self_attn.q_proj`), the shapes those of PyTorch's
linear layers: the layer's weight, (out, in), is changed by alpha / rank · B·A. Whoever trains or converts has
these two matrices for each layer and nothing else.

Source of the file format: PEFT's `LoraConfig` and `save_pretrained`; vLLM's `PEFTHelper` for what a server demands.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import ml_dtypes  # noqa: F401  # pyright: ignore[reportUnusedImport]  teaches numpy, and with it safetensors, bfloat16
import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from twin.errors import ModelError

Floats = npt.NDArray[np.float32]

WEIGHTS_FILE = "adapter_model.safetensors"
CONFIG_FILE = "adapter_config.json"

_PREFIX = "base_model.model."
_NAME = re.compile(r"model\.layers\.(\d+)\.((?:self_attn\.[qkvo]_proj)|(?:mlp\.(?:gate|up|down)_proj))")
_KEY = re.compile(r"base_model\.model\.(?P<name>.+)\.lora_(?P<side>[AB])\.weight")


class LowRank(NamedTuple):
    """The two matrices of one layer: `a` (rank, in) and `b` (out, rank), float32."""

    a: Floats
    b: Floats


def place(name: str) -> tuple[int, str]:
    """Layer number and module of a name: `model.layers.3.mlp.up_proj` → (3, "mlp.up_proj").

    Raises:
        ModelError: the name is not that of a linear layer of a decoder layer.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise ModelError(
            f"the adapter changes {name}, which twin cannot convert. "
            "Adapt only the linear layers of the decoder: q, k, v, o, gate, up and down projections."
        )
    return int(match[1]), match[2]


@dataclass(frozen=True, slots=True)
class LoraAdapter:
    """LoRA weights of one model, by Hugging Face module name."""

    rank: int
    alpha: float
    weights: Mapping[str, LowRank]

    def __post_init__(self) -> None:
        """Raises ModelError where the weights do not fit the rank or the names are not linear layers'."""
        if not self.weights or self.rank < 1:
            raise ModelError(f"the adapter holds {len(self.weights)} layers of rank {self.rank}. Train it again.")
        for name, (a, b) in self.weights.items():
            place(name)
            if a.ndim != 2 or b.ndim != 2 or a.shape[0] != self.rank or b.shape[1] != self.rank:
                raise ModelError(
                    f"{name}: matrices {a.shape} and {b.shape} do not make an adapter of rank {self.rank}. "
                    "Train the adapter again."
                )

    @property
    def scale(self) -> float:
        """What B·A is multiplied by."""
        return self.alpha / self.rank

    def delta(self, name: str) -> Floats:
        """What is added to the layer's weight: (out, in)."""
        a, b = self.weights[name]
        return np.float32(self.scale) * (b @ a)

    def save(self, folder: Path, *, base: str = "") -> None:
        """Write both files, each whole or not at all; what was there is replaced.

        Args:
            base: the base model's name, for people and for programs that fetch it.

        Raises:
            ModelError: the folder cannot be written to.
        """
        tensors: dict[str, npt.NDArray[Any]] = {}
        for name, (a, b) in self.weights.items():
            tensors[f"{_PREFIX}{name}.lora_A.weight"] = np.ascontiguousarray(a, dtype=np.float32)
            tensors[f"{_PREFIX}{name}.lora_B.weight"] = np.ascontiguousarray(b, dtype=np.float32)
        config = json.dumps(self._config(base), indent=2, sort_keys=True) + "\n"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _replace(folder / WEIGHTS_FILE, safetensors.numpy.save(tensors, metadata={"format": "pt"}))
            _replace(folder / CONFIG_FILE, config.encode())
        except OSError as error:
            raise ModelError(
                f"{folder}: the adapter cannot be written ({error.strerror}). Free some space or choose another folder."
            ) from error

    @classmethod
    def load(cls, folder: Path) -> "LoraAdapter":
        """Read a PEFT folder.

        Raises:
            ModelError: a file is missing, broken or of another kind of adapter, or the two do not fit each other.
        """
        config = _read_config(folder / CONFIG_FILE)
        pairs: dict[str, dict[str, Floats]] = {}
        for key, value in _read_tensors(folder / WEIGHTS_FILE).items():
            match = _KEY.fullmatch(key)
            if match is None:
                raise ModelError(f"{folder / WEIGHTS_FILE}: holds {key}, which is no LoRA matrix. Give a LoRA adapter.")
            pairs.setdefault(match["name"], {})[match["side"]] = value
        alone = [name for name, sides in pairs.items() if len(sides) != 2]
        if alone:
            raise ModelError(f"{folder / WEIGHTS_FILE}: {alone[0]} has one matrix of two. Train the adapter again.")
        try:
            weights = {name: LowRank(sides["A"], sides["B"]) for name, sides in pairs.items()}
            return cls(rank=config["r"], alpha=float(config["lora_alpha"]), weights=weights)
        except ModelError as error:
            raise ModelError(f"{folder}: {error}") from error

    def _config(self, base: str) -> dict[str, Any]:
        places = [place(name) for name in self.weights]
        return {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": base,
            "inference_mode": True,
            "r": self.rank,
            "lora_alpha": int(self.alpha) if self.alpha == int(self.alpha) else self.alpha,
            "lora_dropout": 0.0,
            "target_modules": sorted({module.rpartition(".")[2] for _, module in places}),
            "layers_to_transform": sorted({layer for layer, _ in places}),
            "layers_pattern": "layers",
            "bias": "none",
            "fan_in_fan_out": False,
            "init_lora_weights": True,
            "modules_to_save": None,
            "use_dora": False,
            "use_rslora": False,
        }


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: the adapter's description is missing or broken. Train or copy it again.") from error
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise ModelError(f"{path}: does not describe a LoRA adapter. Give a folder in PEFT's LoRA format.")
    unlike = [
        key for key in ("use_dora", "use_rslora", "modules_to_save", "rank_pattern", "alpha_pattern") if config.get(key)
    ]
    if unlike or config.get("bias", "none") != "none":
        raise ModelError(f"{path}: uses {', '.join(unlike) or 'bias'}; only plain LoRA is read. Train it without.")
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if not isinstance(rank, int) or not isinstance(alpha, int | float):
        raise ModelError(f"{path}: r is {rank!r} and lora_alpha {alpha!r}; both must be numbers. Train it again.")
    return config


def _read_tensors(path: Path) -> dict[str, Floats]:
    try:
        tensors = safetensors.numpy.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise ModelError(f"{path}: the adapter's weights are missing or broken. Train or copy it again.") from error
    return {key: value.astype(np.float32, copy=False) for key, value in tensors.items()}


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
