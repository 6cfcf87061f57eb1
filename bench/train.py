"""Training: our tokens a second, memory, share of the floor, and time to a held-out loss beside PEFT + TRL.

    python bench/train.py                                   the sample chat
    python bench/train.py CHAT --speaker NAME               an export of your own
    python bench/train.py --peer .venv-oracles/bin/python   with PEFT + TRL in the same run

The peer trains on the same replies in the usual way: one example for each reply, its context repeated, padded to
the longest of a batch, the loss on the reply. Both are judged on the same held-out tokens; what counts is the time of
the steps, without loading and judging. The floor is what the matrix products of a step would take at the speed of
one large product, measured in the same run.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from peak import peak_mb

LEARNING_RATE = "1e-3"
"""Of the peer; ours is the default of `TrainConfig`."""

FOLDER = Path(os.environ.get("TWIN_BENCH", ".cache/bench"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chat", nargs="*", type=Path)
    parser.add_argument("--speaker")
    parser.add_argument("--max-messages", type=int)
    parser.add_argument("--seconds", type=float, default=120, help="training time of each side")
    parser.add_argument("--config", default="{}", help="fields of TrainConfig as JSON")
    parser.add_argument("--peer", type=Path, help="the Python of an environment with torch, transformers, peft and trl")
    parser.add_argument("--ours", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.ours:
        print(json.dumps(ours(arguments.ours, arguments.seconds, json.loads(arguments.config))))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        prepare(arguments, folder)
        mine = own(arguments, folder)
        peer = None
        if arguments.peer and arguments.peer.exists():
            script = Path(__file__).with_name("train_peer.py")
            peer = child([str(arguments.peer), str(script), str(folder), str(arguments.seconds), LEARNING_RATE])
    report(mine, peer)


def prepare(arguments: argparse.Namespace, folder: Path) -> None:
    """Examples for both sides: `examples.jsonl` for ours, token ids in `tokens.json` and a model folder for the peer."""
    from twin import ingest, sample
    from twin.base import models
    from twin.base.rows import continuation, measure, sequences
    from twin.domain.examples import Role, Split
    from twin.domain.jsonl import write_examples
    from twin.prepare import PrepareConfig
    from twin.prepare import prepare as make_examples

    base = models.find(folder=FOLDER / "bases")
    paths = arguments.chat or [sample.path()]
    speaker = arguments.speaker or sample.OWNER
    prepared = make_examples(
        ingest.read(paths).messages(),
        speakers=(speaker,),
        measure=measure(base),
        config=PrepareConfig(max_messages=arguments.max_messages),
    )
    write_examples(folder / "examples.jsonl", prepared.examples)
    held_out = [one for one in prepared.examples if one.split is Split.HELD_OUT]
    training = [
        continuation(base, one.turns[: index + 1], longest=256)
        for one in prepared.examples
        if one.split is Split.TRAIN
        for index, turn in enumerate(one.turns)
        if index >= one.context and turn.role is Role.OWNER
    ]
    judged = list(sequences(base, held_out, longest=256))[:24]
    rows = {
        "train": [{"tokens": one.tokens.tolist(), "learned": one.learned.tolist()} for one in training],
        "judge": [{"tokens": one.tokens.tolist(), "words": one.words.tolist()} for one in judged],
    }
    (folder / "tokens.json").write_text(json.dumps(rows))
    if arguments.peer:
        write_base(base, folder / "base")


def write_base(base: Any, target: Path) -> None:
    """The untouched base as a Hugging Face folder: the export of an adapter that changes nothing."""
    import numpy as np

    from twin.base.adapter import LoraAdapter, LowRank
    from twin.convert.huggingface import write_folder

    shape = base.model.tensors["blk.0.attn_k.weight"].shape
    nothing = LowRank(np.zeros((1, shape[1]), np.float32), np.zeros((shape[0], 1), np.float32))
    adapter = LoraAdapter(1, 1.0, {"model.layers.0.self_attn.k_proj": nothing})
    write_folder(adapter, base, target, dtype="float32")


def ours(folder: Path, seconds: float, fields: dict[str, Any]) -> dict[str, Any]:
    """Train in this process; the curve as (seconds, held-out loss)."""
    from twin.base import models
    from twin.domain.events import Progress
    from twin.train.config import TrainConfig
    from twin.train.loop import train

    config = TrainConfig(**{"budget_s": seconds, "evaluations": 8, "held_out": 24, "epochs": 50.0, **fields})
    curve: list[tuple[float, float]] = []
    spent, last = 0.0, 0.0

    def watch(progress: Progress) -> None:
        nonlocal spent, last
        now = time.monotonic()
        if progress.figures and "held_out_loss" in progress.figures:
            curve.append((spent, progress.figures["held_out_loss"]))
        elif progress.figures:
            spent += now - last
        last = now

    base = models.find(folder=FOLDER / "bases")
    result = train(
        folder / "examples.jsonl",
        folder / "adapter",
        base=base,
        config=config,
        checkpoints=folder / "checkpoints",
        watch=watch,
    )
    return {
        "tokens_per_s": result.tokens_per_s,
        "flops_per_token": result.flops_per_token,
        "flops_per_s": matrix_speed(),
        "load_s": result.load_s,
        "peak_mb": peak_mb(),
        "curve": curve,
    }


def matrix_speed() -> float:
    """Operations per second of one large matrix product, the best of ten."""
    import jax
    import jax.numpy as jnp

    left, right = jnp.ones((1024, 640)), jnp.ones((640, 2048))
    product = jax.jit(jnp.matmul)
    product(left, right).block_until_ready()
    best = float("inf")
    for _ in range(10):
        start = time.perf_counter()
        product(left, right).block_until_ready()
        best = min(best, time.perf_counter() - start)
    return 2 * 1024 * 640 * 2048 / best


def own(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Our side, in a process of its own."""
    seconds = str(arguments.seconds)
    return child([sys.executable, __file__, "--ours", str(folder), "--seconds", seconds, "--config", arguments.config])


