"""`twin report`: how alike a twin is."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from twin.cli.invocation import Invocation

if TYPE_CHECKING:
    from twin.domain.events import Watcher
    from twin.domain.runs import Run
    from twin.domain.twins import Twin
    from twin.likeness import Report
    from twin.pipeline.work import Work


@click.command()
@click.argument("name")
@click.option("--full", is_flag=True, help="Measure everything anew; this takes a while.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write a page.")
@click.pass_obj
def report(invocation: Invocation, *, name: str, full: bool, as_json: bool, html: Path | None) -> None:
    """Show how alike the twin NAME is: how well it foretells your words, and how it writes."""
    from twin.likeness import page, terminal
    from twin.pipeline.exports import published

    twin = invocation.twin(name)
    run = published(twin, invocation.platform.records)
    found = _measured(invocation, twin, run) if full else _stored(invocation, twin, run)
    if html:
        html.write_text(page.render(found), "utf-8")
        click.echo(f"{html} is written.", err=True)
    if as_json:
        click.echo(json.dumps(found.to_json(), ensure_ascii=False, indent=2))
    elif not html:
        terminal.show(found, invocation.out)


def _stored(invocation: Invocation, twin: "Twin", run: "Run") -> "Report":
    from twin.errors import NotFoundError
    from twin.likeness import Report
    from twin.pipeline import keys

    with _work(invocation, twin, run) as work:
        try:
            return Report.from_json(json.loads(work.fetch(keys.REPORT).read_text("utf-8")))
        except NotFoundError as error:
            raise NotFoundError(f"{twin.name!r} was not measured yet. Run `twin report {twin.name} --full`.") from error


def _measured(invocation: Invocation, twin: "Twin", run: "Run") -> "Report":
    from rich.progress import Progress

    from twin.domain.events import Progress as Told
    from twin.likeness import FULL
    from twin.pipeline.evaluation import evaluate

    with Progress(console=invocation.err) as bars:
        task = bars.add_task("measuring", total=None)

        def watch(told: Told) -> None:
            if told.note:
                bars.console.print(told.note)
            bars.update(task, completed=told.done, total=told.total)

        with _work(invocation, twin, run, watch=watch) as work:
            return evaluate(work, FULL)


@contextmanager
def _work(invocation: Invocation, twin: "Twin", run: "Run", *, watch: "Watcher | None" = None) -> "Generator[Work]":
    from twin.domain.events import nobody
    from twin.pipeline.work import Work

    platform = invocation.platform
    with TemporaryDirectory() as folder:
        yield Work(
            twin, run, platform.objects, platform.records, Path(folder), platform.bases, platform.chat, watch or nobody
        )
