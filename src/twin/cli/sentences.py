"""Sentences on a terminal: broken between words, but never within a command that somebody may copy."""

import re
import shutil
import sys

import click

from twin.errors import TwinError

_WORD = re.compile(r"(?:`[^`]*`|\S)+")


def say(text: str, *, err: bool = False) -> None:
    """Print text: on a terminal in lines as wide as it is, elsewhere as it comes.

    Args:
        err: for what goes along with what was asked for, and for what went wrong.
    """
    if (sys.stderr if err else sys.stdout).isatty():
        text = "\n".join(broken(line, shutil.get_terminal_size().columns) for line in text.split("\n"))
    click.echo(text, err=err)


def complain(error: TwinError) -> None:
    """Print what somebody can mend."""
    say(f"{click.style('twin:', bold=True)} {error}", err=True)


def broken(line: str, width: int) -> str:
    """A line in lines of at most `width` characters, where its words allow; what is in backquotes is one word."""
    lines: list[str] = []
    for word in _WORD.findall(line):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and len(click.unstyle(longer)) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)


def visible(text: str) -> str:
    """Text that cannot steer the terminal it is printed on."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", lambda match: f"\\x{ord(match[0]):02x}", text)
