"""What a vocabulary trimmed to one script would gain and lose: training, serving, and the loss for each character.

    python bench/trimmed.py CHAT --speaker NAME --pieces 32000 --steps 40

The trimmed base is a GGUF file with fewer rows in its embedding; everything else reads it as any other base. Kept are
all marks, bytes and digits, and of the pieces without a letter of another script all single characters and those of highest rank. Both bases learn from
the same examples and are judged on the same held-out words, for which the nats of all tokens are divided by the
characters that they spell.
"""

import argparse
import json
import os
import statistics
import time
import unicodedata
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from bench.serve import Raw
from rich.console import Console
from rich.table import Table

from twin import ingest, sample
from twin.base import keras as base_keras
from twin.base import models
from twin.base.gguf import GGUF
from twin.base.lora import Lora
from twin.base.models import Base
from twin.base.rows import Tokens, batches, measure, sequence
from twin.base.vocabulary import Piece
from twin.domain.examples import Example, Split
from twin.prepare import PrepareConfig, prepare
from twin.train.config import TrainConfig
from twin.train.step import Stepper

FOLDER = Path(os.environ.get("TWIN_BENCH", ".cache/bench"))
EMBEDDING = "token_embd.weight"
JUDGED = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chat", nargs="*", type=Path)
    parser.add_argument("--speaker", default=sample.OWNER)
    parser.add_argument("--max-messages", type=int)
    parser.add_argument("--pieces", type=int, nargs="+", default=[32000])
    parser.add_argument("--script", default="LATIN", help="as the Unicode names of its letters begin")
    parser.add_argument("--steps", type=int, default=40, help="about how many steps the whole vocabulary trains")
    arguments = parser.parse_args()
    whole = models.find(folder=FOLDER / "bases")
    messages = list(ingest.read(arguments.chat or [sample.path()]).messages())
    config = PrepareConfig(max_messages=arguments.max_messages)
    prepared = prepare(messages, speakers=(arguments.speaker,), measure=measure(whole), config=config).examples
    learnt = [one for one in prepared if one.split is Split.TRAIN]
    held_out = [one for one in prepared if one.split is Split.HELD_OUT]
    held_out = held_out[:: max(1, len(held_out) // JUDGED)]
    order = np.random.default_rng(17).permutation(len(learnt))
    rows = []
    share = 1.0
    for pieces in (None, *arguments.pieces):
        base = whole if pieces is None else trimmed(whole, pieces, script=arguments.script)
        if pieces is None:
            share = share_of(base, learnt, steps=arguments.steps)
        mine = [learnt[index] for index in order[: int(len(learnt) * share)]]
        rows.append({"pieces": len(base.vocabulary), **run(base, mine, held_out)})
        print(json.dumps(rows[-1]), flush=True)
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console(width=140).print(table)
    print(json.dumps({"rows": rows}))


def trimmed(base: Base, count: int, *, script: str) -> Base:
    """A copy of a base that knows the `count` pieces of highest rank that one script needs."""
    target = FOLDER / "bases" / f"trimmed-{script.lower()}-{count}.gguf"
    if not target.exists():
        ids = kept(base, count, script=script)
        write(GGUF(base.path), ids, target)
    return models.find(str(target), folder=FOLDER / "bases")


def kept(base: Base, count: int, *, script: str) -> list[int]:
    """The token ids of all marks, bytes and digits, and of a script's characters and best pieces, in their order."""
    words = base.vocabulary
    always = [
        token for token, kind in enumerate(words.types) if kind != Piece.NORMAL and "unused" not in words.pieces[token]
    ]
    plain = [
        token
        for token, (piece, kind) in enumerate(zip(words.pieces, words.types, strict=True))
        if kind == Piece.NORMAL and all(not one.isalpha() or is_of(one, script) for one in piece)
    ]
    # Single characters come last by rank, and are what everything is made of.
    plain.sort(key=lambda token: (len(words.pieces[token]) > 1, -words.scores[token]))
    return sorted({*always, *words.digits, *plain[: count - len(always)]})


def is_of(letter: str, script: str) -> bool:
    return unicodedata.name(letter, "").startswith((script, "MODIFIER LETTER"))


def write(model: GGUF, ids: list[int], target: Path) -> None:
    """Write a model with the rows `ids` of its vocabulary."""
    new = {old: number for number, old in enumerate(ids)}
    writer = gguf.GGUFWriter(target.with_suffix(".partial"), model.metadata["general.architecture"])
    for key, value in model.metadata.items():
        if key in {"tokenizer.ggml.tokens", "tokenizer.ggml.scores", "tokenizer.ggml.token_type"}:
            writer.add_key_value(key, [value[old] for old in ids], *model.kinds[key])
        elif key.startswith("tokenizer.ggml.") and key.endswith("token_id"):
            writer.add_key_value(key, new[value], *model.kinds[key])
        elif key != "general.architecture":
            writer.add_key_value(key, value, *model.kinds[key])
    for name, tensor in model.tensors.items():
        raw = model.raw(name)
        writer.add_tensor(name, np.ascontiguousarray(raw[ids] if name == EMBEDDING else raw), raw_dtype=tensor.kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    target.with_suffix(".partial").replace(target)


def share_of(base: Base, examples: list[Example], *, steps: int) -> float:
    """Which share of the examples fills so many steps."""
    config = TrainConfig()
    every = len(batches(tokens(base, examples, config.length), rows=config.rows, length=config.length, seed=0))
    return min(1.0, steps * config.accumulate / every)


def tokens(base: Base, examples: list[Example], length: int) -> list[Tokens]:
    return [made for one in examples if (made := sequence(base, one, longest=length)) is not None]


def run(base: Base, learnt: list[Example], held_out: list[Example]) -> dict[str, Any]:
    config = TrainConfig()
    backbone = base_keras.load(base, dtype=config.dtype)
    lora = Lora(backbone, rank=config.rank, alpha=config.alpha, targets=config.targets, first=0)
    stepper = Stepper(backbone, lora, config=config, frozen_below=0)
    judged = tokens(base, held_out, 2 * config.length)
    packed = batches(judged, rows=config.rows, length=2 * config.length)
    characters = sum(len(base.vocabulary.decode(one.tokens[one.words].tolist())) for one in judged)
    count = sum(int(one.words.sum()) for one in judged)
    before = stepper.mean_loss(packed) * count / characters
    plan = batches(tokens(base, learnt, config.length), rows=config.rows, length=config.length, seed=0)
    took: list[float] = []
    for number, batch in enumerate(plan):
        start = time.perf_counter()
        stepper.step([batch], learning_rate=config.learning_rate * min(1.0, (number + 1) / 4))
        took.append(time.perf_counter() - start)
    after = stepper.mean_loss(packed) * count / characters
    return {
        "characters": characters,
        "tokens/character": round(count / characters, 4),
        "nats/character before": round(before, 4),
        "after": round(after, 4),
        "steps": len(plan),
        "training s": round(len(plan) * statistics.median(took), 1),
        "MB": round(base.path.stat().st_size / 1e6),
        **spoken(base),
    }


def spoken(base: Base, rounds: int = 5) -> dict[str, float]:
    """Tokens a second of llama.cpp's own decoding."""
    server = Raw(base.path, threads=os.cpu_count() or 1)
    try:
        prompt = [base.vocabulary.bos, *base.vocabulary.encode("one 1\ntwo 2\nthree 3\nfour 4\nfive 5\nsix 6\n")]
        return {"decoded tokens/s": round(statistics.median(server.tokens_per_s(prompt) for _ in range(rounds)), 1)}
    finally:
        server.close()


if __name__ == "__main__":
    main()
