"""How to train. The defaults train a twin; nobody must tune."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Everything that decides what training does; saved with the adapter. `docs/training.md` has the measurements.

    Attributes:
        rank: of the low-rank matrices; `alpha` / `rank` scales what they add.
        targets: the linear layers that get them.
        upper_layers: only this many of the topmost decoder blocks are adapted; None for all.
        learning_rate: the peak, after a warm-up over `warmup` of the steps; then a cosine down to a tenth.
        epochs: passes over the examples at most; the held-out loss may end it sooner.
        length: tokens of a row, and so of an example at most.
        rows: rows of a step.
        accumulate: steps whose gradients are averaged before the weights move.
        patience: evaluations without a better held-out loss before it stops.
        evaluations: how often the held-out loss is measured.
        held_out: examples that it is measured on at most.
        budget_s: seconds that training may take, loading and compiling included; the number of steps follows from
            how long the first ones took. None for no bound.
        dtype: what the model computes in. `twin.train.devices.suited` chooses it and `rows` for accelerators.
        remat: keep no activations within a block, at the price of computing them twice.
    """

    rank: int = 8
    alpha: float = 16.0
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    upper_layers: int | None = None
    learning_rate: float = 1e-3
    warmup: float = 0.05
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    epochs: float = 2.0
    length: int = 256
    rows: int = 2
    accumulate: int = 1
    patience: int = 3
    evaluations: int = 4
    held_out: int = 24
    budget_s: float | None = 320.0
    seed: int = 17
    dtype: str = "float32"
    remat: bool = True

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
