"""`twin create` and `twin delete`."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from twin.cli.completion import names
from twin.cli.invocation import Invocation
from twin.cli.parse import DATE_ORDER, PATHS, reading_options, survey
from twin.cli.sentences import say, visible

if TYPE_CHECKING:
    from twin.domain.twins import Twin
    from twin.ingest import Owner
    from twin.pipeline.creation import Survey
    from twin.platform import Platform


@click.command()
@click.argument("name")
@PATHS
@click.option("--speaker", multiple=True, help="A name under which you write; give it once for each name you have.")
@click.option("--base", help="The base model (TWIN_BASE otherwise).")
@DATE_ORDER
@click.option("--json", "as_json", is_flag=True, help="Print the twin as JSON.")
@click.pass_obj
def create(
    invocation: Invocation,
    *,
    name: str,
    paths: tuple[Path, ...],
    speaker: tuple[str, ...],
    base: str | None,
    date_order: str | None,
    as_json: bool,
) -> None:
    """Make a twin called NAME from chat exports. Train it with `twin run` afterwards."""
    twin = make(invocation, name, paths, speaker, base=base, date_order=date_order, err=as_json)
    if as_json:
        click.echo(json.dumps(asdict(twin), ensure_ascii=False, indent=2, default=str))
    else:
        click.echo(f"Now train it: twin run {quote(name)}")


def make(
    invocation: Invocation,
    name: str,
    paths: tuple[Path, ...],
    speaker: tuple[str, ...],
    *,
    base: str | None = None,
    date_order: str | None = None,
    err: bool = False,
) -> "Twin":
    """Read the exports, see whose they are, and store the twin; says what came of it, on standard error if `err`."""
    from twin.base.names import checked
    from twin.domain.twins import LOCAL_USER
    from twin.ingest import Owner, find_senders
    from twin.pipeline import creation

    platform = invocation.platform
    creation.check_name(platform.records, LOCAL_USER, name)
    base = checked(base or platform.settings.base)
    options = reading_options(date_order, speaker)
    found = survey(invocation, paths, options)
    reports = found.reading.reports
    owner = Owner(find_senders(reports, speaker), "as you said") if speaker else _inferred_or_asked(invocation, found)
    with invocation.err.status("storing"):
        twin = creation.create(
            paths,
            found,
            owner,
            name=name,
            user_id=LOCAL_USER,
            base=base,
            options=options,
            objects=platform.objects,
            records=platform.records,
            now=datetime.now(UTC),
        )
    for skipped in found.reading.skipped[:10]:
        say(f"not read: {visible(skipped.reason)}", err=True)
    say(
        visible(
            f"{name} is the twin of {' = '.join(owner.names)} ({owner.evidence}), who wrote "
            f"{found.written(owner.names):,} of {found.words:,} messages with words."
        ),
        err=err,
    )
    return twin


def _inferred_or_asked(invocation: Invocation, found: "Survey") -> "Owner":
    from twin.errors import DataError, NotFoundError
    from twin.ingest import LISTED, Owner, candidates, find_senders, infer_owner, listed

    if owner := infer_owner(found.reading.reports):
        return owner
    people = candidates(found.reading.reports)
    if not invocation.interactive:
        raise DataError(
            "The exports do not show whose they are. Name yourself with --speaker; these people write in them: "
            f"{listed(people)}."
        )
    click.echo("Who of these are you?")
    numbered: dict[str, str] = {}
    for number, (name, count) in enumerate(people[:LISTED], 1):
        numbered[str(number)] = name
        click.echo(f"{number:3}  {visible(name)} ({count:,} messages)")
    if len(people) > LISTED:
        click.echo(f"     and {len(people) - LISTED:,} more")
    while True:
        said = click.prompt("Number or name").strip()
        try:
            chosen = find_senders(found.reading.reports, [numbered.get(said, said)])
        except NotFoundError:
            say("Nobody here is called that. Type one of the numbers, or a name as it is written.", err=True)
        else:
            return Owner(chosen, "as you said")


def _delete(platform: "Platform", twin: "Twin") -> int:
    """Delete a twin, with what the web app keeps of it; how many files there were."""
    try:
        from twin.web.removal import delete_twin
        from twin.web.site import open_site
    except ImportError:  # not installed, so it keeps nothing
        from twin.pipeline import deletion

        return deletion.delete(
            twin,
            objects=platform.objects,
            records=platform.records,
            runner=platform.runner,
            folder=platform.scratch,
        )
    here = open_site(platform)
    try:
        return delete_twin(here, twin)
    finally:
        here.store.database.close()


@click.command()
@click.argument("name", shell_complete=names)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print how many files went, as JSON.")
@click.pass_obj
def delete(invocation: Invocation, name: str, yes: bool, as_json: bool) -> None:
    """Delete a twin: its chats, its training, everything. Nothing of it can be brought back."""
    from twin.pipeline import keys

    twin, platform = invocation.twin(name), invocation.platform
    if not yes:
        if not invocation.interactive:
            raise click.UsageError("Nobody is there to be asked whether it may go. Add --yes to delete it.")
        count = sum(1 for _ in platform.objects.keys(keys.twin(twin.id)))
        click.confirm(f"Delete {name} with its chats and everything made from them ({count} files)?", abort=True)
    with invocation.err.status("deleting"):
        deleted = _delete(platform, twin)
    if as_json:
        click.echo(json.dumps({"files": deleted}))
    else:
        say(f"{name} is gone: {deleted} files and every record of it.")
