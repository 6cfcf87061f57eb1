"""`twin run`, where no training is needed to see it."""

import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from tests.cli.conftest import Twin

from twin.backends.local.worker import Queue
from twin.cli.invocation import Invocation
from twin.cli.run import Duration, _waits, _working
from twin.cli.summary import learned
from twin.cli.watch import figures
from twin.domain.runs import Run, RunState
from twin.pipeline.work import Outcome


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10s", 10), ("30m", 1800), ("30", 1800), ("1h", 3600), ("1h30m", 5400), ("1h 5m 7s", 3907)],
)
def test_lengths_of_time(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "soon", "m", "-5m", "1.5h", "5m1h", "30mm"])
def test_lengths_of_time_that_are_none(text: str) -> None:
    with pytest.raises(click.BadParameter, match="30m, 1h30m or 90s"):
        Duration().convert(text, None, None)


def test_wrong_options_are_usage_errors(twin: Twin) -> None:
    for options in (["--budget", "soon"], ["--budget", "0"], ["--max-messages", "0"], ["--from", "lunch"]):
        assert twin("run", "me", *options).status == 2
    assert "--from prepare" in twin("run", "me", "--no-redact", "--from", "train").err


def test_the_worker_ends_with_the_command_wherever_ctrl_c_came(home: Path) -> None:
    invocation = Invocation()
    platform, now = invocation.platform, datetime.now(UTC)
    run = Run("r1", "t1", RunState.QUEUED, created_at=now, updated_at=now)
    platform.records.save(run)
    platform.runner.submit(run)
    queue = platform.runner
    assert isinstance(queue, Queue)
    with queue.working():  # so that the worker of this command has to wait
        working = _working(invocation, run)
        working.__enter__()
        invocation.close()  # what the command does at its end, though `working` was never left
        left = threading.Thread(target=working.__exit__, args=(None, None, None), daemon=True)
        left.start()  # it waits for the worker
        left.join(20)
        assert not left.is_alive()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (None, ""),
        ({"loss": 3.25, "tokens_per_s": 1234.5}, "loss 3.250  1,234 tokens/s"),
        ({"held_out_loss": 3.1, "left_s": 3725.0}, "held-out 3.100  1:02:05 left"),
        ({"left_s": 65.0, "something_new": 1.0}, "1:05 left"),
    ],
)
def test_figures_as_words(values: Any, words: str) -> None:
    assert figures(values) == words


@pytest.mark.parametrize(
    ("epochs", "stopped_early", "told"), [(0.07, False, "time for 7% of"), (0.07, True, ""), (1.5, False, "")]
)
def test_training_says_how_much_it_had_time_for(epochs: float, stopped_early: bool, told: str) -> None:
    figures = {"loss_base": 4.0, "loss_twin": 3.0, "tokens_per_s": 200.0}
    trained = Outcome(figures, {"steps": 67, "seconds": 240.0, "epochs": epochs, "stopped_early": stopped_early})
    loss, *more = learned(trained)
    assert "4.00 nats per token before, 3.00 after (25% lower); 67 steps in 4.0 minutes" in loss
    assert len(more) == bool(told)
    assert told in "".join(more)
    assert learned(Outcome()) == []


def test_who_waits_for_another_training_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWIN_HOME", str(tmp_path))
    invocation = Invocation()
    with closing(invocation):
        queue, now = invocation.platform.runner, datetime.now(UTC)
        assert isinstance(queue, Queue)
        first, second = (
            Run(name, "t", RunState.QUEUED, now + timedelta(seconds=later), now)
            for later, name in enumerate(("r1", "r2"))
        )
        for run in (first, second):
            invocation.platform.records.save(run)
            queue.submit(run)
        assert not _waits(invocation, second), "nobody is at work: this command will be"
        with queue.working():
            assert _waits(invocation, second)
            assert not _waits(invocation, first)
