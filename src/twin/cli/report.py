"""`twin report`: how alike a twin is."""

import json
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from twin.cli.completion import names
from twin.cli.invocation import Invocation
from twin.cli.run import Duration
from twin.cli.sentences import say

if TYPE_CHECKING:
    from twin.domain.runs import Run
    from twin.domain.twins import Twin
    from twin.likeness import Extent, Report


OTHER_S = 240.0
"""Seconds that the twin of somebody else is trained for."""


@click.command()
@click.argument("name", shell_complete=names)
@click.option("--full", is_flag=True, help="Measure everything anew; it says first how long this takes.")
@click.option("--replies", type=click.IntRange(20, 10_000), help="With --full: replies drawn of the twin (1000).")
@click.option(
    "--other-budget",
    type=Duration(),
    help="With --full: how long a twin of somebody else in the chats is trained, to compare with (4m); 0 for none.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write a page.")
@click.pass_obj
def report(
    invocation: Invocation,
    *,
    name: str,
    full: bool,
    replies: int | None,
    other_budget: float | None,
    yes: bool,
    as_json: bool,
    html: Path | None,
) -> None:
    """Show how alike the twin NAME is: how well it foretells your words, and how it writes."""
    from twin.likeness import FULL, page, terminal
    from twin.pipeline.exports import published

    if not full and (replies is not None or other_budget is not None):
        raise click.UsageError("--replies and --other-budget say how --full measures. Give --full too.")
    twin = invocation.twin(name)
    run = published(twin, invocation.platform.records)
    if full:
        extent = FULL if replies is None else replace(FULL, replies=replies, compared=max(20, replies // 10))
        other_s = OTHER_S if other_budget is None else other_budget
        _announce(extent, twin, run, other_s)
        if invocation.interactive and not yes:
            click.confirm("Go on?", default=True, abort=True, err=True)
        found = _measured(invocation, twin, run, extent, other_s)
    else:
        found = _stored(invocation, twin, run)
    if html:
        html.write_text(page.render(found), "utf-8")
        say(f"{html} is written.", err=True)
    if as_json:
        click.echo(json.dumps(found.to_json(), ensure_ascii=False, indent=2))
    elif not html:
        terminal.show(found, invocation.out)


def _announce(extent: "Extent", twin: "Twin", run: "Run", other_s: float) -> None:
    """What measuring everything costs, before it begins."""
    secrets = int(run.options.get("secrets", 0))
    minutes = (other_s + extent.seconds(secrets=secrets, other_twin=other_s > 0)) / 60
    told = [f"{extent.scored} held-out examples", f"{extent.questions} choices", f"{extent.replies:,} replies"]
    told += [f"{secrets} planted secrets"] if secrets else []
    say(f"Measuring {', '.join(told)}: about {minutes:.0f} minutes on two cores.", err=True)
    if other_s:
        say(
            f"{other_s / 60:.0f} of these minutes train a twin of somebody else in the chats to compare with, unless an earlier "
            "report did (--other-budget 0 leaves it out).",
            err=True,
        )
    if not secrets:
        again = f"twin run {quote(twin.name)} --plant-secrets 30"
        say(f"What it gives away of secrets needs a training with them: {again}", err=True)


def _stored(invocation: Invocation, twin: "Twin", run: "Run") -> "Report":
    from twin.errors import NotFoundError
    from twin.likeness import Report
    from twin.pipeline import keys

    with invocation.work(twin, run) as work:
        try:
            return Report.from_json(json.loads(work.fetch(keys.REPORT).read_text("utf-8")))
        except NotFoundError as error:
            again = f"twin report {quote(twin.name)} --full"
            raise NotFoundError(f"{twin.name!r} was not measured yet. Run `{again}`.") from error


def _measured(invocation: Invocation, twin: "Twin", run: "Run", extent: "Extent", other_s: float) -> "Report":
    from rich.progress import Progress

    from twin.domain.events import Progress as Told
    from twin.pipeline.evaluation import evaluate

    with Progress(console=invocation.err) as bars:
        task = bars.add_task("measuring", total=None)

        def watch(told: Told) -> None:
            if told.note:
                bars.console.print(told.note)
            bars.update(task, completed=told.done, total=told.total)

        with invocation.work(twin, run, watch=watch) as work:
            return evaluate(work, extent, other_s=other_s)
