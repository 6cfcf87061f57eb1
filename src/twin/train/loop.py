"""From examples to an adapter: plan the steps, take them, judge on the held-out part, keep the best."""

import hashlib
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np

from twin.base import keras as base_keras
from twin.base.adapter import LoraAdapter
from twin.base.lora import Lora
from twin.base.models import Base
from twin.base.rows import Batch, Tokens, batches, sequences
from twin.domain.events import Progress, Watcher, nobody
from twin.domain.examples import Split
from twin.domain.jsonl import read_examples
from twin.domain.runs import Stage
from twin.errors import DataError
from twin.train import checkpoint
from twin.train.checkpoint import Checkpoint
from twin.train.config import TrainConfig
from twin.train.step import Flops, Stepper

_SAVE_EVERY_S = 20.0
_PROBES = 3
"""Steps that are timed, after the one that compiles, before the number of steps is settled under a budget."""
_RECENT = 12
"""Steps whose time foretells that of those to come."""


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What training did. Losses are nats per token on the owner's held-out words.

    Attributes:
        curve: rows with `step`, `loss` (training, learned tokens) and, where measured, `held_out`.
        tokens: that went through the model, padding left out; `tokens_per_s` of them, compiling left out.
        flops_per_token: operations of the matrix products that the method needs for a token, on the average.
        load_s: until the model was ready; `seconds` in all.
    """

    base_loss: float
    loss: float
    steps: int
    epochs: float
    tokens: int
    tokens_per_s: float
    flops_per_token: float
    load_s: float
    seconds: float
    stopped_early: bool
    curve: list[dict[str, float]] = field(default_factory=list[dict[str, float]])


def train(
    examples: Path,
    out: Path,
    *,
    base: Base,
    config: TrainConfig,
    checkpoints: Path,
    watch: Watcher = nobody,
    rehearse: Callable[[LoraAdapter], str | None] = lambda _: None,
) -> TrainResult:
    """Train an adapter on `examples` and write it, in PEFT format, with `train.json` into `out`.

    Goes on from the checkpoint in `checkpoints` where there is one of the same examples and configuration.

    Args:
        rehearse: asked after each evaluation; says what the adapter answers by now, for whoever watches.

    Raises:
        DataError: there is nothing to learn from, or nothing held out.
        ModelError: the base cannot be read.
    """
    began = time.monotonic()
    watch(Progress(Stage.TRAIN, note="Loading the base model"))
    _keep_compiled(base.path.parent / "compiled")
    training, held_out = _tokens(examples, base=base, config=config)
    backbone = base_keras.load(base, dtype=config.dtype)
    blocks = len(backbone.transformer_layers)
    first = blocks - min(config.upper_layers or blocks, blocks)
    lora = Lora(backbone, rank=config.rank, alpha=config.alpha, targets=config.targets, first=first, seed=config.seed)
    stepper = Stepper(backbone, lora, config=config, frozen_below=first)
    run = _Training(stepper, training, held_out, config=config, watch=watch, path=checkpoints / "training.npz")
    run.heard = lambda: rehearse(lora.adapter())
    run.flops = Flops.of(backbone, first=first)
    run.load_s = time.monotonic() - began
    run.plan = {"examples": _digest(examples), "base": base.name, "config": json.loads(json.dumps(asdict(config)))}
    result = run.go(began)
    lora.adapter().save(out, base=base.name)
    config.save(out / "train_config.json")
    (out / "train.json").write_text(json.dumps(asdict(result), indent=2) + "\n", encoding="utf-8")
    run.path.unlink(missing_ok=True)
    return result


def _tokens(path: Path, *, base: Base, config: TrainConfig) -> tuple[list[Tokens], list[Tokens]]:
    everything = list(read_examples(path))
    training, held_out = (
        list(sequences(base, (one for one in everything if one.split is split), longest=config.length))
        for split in (Split.TRAIN, Split.HELD_OUT)
    )
    if not training or not held_out:
        raise DataError(
            f"{len(training)} examples to train on and {len(held_out)} held out; both are needed. Add more chats."
        )
    spread = np.linspace(0, len(held_out) - 1, min(config.held_out, len(held_out))).astype(int)
    return training, [held_out[index] for index in spread]


class _Training:
    """The state of one training and the loop over it."""

    plan: dict[str, Any]
    flops: Flops
    load_s: float
    heard: Callable[[], str | None]

    def __init__(
        self,
        stepper: Stepper,
        training: list[Tokens],
        held_out: list[Tokens],
        *,
        config: TrainConfig,
        watch: Watcher,
        path: Path,
    ) -> None:
        self._stepper = stepper
        self._training = training
        self._config = config
        self._watch = watch
        self.path = path
        self._judged = batches(held_out, rows=config.rows, length=config.length)
        self._epoch_batches: tuple[int, list[list[Batch]]] = (-1, [])
        self._per_epoch = len(self._groups(0))
        self._step = 0
        self._steps = self._most = max(1, round(self._per_epoch * config.epochs))
        self._best: list[Any] = list(map(np.asarray, stepper.weights))
        self._best_loss = math.inf
        self._worse = 0
        self._began = time.monotonic()
        self._before = 0.0
        self._curve: list[dict[str, float]] = []
        self._tokens = 0
        self._speed: list[tuple[float, int]] = []
        self._learned = 0

    def go(self, began: float) -> TrainResult:
        self._began = began
        self._resume()
        if self._step == 0 and not self._curve:
            self._evaluate()
        saved = time.monotonic()
        judged = self._due()
        while self._step < self._steps and self._worse < self._config.patience:
            start = time.monotonic()
            group = self._groups(self._step)[self._step % self._per_epoch]
            loss = self._stepper.step(group, learning_rate=self._rate())
            self._step += 1
            self._note(loss, group, time.monotonic() - start)
            self._settle()
            if self._due() > judged:
                judged = self._due()
                self._evaluate()
            if time.monotonic() - saved > _SAVE_EVERY_S:
                self._save()
                saved = time.monotonic()
        self._stepper.weights = self._best
        self._stepper.adopt()
        seconds = sum(took for took, _ in self._speed) or 1.0
        tokens = sum(size for _, size in self._speed)
        return TrainResult(
            base_loss=self._curve[0]["held_out"],
            loss=self._best_loss,
            steps=self._step,
            epochs=self._step / self._per_epoch,
            tokens=self._tokens,
            tokens_per_s=tokens / seconds,
            flops_per_token=self.flops.of_tokens(tokens, self._learned) / max(tokens, 1),
            load_s=self.load_s,
            seconds=time.monotonic() - began,
            stopped_early=self._worse >= self._config.patience,
            curve=self._curve,
        )

    def _groups(self, step: int) -> list[list[Batch]]:
        """The batches of the epoch that `step` is in, grouped by accumulation; the same for the same seed."""
        config = self._config
        epoch = step // self._per_epoch if step else 0
        if self._epoch_batches[0] != epoch:
            made = batches(self._training, rows=config.rows, length=config.length, seed=config.seed + epoch)
            groups = [made[at : at + config.accumulate] for at in range(0, len(made), config.accumulate)]
            self._epoch_batches = (epoch, groups)
        return self._epoch_batches[1]

    def _rate(self) -> float:
        warm = max(1, round(self._steps * self._config.warmup))
        if self._step < warm:
            return self._config.learning_rate * (self._step + 1) / warm
        done = (self._step - warm) / max(1, self._steps - warm)
        return self._config.learning_rate * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * done)))

    def _elapsed(self) -> float:
        """Seconds that this training has taken, those before it was interrupted included."""
        return self._before + time.monotonic() - self._began

    def _due(self) -> int:
        """How many evaluations should be behind us by now, the one before the first step left out."""
        return self._step * self._config.evaluations // self._steps

    def _settle(self) -> None:
        """Fit the steps that are left into the budget, by the time that the last ones took."""
        budget = self._config.budget_s
        if budget is None or len(self._speed) < _PROBES:
            return
        took = float(np.median([took for took, _ in self._speed[-_RECENT:]]))
        left = budget - self._elapsed() - self._curve[0]["seconds"] * (self._config.evaluations - self._due())
        self._steps = max(self._step, min(self._most, int(left / took) + self._step))

    def _note(self, loss: float, group: list[Batch], took: float) -> None:
        size = sum(batch.size for batch in group)
        self._tokens += size
        if self._step > 1:
            self._speed.append((took, size))
            self._learned += int(sum(batch.learned.sum() for batch in group))
        self._curve.append({"step": float(self._step), "loss": loss})
        figures = {"loss": loss}
        if recent := self._speed[-_RECENT:]:
            seconds = sum(one for one, _ in recent)
            figures["tokens_per_s"] = sum(count for _, count in recent) / seconds
            left = (self._steps - self._step) * seconds / len(recent)
            figures["left_s"] = max(0.0, min(left, (self._config.budget_s or math.inf) - self._elapsed()))
        self._watch(Progress(Stage.TRAIN, self._step, self._steps, figures))

    def _evaluate(self) -> None:
        loss = self._stepper.mean_loss(self._judged)
        if loss < self._best_loss:
            self._best_loss, self._worse = loss, 0
            self._best = list(map(np.array, self._stepper.weights))
        else:
            self._worse += 1
        self._stepper.adopt()
        start = time.monotonic()
        said = self.heard()
        if not self._curve:
            # The first one compiles; the second says what an evaluation costs.
            self._stepper.mean_loss(self._judged)
            self._curve.append({"step": 0.0, "held_out": loss, "seconds": time.monotonic() - start})
        else:
            self._curve[-1]["held_out"] = loss
        self._watch(Progress(Stage.TRAIN, self._step, self._steps, {"held_out_loss": loss}, note=said))

    def _save(self) -> None:
        checkpoint.save(
            self.path,
            Checkpoint(
                plan=self.plan,
                step=self._step,
                steps=self._steps,
                weights=self._stepper.weights,
                state=self._stepper.state,
                best=self._best,
                best_loss=self._best_loss,
                worse=self._worse,
                seconds=self._elapsed(),
                curve=self._curve,
            ),
        )

    def _resume(self) -> None:
        found = checkpoint.load(self.path, plan=self.plan)
        if found is None:
            return
        self._stepper.weights = list(map(jax.numpy.asarray, found.weights))
        self._stepper.state = list(map(jax.numpy.asarray, found.state))
        self._best, self._best_loss, self._worse = found.best, found.best_loss, found.worse
        self._step, self._steps, self._before, self._curve = found.step, found.steps, found.seconds, found.curve
        self._watch(Progress(Stage.TRAIN, self._step, self._steps, note="Going on from the last checkpoint"))


def _keep_compiled(folder: Path) -> None:
    """Keep compiled programs on disk, so that only the first run on a machine waits for them."""
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 1.0)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
