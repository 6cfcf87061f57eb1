"""What a person sees while a run goes on: bars on a terminal, lines elsewhere."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from twin.cli.parse import visible
from twin.domain.runs import Stage
from twin.pipeline.journal import Event, Update

if TYPE_CHECKING:
    from twin.domain.runs import Run

LINE_EVERY_S = 10.0


def show(updates: Iterable[Update], console: Console) -> "Run":
    """Show a run until it is over; how it stands then."""
    return _bars(updates, console) if console.is_terminal else _lines(updates, console)


def _bars(updates: Iterable[Update], console: Console) -> "Run":
    run = None
    columns = (
        TextColumn("{task.description:9}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[figures]}"),
    )
    with Progress(*columns, console=console) as progress:
        tasks: dict[Stage, TaskID] = {}
        for run, events in updates:
            for _, told in events:
                if told.note:
                    progress.console.print(f"  {visible(told.note)}")
            stages = [run.stage] if run.stage else []
            for stage in [told.stage for _, told in events] + stages:
                if stage not in tasks:
                    for earlier in tasks.values():
                        progress.stop_task(earlier)
                    tasks[stage] = progress.add_task(stage.value, total=None, figures="")
            for _, told in events:
                progress.update(tasks[told.stage], completed=told.done, total=told.total, figures=figures(told.figures))
    if run is None:
        raise RuntimeError("a run that nothing was told of")
    return run


def _lines(updates: Iterable[Update], console: Console) -> "Run":
    run, stage, printed = None, None, 0.0
    for run, events in updates:
        if run.stage is not stage:
            stage, printed = run.stage, 0.0
            console.print(f"{stage}")
        for event in events:
            if event.progress.note:
                console.print(f"  {visible(event.progress.note)}")
        if events and time.monotonic() - printed >= LINE_EVERY_S:
            console.print(f"  {_line(events[-1])}")
            printed = time.monotonic()
    if run is None:
        raise RuntimeError("a run that nothing was told of")
    return run


def _line(event: Event) -> str:
    told = event.progress
    amount = f"{told.done:,.0f}" + (f" of {told.total:,.0f}" if told.total else "")
    return " ".join(part for part in (told.stage.value, amount, figures(told.figures)) if part)


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
