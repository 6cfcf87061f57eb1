"""`twin parse`: what is in some exports."""

import json
import re
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twin.cli.invocation import Invocation

if TYPE_CHECKING:
    from rich.console import Console

    from twin.ingest import Options, Report, Skipped
    from twin.pipeline.owner import Owner

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
    from twin.pipeline.creation import survey
    from twin.pipeline.owner import inferred

    with invocation.err.status("reading") as spinner:
        found = survey(paths, options, watch=lambda count: spinner.update(f"reading, {count:,} messages so far"))
    owner = inferred(found.reports)
    if as_json:
        value = {
            "messages": found.messages,
            "owner": owner._asdict() if owner else None,
            "exports": [_values(report) for report in found.reports],
            "skipped": [asdict(skipped) for skipped in found.skipped],
        }
        click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))
        return
    for report in found.reports:
        _print_report(invocation.out, report)
    print_skipped(invocation.out, found.skipped)
    _print_owner(invocation.out, owner)


def reading_options(date_order: str | None, owners: tuple[str, ...] = ()) -> "Options":
    """What the command line says about an upload."""
    from twin.ingest import DateOrder, Options

    return Options(date_order=DateOrder(date_order) if date_order else None, owners=owners)


def print_skipped(out: "Console", skipped: tuple["Skipped", ...], *, most: int = 10) -> None:
    """Which files were not read, and why."""
    for one in skipped[:most]:
        out.print(f"not read: {one.reason}", style="yellow")
    if len(skipped) > most:
        out.print(f"and {len(skipped) - most:,} more files that are no chats", style="yellow")


def visible(text: str) -> str:
    """Text that cannot steer the terminal it is printed on."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", lambda match: f"\\x{ord(match[0]):02x}", text)


def _values(report: "Report") -> dict[str, Any]:
    # Not `asdict`, which takes counters apart.
    return {item.name: getattr(report, item.name) for item in fields(report)}


def _print_messages(paths: tuple[Path, ...], options: "Options", *, as_json: bool) -> None:
    from twin.ingest import read
    from twin.pipeline import message_lines

    for message in read(paths, options=options):
        if as_json:
            click.echo(message_lines.line(message))
            continue
        when = f"{message.sent_at:%Y-%m-%d %H:%M:%S} " if message.sent_at else ""
        kind = "" if message.kind == "text" else f"({message.kind}) "
        text = visible(message.text).replace("\n", "\n    ")
        click.echo(f"{when}{visible(message.sender or '')}: {kind}{text}")


def _print_report(out: "Console", report: "Report") -> None:
    from rich.table import Table

    from twin.pipeline.owner import listed

    files = report.files[0] + (f" and {len(report.files) - 1:,} more files" if len(report.files) > 1 else "")
    out.print(visible(files), style="bold")
    rows: list[tuple[str, Any]] = [
        ("read as", f"{report.platform}, {report.dialect}"),
        ("messages", ", ".join(f"{count:,} {kind}" for kind, count in report.kinds.most_common())),
        ("chats", f"{len(report.chats):,}: {listed(report.chats)}"),
        ("who wrote", listed(report.written_by_sender)),
        ("from, to", f"{report.first:%Y-%m-%d}, {report.last:%Y-%m-%d}" if report.first and report.last else None),
        ("language", report.locale),
        ("dates", _dates(report)),
        ("time zone", report.time_zone),
        ("owner", f"{report.owner} ({report.owner_evidence})" if report.owner else None),
        ("not understood", _misses(report)),
        *(("note", warning) for warning in report.warnings),
    ]
    table = Table.grid(padding=(0, 2))
    for label, value in rows:
        if value:
            table.add_row(f"  {label}", visible(str(value)))
    out.print(table)


def _dates(report: "Report") -> str | None:
    if report.date_order is None:
        return None
    evidence = [] if report.date_order_evidence is None else [report.date_order_evidence]
    if report.date_order_confidence is not None:
        evidence.append(f"{report.date_order_confidence:.0%} sure")
    return f"{report.date_order}" + (f" ({', '.join(evidence)})" if evidence else "")


def _misses(report: "Report") -> str | None:
    if not report.unmatched_count:
        return None
    lines = ", ".join(str(number) for number in report.unmatched[:10])
    return f"{report.unmatched_count:,} lines: {lines}" + (" …" if report.unmatched_count > 10 else "")


def _print_owner(out: "Console", owner: "Owner | None") -> None:
    if owner:
        out.print(visible(f"These look like the chats of {' = '.join(owner.speakers)}: {owner.evidence}."))
    else:
        out.print("The exports do not show whose they are: name yourself with --speaker when you create a twin.")
