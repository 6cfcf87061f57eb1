"""Temporary files: inside the installation, gone with their process, found where it was killed."""

import subprocess
import sys
import tempfile
from pathlib import Path

from twin.backends.local import temporary

HOLDS = """
import sys, tempfile
from pathlib import Path
from twin.backends.local import temporary
with temporary.inside(Path(sys.argv[1])):
    Path(tempfile.mkdtemp(), "chat.db").write_text("what was said")
    print("ready", flush=True)
    sys.stdin.read()
"""


def holding(folder: Path) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    return process


def held(folder: Path) -> int:
    return sum(file.name == "chat.db" for file in folder.rglob("*"))


def test_they_are_inside_and_go_with_their_process(tmp_path: Path) -> None:
    before = tempfile.gettempdir()
    with temporary.inside(tmp_path):
        file = Path(tempfile.mkdtemp(), "chat.db")
        file.write_text("what was said")
        assert file.is_relative_to(tmp_path)
        assert file.parents[1].stat().st_mode & 0o777 == 0o700
    assert tempfile.gettempdir() == before
    assert list((tmp_path / "temporary").iterdir()) == []


def test_those_of_a_killed_process_are_found_and_those_of_others_stay(tmp_path: Path) -> None:
    with holding(tmp_path) as killed, holding(tmp_path) as lives:
        temporary.sweep(tmp_path)
        assert held(tmp_path) == 2
        killed.kill()
        killed.communicate()
        assert held(tmp_path) == 2
        temporary.sweep(tmp_path)
        assert held(tmp_path) == 1
        lives.communicate(b"")
    assert list((tmp_path / "temporary").iterdir()) == []


def test_the_next_process_finds_them_too(tmp_path: Path) -> None:
    with holding(tmp_path) as killed:
        killed.kill()
    with temporary.inside(tmp_path):
        assert held(tmp_path) == 0
