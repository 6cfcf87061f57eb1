"""`twin create` and `twin delete`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from twin.cli.invocation import Invocation
from twin.cli.parse import DATE_ORDER, PATHS, print_skipped, reading_options, visible

if TYPE_CHECKING:
    from collections import Counter

    from twin.domain.twins import Twin
    from twin.pipeline.creation import Survey
    from twin.pipeline.owner import Owner


@click.command()
@click.argument("name")
@PATHS
@click.option("--speaker", multiple=True, help="A name under which you write; give it once for each name you have.")
@click.option("--base", help="The base model (TWIN_BASE otherwise).")
@DATE_ORDER
@click.pass_obj
def create(
    invocation: Invocation,
    *,
    name: str,
    paths: tuple[Path, ...],
    speaker: tuple[str, ...],
    base: str | None,
    date_order: str | None,
) -> None:
    """Make a twin called NAME from chat exports. Train it with `twin run` afterwards."""
    make(invocation, name, paths, speaker, base=base, date_order=date_order)
    click.echo(f"Now train it: twin run {name}")


def make(
    invocation: Invocation,
    name: str,
    paths: tuple[Path, ...],
    speaker: tuple[str, ...],
    *,
    base: str | None = None,
    date_order: str | None = None,
) -> "Twin":
    """Read the exports, see whose they are, and store the twin; says what came of it."""
    from twin.domain.twins import LOCAL_USER
    from twin.pipeline import creation
    from twin.pipeline.owner import named, senders

    platform = invocation.platform
    creation.check_name(platform.records, LOCAL_USER, name)
    options = reading_options(date_order, speaker)
    with invocation.err.status("reading") as spinner:
        found = creation.survey(
            paths, options, watch=lambda count: spinner.update(f"reading, {count:,} messages so far")
        )
    owner = named(speaker, found.reports) if speaker else _inferred_or_asked(invocation, found)
    with invocation.err.status("storing"):
        twin = creation.create(
            paths,
            found,
            owner,
            name=name,
            user_id=LOCAL_USER,
            base=base or platform.settings.base,
            options=options,
            objects=platform.objects,
            records=platform.records,
            now=datetime.now(UTC),
        )
    counts = senders(found.reports)
    written = sum(counts[one] for one in owner.speakers)
    print_skipped(invocation.err, found.skipped)
    click.echo(
        visible(
            f"{name} is the twin of {' = '.join(owner.speakers)} ({owner.evidence}), who wrote {written:,} of "
            f"{counts.total():,} messages with words."
        )
    )
    return twin


def _inferred_or_asked(invocation: Invocation, found: "Survey") -> "Owner":
    from twin.errors import DataError
    from twin.pipeline.owner import Owner, inferred, listed, senders

    if owner := inferred(found.reports):
        return owner
    counts = senders(found.reports)
    if not invocation.interactive:
        raise DataError(
            "The exports do not show whose they are. Name yourself with --speaker; these people write in them: "
            f"{listed(counts)}."
        )
    return Owner((_asked(counts),), "as you said")


def _asked(counts: "Counter[str]") -> str:
    names = [name for name, _ in counts.most_common(30)]
    click.echo("Who of these are you?")
    for number, name in enumerate(names, 1):
        click.echo(f"{number:3}  {visible(name)} ({counts[name]:,} messages)")
    return names[click.prompt("Number", type=click.IntRange(1, len(names))) - 1]


@click.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete(invocation: Invocation, name: str, yes: bool) -> None:
    """Delete a twin: its chats, its training, everything. Nothing of it can be brought back."""
    from twin.pipeline import deletion, keys

    twin, platform = invocation.twin(name), invocation.platform
    if invocation.interactive and not yes:
        count = sum(1 for _ in platform.objects.keys(keys.twin(twin.id)))
        click.confirm(f"Delete {name} with its chats and everything made from them ({count} files)?", abort=True)
    with invocation.err.status("deleting"):
        deleted = deletion.delete(
            twin,
            objects=platform.objects,
            records=platform.records,
            runner=platform.runner,
            folder=platform.scratch,
        )
    click.echo(f"{name} is gone: {deleted} files and every record of it.")
