"""`twin` alone: where things stand, and what to do next."""

from shlex import quote
from typing import TYPE_CHECKING

import click

from twin.cli.invocation import Invocation
from twin.cli.sentences import say
from twin.cli.status import describe

if TYPE_CHECKING:
    from twin.domain.runs import Run
    from twin.domain.twins import Twin

BEGIN = (
    ("twin demo", "watch a sample chat become a twin: about 5 minutes"),
    ("twin parse chat.zip", "see what is in your exports; nothing is kept"),
    ("twin create me chat.zip", 'keep them as the twin "me"'),
    ("twin serve", "or do all of it in the browser"),
)


def next_steps(invocation: Invocation) -> None:
    """Print a line on how each twin stands, and the commands that lead on from there."""
    from twin.domain.twins import LOCAL_USER

    records = invocation.platform.records
    twins = records.twins(LOCAL_USER)
    if not twins:
        click.echo("There is no twin yet. Begin with one of these:\n")
        _list(BEGIN)
    for twin in twins:
        runs = records.runs(twin.id)
        says, commands = _next(invocation, twin, runs[-1] if runs else None)
        say(f"{twin.name}: {says}\n")
        _list(commands)
    click.echo("twin --help lists every command.")


def _next(invocation: Invocation, twin: "Twin", last: "Run | None") -> tuple[str, tuple[tuple[str, str], ...]]:
    """How a twin stands, and commands with what each does."""
    name = quote(twin.name)
    train = (f"twin run {name}", "train it")
    talk = (
        (f"twin chat {name}", "talk with it"),
        (f"twin report {name}", "see how alike it is"),
        ("twin serve", "or do both in the browser"),
    )
    if not twin.speakers:
        return "was never completed", ((f"twin delete {name}", "delete what there is of it"),)
    if last is None:
        return "has its chats, and was not trained yet", (train,)
    if not last.state.final:
        return describe(invocation, twin, last), ((f"twin run {name}", "watch it, or go on with it"),)
    if twin.run_id == last.id:
        return "answers", talk
    again = (f"twin run {name}", "go on from there")
    return f"its last run {describe(invocation, twin, last)}", (again, *talk) if twin.run_id else (again,)


def _list(commands: tuple[tuple[str, str], ...]) -> None:
    width = max(len(command) for command, _ in commands)
    for command, meaning in commands:
        click.echo(f"  {command:{width}}   {meaning}")
    click.echo()
