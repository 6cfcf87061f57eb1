"""The `twin` command: parses, calls, prints, and turns what goes wrong into one sentence.

Modules of this folder import libraries inside their functions, so that `twin --help` answers at once.
"""

import os
import re
import sys
from collections.abc import Sequence
from contextlib import closing
from difflib import get_close_matches
from typing import Any, NoReturn

import click

from twin.cli.chat import chat
from twin.cli.completion import completion
from twin.cli.create import create, delete
from twin.cli.demo import demo
from twin.cli.export import export
from twin.cli.invocation import Invocation
from twin.cli.next import next_steps
from twin.cli.parse import parse
from twin.cli.report import report
from twin.cli.run import run
from twin.cli.sentences import complain, say
from twin.cli.serve import bot, serve
from twin.cli.stage import stage
from twin.cli.status import status
from twin.errors import TwinError


class Commands(click.Group):
    """Lists the commands in the order in which a person needs them, and knows what a mistyped one was meant to be."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            meant = get_close_matches(args[0], self.commands, 1)
            hint = f" Did you mean {meant[0]}?" if meant else ""
            raise click.UsageError(f"{error.message}{hint}", ctx) from error

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Whoever read the output has seen enough; Python must not complain about it when it closes the pipe.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(141)

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(self.commands)


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="twin", message="twin %(version)s")
@click.option("--debug", is_flag=True, help="Show where an error comes from.")
@click.pass_context
def group(ctx: click.Context, debug: bool) -> None:
    """Talk with an AI that writes the way you write, made from your own chat exports.

    \b
    twin parse chat.zip            what is in an export; nothing is kept
    twin create me chat.zip        keep it as the twin "me"
    twin run me                    train it
    twin chat me                   talk with it

    Everything stays in ~/.twin on this machine (TWIN_HOME names another folder).
    """
    invocation = ctx.ensure_object(Invocation)
    invocation.debug = debug
    if ctx.invoked_subcommand is None:
        next_steps(invocation)


for command in (demo, parse, create, run, status, chat, report, export, serve, bot, delete, completion, stage):
    group.add_command(command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 done, 1 a fault in twin, 2 something to mend, 130 stopped."""
    invocation = Invocation()
    try:
        with closing(invocation):
            status = group.main(arguments, prog_name="twin", standalone_mode=False, obj=invocation)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        say("Stopped.", err=True)
        sys.exit(130)
    except TwinError as error:
        if invocation.debug:
            raise
        complain(error)
        sys.exit(2)
    except OSError as error:
        if invocation.debug:
            raise
        # The system's own words: a full disk, a folder that is somebody else's. They name a file and quote nothing.
        where = f": {error.filename}" if error.filename else ""
        say(f"twin: {error.strerror or type(error).__name__}{where}", err=True)
        sys.exit(2)
    except Exception as error:
        if invocation.debug:
            raise
        if isinstance(error, ModuleNotFoundError) and (extras := _extras(error.name or "")):
            say(f"twin: {error.name} is not installed, which this needs: pip install 'twin[{extras}]'.", err=True)
            sys.exit(2)
        # The text of a library's error may quote a chat, and nobody who uses twin can mend it.
        say(f"twin: a fault in twin itself ({type(error).__name__}). `twin --debug …` shows where.", err=True)
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


def _extras(module: str) -> str | None:
    """The extras of twin that bring a module; None where none does."""
    from importlib.metadata import PackageNotFoundError, requires

    try:
        lines = requires("twin") or []
    except PackageNotFoundError:
        return None
    package = module.partition(".")[0].replace("_", "-")
    for line in lines:
        found = re.match(r"([\w-]+).*\bextra == ['\"](\w+)['\"]", line)
        if found and found[1] == package:
            together = "base,chat,train"  # whoever trains wants to talk as well
            return together if found[2] in together.split(",") else found[2]
    return None