def child(command: list[str]) -> dict[str, Any]:
    """What a side prints last. Each has a process of its own, so that memory is counted apart."""
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def reached(curve: list[list[float]], loss: float) -> float | None:
    """Seconds until the curve is at or below `loss`, between two points on a line."""
    for (t0, l0), (t1, l1) in pairwise(curve):
        if l1 <= loss:
            return t0 + (t1 - t0) * (l0 - loss) / (l0 - l1) if l0 > l1 else t1
    return None


def report(mine: dict[str, Any], peer: dict[str, Any] | None) -> None:
    from rich.console import Console
    from rich.table import Table

    fraction = mine["tokens_per_s"] * mine["flops_per_token"] / mine["flops_per_s"]
    # The loss that both reach; alone, nine tenths of our own way.
    best = min(loss for _, loss in mine["curve"])
    goal = mine["curve"][0][1] - 0.9 * (mine["curve"][0][1] - best)
    if peer:
        goal = max(best, min(loss for _, loss in peer["curve"]))
    table = Table("", "twin", "PEFT + TRL", "ratio")

    def row(name: str, key: Any, form: str) -> None:
        ours_ = key(mine)
        other = key(peer) if peer else None
        ratio = f"{ours_ / other:.2f}" if ours_ and other else ""
        table.add_row(name, form.format(ours_) if ours_ else "-", form.format(other) if other else "-", ratio)

    row("tokens/s", lambda side: side["tokens_per_s"], "{:.0f}")
    row("peak memory, MB", lambda side: side["peak_mb"], "{:.0f}")
    row(f"seconds to a held-out loss of {goal:.3f}", lambda side: reached(side["curve"], goal), "{:.0f}")
    row("loss before", lambda side: side["curve"][0][1], "{:.3f}")
    row("best loss", lambda side: min(loss for _, loss in side["curve"]), "{:.3f}")
    table.add_row("fraction of the floor", f"{fraction:.2f}", "", "")
    Console().print(table)
    result = {
        "tokens_per_s": round(mine["tokens_per_s"], 1),
        "fraction_of_floor": round(fraction, 3),
        "peak_mb": round(mine["peak_mb"]),
        "load_s": round(mine["load_s"], 1),
        "loss": goal,
        "seconds_to_loss": reached(mine["curve"], goal),
    }
    if peer:
        result["peer"] = {
            "tokens_per_s": round(peer["tokens_per_s"], 1),
            "peak_mb": round(peer["peak_mb"]),
            "seconds_to_loss": reached(peer["curve"], goal),
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
