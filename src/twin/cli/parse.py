"""`twin parse`: what is in some exports."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from twin.cli.invocation import Invocation
from twin.cli.sentences import say, visible

if TYPE_CHECKING:
    from twin.ingest import Options
    from twin.pipeline.creation import Survey

PATHS = click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
DATE_ORDER = click.option(
    "--date-order",
    type=click.Choice(["dmy", "mdy", "ymd"]),
    help="The order of day, month and year, where the export leaves it open.",
)


@click.command()
@PATHS
@click.option("--messages", is_flag=True, help="Print every message, word for word.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: the reports, or with --messages one object a line.")
@DATE_ORDER
@click.pass_obj
def parse(
    invocation: Invocation, paths: tuple[Path, ...], messages: bool, as_json: bool, date_order: str | None
) -> None:
    """Show what is in chat exports: files, folders, zips. Writes nothing."""
    options = reading_options(date_order)
    if messages:
        _print_messages(paths, options, as_json=as_json)
        return
    from twin.ingest import infer_owner, print_reports, report_json

    found = survey(invocation, paths, options)
    reports, owner = found.reading.reports, infer_owner(found.reading.reports)
    if as_json:
        value = {
            "messages": found.messages,
            "owner": asdict(owner) if owner else None,
            "exports": [report_json(report) for report in reports],
            "skipped": [asdict(skipped) for skipped in found.reading.skipped],
        }
        click.echo(json.dumps(value, ensure_ascii=False, indent=2))
        return
    print_reports(found.reading, to=sys.stdout)
    if owner:
        say(visible(f"These look like the chats of {' = '.join(owner.names)}: {owner.evidence}."))
    else:
        say("The exports do not show whose they are: name yourself with --speaker when you create a twin.")


def survey(invocation: Invocation, paths: tuple[Path, ...], options: "Options") -> "Survey":
    """Read everything, and show that something happens meanwhile."""
    from twin.pipeline import creation

    with invocation.err.status("reading") as spinner:
        return creation.survey(
            paths, options, watch=lambda count: spinner.update(f"reading, {count:,} messages so far")
        )


def reading_options(date_order: str | None, owners: tuple[str, ...] = ()) -> "Options":
    """What the command line says about an upload."""
    from twin.ingest import DateOrder, Options

    return Options(date_order=DateOrder(date_order) if date_order else None, owners=owners)


def _print_messages(paths: tuple[Path, ...], options: "Options", *, as_json: bool) -> None:
    from twin.ingest import message_json, read

    for message in read(paths, options=options):
        if as_json:
            click.echo(json.dumps(message_json(message), ensure_ascii=False))
            continue
        when = f"{message.sent_at:%Y-%m-%d %H:%M:%S} " if message.sent_at else ""
        kind = "" if message.kind == "text" else f"({message.kind}) "
        text = visible(message.text).replace("\n", "\n    ")
        click.echo(f"{when}{visible(message.sender or '')}: {kind}{text}")
