"""The documents: every command and target that they show is there."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click

from twin.cli import group

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]


def shown(program: str) -> Iterator[tuple[str, list[str]]]:
    """Page and arguments of every call of a program, in code blocks and between backticks."""
    for page in PAGES:
        text = page.read_text("utf-8")
        blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        lines = [line for block in blocks for line in block.splitlines()]
        lines += re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
        for line in lines:
            if found := re.match(rf"(?:[A-Z_]+=\S+ )*{program} (.+)", line):
                yield page.name, shlex.split(re.split(r" \| | && ", found[1])[0], comments=True)


def test_commands() -> None:
    calls = list(shown("twin"))
    assert len(calls) > 30
    for page, arguments in calls:
        command: click.Command = group
        context = click.Context(group)
        for argument in arguments:
            if isinstance(command, click.Group) and (deeper := command.get_command(context, argument)):
                command = deeper
            elif argument.startswith("--"):
                known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
                assert argument.partition("=")[0] in {*known, "--help"}, f"{page}: {command.name} has no {argument}"
            elif command is group:
                assert argument.isupper() or argument == "…", f"{page}: twin {' '.join(arguments)}"


def test_targets() -> None:
    makefiles = (ROOT / "Makefile", ROOT / "checks.mk", ROOT / "deploy" / "cloud.mk")
    targets = {name for path in makefiles for name in re.findall(r"^([a-z-]+):", path.read_text("utf-8"), re.MULTILINE)}
    for page, (target, *_) in shown("make"):
        assert target in targets or target.endswith("…"), f"{page}: make {target}"
