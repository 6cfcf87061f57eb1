"""Training on a tiny random Gemma: it learns, stops, keeps its budget and goes on where it was killed."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.chats import OWNER, chat
from tests.tiny import TinyGemma

from twin.base.adapter import LoraAdapter
from twin.base.models import Base
from twin.base.rows import measure
from twin.domain.events import Progress
from twin.domain.jsonl import write_examples
from twin.errors import DataError
from twin.prepare import PrepareConfig, prepare
from twin.train.config import TrainConfig
from twin.train.loop import train

CONFIG = TrainConfig(rank=4, length=128, rows=4, learning_rate=2e-2, epochs=4, evaluations=4, budget_s=None)


@pytest.fixture(scope="module")
def base(tiny: TinyGemma) -> Base:
    return Base("tiny", tiny.gguf)


@pytest.fixture(scope="module")
def examples(base: Base, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = PrepareConfig(window=120, context=40)
    path = tmp_path_factory.mktemp("examples") / "examples.jsonl"
    write_examples(path, prepare(chat(400), speakers=(OWNER,), measure=measure(base), config=config).examples)
    return path


def test_it_learns_and_says_how_far_it_is(base: Base, examples: Path, tmp_path: Path) -> None:
    seen: list[Progress] = []
    heard: list[float] = []

    def rehearse(adapter: LoraAdapter) -> str:
        heard.append(max(np.abs(b).max() for _, b in adapter.weights.values()))
        return f"rehearsal {len(heard)}"

    result = train(
        examples,
        tmp_path / "out",
        base=base,
        config=CONFIG,
        checkpoints=tmp_path,
        watch=seen.append,
        rehearse=rehearse,
    )
    assert result.loss < 0.8 * result.base_loss
    judged = [one for one in seen if one.figures and "held_out_loss" in one.figures]
    assert [one.note for one in judged] == [f"rehearsal {n + 1}" for n in range(len(judged))]
    assert heard[0] == 0, "the first one is the base's"
    assert len(set(heard)) == len(heard) > 2, "each has learned more"
    adapter = LoraAdapter.load(tmp_path / "out")
    assert adapter.rank == 4
    assert any(np.abs(b).max() > 0 for _, b in adapter.weights.values())
    saved = json.loads((tmp_path / "out" / "train.json").read_text())
    assert saved["loss"] == result.loss
    steps = [one for one in seen if one.figures and "loss" in one.figures]
    assert [one.done for one in steps] == list(range(1, result.steps + 1))
    assert not list(tmp_path.glob("*.npz"))


def test_only_the_upper_layers_and_targets_asked_for_are_adapted(base: Base, examples: Path, tmp_path: Path) -> None:
    config = replace(CONFIG, upper_layers=1, targets=("q_proj", "v_proj"), epochs=0.5)
    train(examples, tmp_path / "out", base=base, config=config, checkpoints=tmp_path)
    names = set(LoraAdapter.load(tmp_path / "out").weights)
    assert names == {"model.layers.1.self_attn.q_proj", "model.layers.1.self_attn.v_proj"}


def test_recomputing_activations_changes_nothing(base: Base, examples: Path, tmp_path: Path) -> None:
    one = replace(CONFIG, epochs=1)
    plain = train(examples, tmp_path / "a", base=base, config=replace(one, remat=False), checkpoints=tmp_path)
    again = train(examples, tmp_path / "b", base=base, config=replace(one, remat=True), checkpoints=tmp_path)
    assert again.loss == pytest.approx(plain.loss, rel=1e-3)


_CHILD = """
import sys
from pathlib import Path
from twin.base.models import Base
from twin.train import loop
from twin.train.config import TrainConfig
import tests.train.test_loop as here
loop._SAVE_EVERY_S = 0.0
def watch(progress):
    print(progress.done, flush=True)
gguf, examples, folder = map(Path, sys.argv[1:])
loop.train(examples, folder / "out", base=Base("tiny", gguf), config=here.CONFIG, checkpoints=folder, watch=watch)
"""


def test_killed_and_started_again_it_ends_where_it_would_have(
    base: Base, examples: Path, tiny: TinyGemma, tmp_path: Path
) -> None:
    whole = train(examples, tmp_path / "whole", base=base, config=CONFIG, checkpoints=tmp_path / "w")
    command = [sys.executable, "-c", _CHILD, str(tiny.gguf), str(examples), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if float(line) >= 10:
                child.send_signal(signal.SIGKILL)
                break
    assert (tmp_path / "training.npz").exists()
    seen: list[Progress] = []
    rest = train(examples, tmp_path / "out", base=base, config=CONFIG, checkpoints=tmp_path, watch=seen.append)
    assert min(one.done for one in seen if one.figures and "loss" in one.figures) > 5
    assert rest.steps == whole.steps
    assert rest.loss == pytest.approx(whole.loss, rel=1e-4)


def test_a_checkpoint_of_other_examples_is_not_used(base: Base, examples: Path, tmp_path: Path) -> None:
    (tmp_path / "training.npz").write_bytes(b"PK\x03\x04 cut short")
    result = train(examples, tmp_path / "out", base=base, config=replace(CONFIG, epochs=0.5), checkpoints=tmp_path)
    assert result.steps > 0


def test_a_budget_shortens_the_plan(base: Base, examples: Path, tmp_path: Path) -> None:
    config = replace(CONFIG, epochs=2000, budget_s=4.0)
    result = train(examples, tmp_path / "out", base=base, config=config, checkpoints=tmp_path)
    assert result.epochs < 2000


def test_a_budget_holds_where_the_machine_becomes_slow(base: Base, examples: Path, tmp_path: Path) -> None:
    planned: list[int] = []

    def slow(progress: Progress) -> None:
        if progress.total:
            planned.append(progress.total)
        time.sleep(0.1 if progress.done > 10 else 0)

    config = replace(CONFIG, epochs=2000, budget_s=4.0)
    result = train(examples, tmp_path / "out", base=base, config=config, checkpoints=tmp_path, watch=slow)
    assert result.steps < 60
    assert result.steps < max(planned[:20])
    assert "held_out" in result.curve[-1]


def test_nothing_held_out_is_an_error(base: Base, examples: Path, tmp_path: Path) -> None:
    lines = [line for line in examples.read_text().splitlines() if '"held_out"' not in line]
    (tmp_path / "examples.jsonl").write_text("\n".join(lines))
    with pytest.raises(DataError, match="0 held out"):
        train(tmp_path / "examples.jsonl", tmp_path, base=base, config=CONFIG, checkpoints=tmp_path)
