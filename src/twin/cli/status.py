"""`twin status`: which twins there are, and how far their runs are."""

import json
from dataclasses import asdict
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from twin.cli.completion import names
from twin.cli.invocation import Invocation
from twin.cli.sentences import say

if TYPE_CHECKING:
    from twin.domain.runs import Run
    from twin.domain.twins import Twin


@click.command()
@click.argument("name", required=False, shell_complete=names)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def status(invocation: Invocation, name: str | None, as_json: bool) -> None:
    """Show your twins, or the runs of the twin NAME."""
    from twin.domain.twins import LOCAL_USER

    records = invocation.platform.records
    twins = [invocation.twin(name)] if name else records.twins(LOCAL_USER)
    runs = {twin.id: records.runs(twin.id) for twin in twins}
    if as_json:
        value = [{**asdict(twin), "runs": [asdict(run) for run in runs[twin.id]]} for twin in twins]
        click.echo(json.dumps(value[0] if name else value, ensure_ascii=False, indent=2, default=str))
    elif name:
        _print_runs(invocation, twins[0], runs[twins[0].id])
    elif twins:
        _print_twins(invocation, [(twin, runs[twin.id]) for twin in twins])
    else:
        say("There is no twin yet. Make one with `twin create NAME PATH`, or try `twin demo`.")


def _print_twins(invocation: Invocation, twins: "list[tuple[Twin, list[Run]]]") -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("twin", "of", "base", "answers", "last run"):
        table.add_column(title)
    for twin, runs in twins:
        answers = "yes" if twin.run_id else "not yet"
        speakers = ", ".join(twin.speakers) or "never completed: create it again, or delete it"
        table.add_row(twin.name, speakers, twin.base, answers, describe(invocation, twin, runs[-1]) if runs else "none")
    invocation.out.print(table)


def _print_runs(invocation: Invocation, twin: "Twin", runs: "list[Run]") -> None:
    from rich.table import Table

    from twin.pipeline.cloud import ASKED_AT
    from twin.pipeline.runs import redacts

    out = invocation.out
    out.print(f"{twin.name}, the twin of {', '.join(twin.speakers)}, on {twin.base}")
    table = Table(box=None, pad_edge=False)
    for title in ("started", "run", "how it stands", "measured"):
        table.add_column(title)
    for run in runs:
        figures = ", ".join(f"{name} {value:,.4g}" for name, value in run.figures.items() if name != ASKED_AT)
        current = " (answers)" if run.id == twin.run_id else ""
        if not redacts(twin, run):
            current += ", without redaction"
        table.add_row(
            f"{run.created_at.astimezone():%Y-%m-%d %H:%M}",
            run.id[:8],
            describe(invocation, twin, run) + current,
            figures,
        )
    out.print(table if runs else f"It has not been trained yet: twin run {quote(twin.name)}")


def describe(invocation: Invocation, twin: "Twin", run: "Run") -> str:
    """How a run of a twin stands, in a few words."""
    from twin.domain.runs import RunState

    again = f"twin run {quote(twin.name)}"
    if not run.state.final and left_alone(invocation):
        return f"was broken off at {run.stage}; `{again}` goes on" if run.stage else f"waits; `{again}` begins it"

    words: dict[Any, str] = {
        RunState.QUEUED: "waits for its turn",
        RunState.RUNNING: f"is at {run.stage}" if run.stage else "begins",
        RunState.DONE: "done",
        RunState.FAILED: f"failed: {run.error}",
        RunState.CANCELLED: f"stopped at {run.stage}; `{again}` goes on" if run.stage else "stopped",
    }
    return words[run.state]


def left_alone(invocation: Invocation) -> bool:
    """Whether nobody works on this machine's runs right now."""
    from twin.backends.local.worker import Queue

    runner = invocation.platform.runner
    if not isinstance(runner, Queue):
        return False
    with runner.working() as nobody_else:
        return nobody_else
