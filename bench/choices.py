"""Choices by measurement: held-out loss for the same operations, one row for each way to train.

    python bench/choices.py                              the sample chat, the default list of choices
    python bench/choices.py CHAT --speaker NAME --teraflops 10
    python bench/choices.py --only "window|rank"         rows whose name matches an expression

Each row trains anew from the same base on the same chat until it has used up the same number of operations in
matrix products (padding counted: it is computed too), and is judged on the same held-out tokens, with contexts of
120 tokens whatever it was trained with. Operations, not seconds, so that rows compare on a busy machine.
"""

import argparse
import json
import math
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from twin import ingest, sample
from twin.base import keras as base_keras
from twin.base import models
from twin.base.lora import Lora
from twin.base.models import Base
from twin.base.rows import Batch, batches, measure, sequences
from twin.domain.examples import Split
from twin.domain.messages import Message
from twin.prepare import PrepareConfig, prepare
from twin.train.config import TrainConfig
from twin.train.step import Flops, Stepper

FOLDER = Path(os.environ.get("TWIN_BENCH", ".cache/bench"))
JUDGED = 24


@dataclass(frozen=True)
class Choice:
    """One way to train: what differs from the defaults."""

    name: str
    prepare: dict[str, Any] = field(default_factory=dict)
    train: dict[str, Any] = field(default_factory=dict)


QV = ("q_proj", "v_proj")
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
CHOICES = (
    Choice("defaults"),
    Choice("window 250, context 120", {"window": 250, "context": 120}),
    Choice("window 124, context 32", {"context": 32}),
    Choice("learning rate 5e-4", train={"learning_rate": 5e-4}),
    Choice("learning rate 2e-3", train={"learning_rate": 2e-3}),
    Choice("rank 4", train={"rank": 4, "alpha": 8.0}),
    Choice("rank 16", train={"rank": 16, "alpha": 32.0}),
    Choice("targets query, value", train={"targets": QV}),
    Choice("targets attention", train={"targets": ATTENTION}),
    Choice("upper 12 layers", train={"upper_layers": 12}),
    Choice("upper 9 layers", train={"upper_layers": 9}),
    Choice("upper 6 layers", train={"upper_layers": 6}),
    Choice("2 rows a step", train={"rows": 2}),
    Choice("8 rows a step", train={"rows": 8}),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chat", nargs="*", type=Path)
    parser.add_argument("--speaker", default=sample.OWNER)
    parser.add_argument("--max-messages", type=int)
    parser.add_argument("--teraflops", type=float, default=10, help="operations for each row, in units of 10^12")
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    base = models.find(folder=FOLDER / "bases")
    messages = list(ingest.read(arguments.chat or [sample.path()]).messages())
    common = PrepareConfig(max_messages=arguments.max_messages)
    rows = []
    for choice in CHOICES:
        if re.search(arguments.only, choice.name):
            row = run(choice, base, messages, arguments.speaker, common, flops=arguments.teraflops * 1e12)
            rows.append(row)
            print(json.dumps(row), flush=True)
    table = Table("", "examples", "steps", "tokens", "predicted", "fill", "loss before", "loss after", "lower by")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console(width=140).print(table)
    print(json.dumps({"rows": rows}))


def run(
    choice: Choice, base: Base, messages: list[Message], speaker: str, common: PrepareConfig, *, flops: float
) -> dict[str, Any]:
    config = replace(TrainConfig(), **choice.train)
    training = of_split(
        base, messages, speaker, replace(common, **choice.prepare), split=Split.TRAIN, length=config.length
    )
    judged = of_split(
        base, messages, speaker, replace(common, window=250, context=120), split=Split.HELD_OUT, length=256
    )
    judged = judged[:: max(1, len(judged) // JUDGED)]
    backbone = base_keras.load(base, dtype=config.dtype)
    blocks = len(backbone.transformer_layers)
    first = blocks - (config.upper_layers or blocks)
    lora = Lora(backbone, rank=config.rank, alpha=config.alpha, targets=config.targets, first=first)
    stepper = Stepper(backbone, lora, config=config, frozen_below=first)
    counted = Flops.of(backbone, first=first)
    plan: list[Batch] = []
    used, epoch = 0.0, 0
    while used < flops:
        for batch in batches(training, rows=config.rows, length=config.length, seed=epoch):
            if used < flops:
                plan.append(batch)
                used += counted.of_tokens(batch.tokens.size, len(batch.places))
        epoch += 1
    held_out = batches(judged, rows=4, length=256)
    before = stepper.mean_loss(held_out)
    warm = max(1, round(len(plan) * config.warmup))
    for number, batch in enumerate(plan):
        done = (number - warm) / max(1, len(plan) - warm)
        share = (number + 1) / warm if number < warm else 0.1 + 0.45 * (1 + math.cos(math.pi * done))
        stepper.step([batch], learning_rate=config.learning_rate * share)
    after = stepper.mean_loss(held_out)
    return {
        "name": choice.name,
        "examples": len(training),
        "steps": len(plan),
        "tokens": sum(batch.size for batch in plan),
        "predicted": int(sum(batch.learned.sum() for batch in plan)),
        "fill": round(sum(batch.size for batch in plan) / sum(batch.tokens.size for batch in plan), 2),
        "before": round(before, 3),
        "after": round(after, 3),
        "gain": f"{1 - after / before:.1%}",
    }


def of_split(
    base: Base, messages: list[Message], speaker: str, config: PrepareConfig, *, split: Split, length: int
) -> list[Any]:
    prepared = prepare(messages, speakers=(speaker,), measure=measure(base), config=config)
    return list(sequences(base, (one for one in prepared.examples if one.split is split), longest=length))


if __name__ == "__main__":
    main()
