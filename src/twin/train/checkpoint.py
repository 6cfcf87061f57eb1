"""Checkpoints: what training needs to go on as if nothing had happened, whole or not at all."""

import json
import os
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state after `step` steps.

    Attributes:
        plan: what the steps were planned from; a checkpoint of another plan is of no use.
        weights, state: of the adapter and of the optimiser.
        best: the weights with the lowest held-out loss so far.
        curve: rows of step, training loss and, where measured, held-out loss.
        worse: evaluations since the best one.
        seconds: spent so far.
    """

    plan: dict[str, Any]
    step: int
    steps: int
    weights: list[Any]
    state: list[Any]
    best: list[Any]
    best_loss: float
    worse: int
    seconds: float
    curve: list[dict[str, float]] = field(default_factory=list[dict[str, float]])


_ARRAYS = ("weights", "state", "best")


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Replace the file in one go, so that a process killed at any moment leaves the old or the new one."""
    about = {key: value for key, value in asdict(checkpoint).items() if key not in _ARRAYS}
    arrays: dict[str, Any] = {"about": np.frombuffer(json.dumps(about).encode(), np.uint8)}
    for name in _ARRAYS:
        for index, value in enumerate(getattr(checkpoint, name)):
            arrays[f"{name}.{index:05d}"] = np.asarray(value)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as stream:
        np.savez(stream, **arrays)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)


def load(path: Path, *, plan: dict[str, Any]) -> Checkpoint | None:
    """The checkpoint of this very plan; None where there is none, or one that cannot be read."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            about = json.loads(arrays["about"].tobytes())
            lists: dict[str, Any] = {
                name: [arrays[key] for key in sorted(arrays.files) if key.startswith(f"{name}.")] for name in _ARRAYS
            }
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    return Checkpoint(**about, **lists) if about["plan"] == plan else None
