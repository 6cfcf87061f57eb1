"""Lines on a terminal end between words; elsewhere a sentence is one line."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from twin.cli.sentences import broken

pty = pytest.importorskip("pty", reason="no terminals of this kind here")


def test_breaks_between_words_only() -> None:
    line = "There is no twin there; `twin create NAME PATH` makes one, and /a/path/that/is/longer/than/a/line stays."
    lines = broken(line, 40).split("\n")
    assert lines == [
        "There is no twin there;",
        "`twin create NAME PATH` makes one, and",
        "/a/path/that/is/longer/than/a/line",
        "stays.",
    ]
    assert broken("", 40) == ""
    assert broken("a `quote that never ends", 10) == "a `quote\nthat never\nends"


def test_colour_takes_no_room() -> None:
    assert broken(f"{click.style('twin:', bold=True)} 1234", 10).count("\n") == 0


def _ran(home: Path, *, terminal: bool) -> list[str]:
    """What `twin report nobody` says, on a terminal of 50 columns or into a pipe."""
    command = [sys.executable, "-m", "twin", "report", "nobody"]
    environment = {**os.environ, "TWIN_HOME": str(home), "COLUMNS": "50"}
    if not terminal:
        done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
        return done.stderr.splitlines()
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        said = b""
        try:
            while part := os.read(ours, 4096):
                said += part
        except OSError:  # Linux says so when nobody writes any more
            pass
    os.close(ours)
    return [click.unstyle(line) for line in said.decode().splitlines()]


def test_an_error_fits_the_terminal(tmp_path: Path) -> None:
    [whole] = _ran(tmp_path, terminal=False)
    lines = _ran(tmp_path, terminal=True)
    assert len(whole) > 50
    assert len(lines) > 1
    assert max(map(len, lines)) <= 50
    assert " ".join(lines) == whole
