"""What a person sees while a run goes on: bars on a terminal, lines elsewhere."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from twin.cli.sentences import visible
from twin.domain.runs import RunState, Stage
from twin.pipeline.journal import Update

if TYPE_CHECKING:
    from twin.domain.events import Progress as Told
    from twin.domain.runs import Run

LINE_EVERY_S = 10.0

WORDS = {
    Stage.INGEST: "reading the chats",
    Stage.PREPARE: "preparing examples",
    Stage.TRAIN: "training",
    Stage.CONVERT: "converting",
    Stage.EVALUATE: "measuring",
    Stage.PUBLISH: "publishing",
}


def show(updates: Iterable[Update], console: Console) -> "Run":
    """Show a run until it is over; how it stands then."""
    return _bars(updates, console) if console.is_terminal else _lines(updates, console)


def _bars(updates: Iterable[Update], console: Console) -> "Run":
    run = None
    columns = (
        TextColumn("{task.description:18}"),
        BarColumn(),
        TextColumn("{task.fields[amount]:>13}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[figures]}"),
    )
    with Progress(*columns, console=console) as progress:
        tasks: dict[Stage, TaskID] = {}

        def begin(stage: Stage) -> None:
            if stage not in tasks:
                finish()
                tasks[stage] = progress.add_task(WORDS[stage], total=None, amount="", figures="")

        def finish() -> None:
            for task in tasks.values():
                progress.update(task, total=1, completed=1)

        for run, events in updates:
            for _, told in events:
                begin(told.stage)
                if told.note:
                    progress.console.print(f"  {visible(told.note)}")
                shown = figures(told.figures)
                task = tasks[told.stage]
                progress.update(task, completed=told.done, total=told.total, amount=_amount(told))
                if shown:  # else the figures of the moment before stay
                    progress.update(task, figures=shown)
            if run.stage:
                begin(run.stage)
            if run.state is RunState.DONE:
                finish()
    if run is None:
        raise RuntimeError("a run that nothing was told of")
    return run


def _lines(updates: Iterable[Update], console: Console) -> "Run":
    run, stage, printed = None, None, 0.0
    for run, events in updates:
        if run.stage is not stage:
            stage, printed = run.stage, 0.0
            if stage:
                console.print(WORDS[stage])
        for _, told in events:
            if told.note:
                console.print(f"  {visible(told.note)}")
        line = _line(events[-1].progress) if events else ""
        if line and time.monotonic() - printed >= LINE_EVERY_S:
            console.print(f"  {line}")
            printed = time.monotonic()
    if run is None:
        raise RuntimeError("a run that nothing was told of")
    return run


def _line(told: "Told") -> str:
    return "  ".join(part for part in (_amount(told), figures(told.figures)) if part)


def _amount(told: "Told") -> str:
    if told.total:
        return f"{told.done:,.0f} of {told.total:,.0f}"
    return f"{told.done:,.0f}" if told.done else ""


def figures(values: dict[str, float] | None) -> str:
    """The figures of the moment, as words."""
    shown = {
        "loss": lambda value: f"loss {value:.3f}",
        "held_out_loss": lambda value: f"held-out {value:.3f}",
        "tokens_per_s": lambda value: f"{value:,.0f} tokens/s",
        "left_s": lambda value: f"{_duration(value)} left",
    }
    return "  ".join(words(values[name]) for name, words in shown.items() if values and name in values)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
