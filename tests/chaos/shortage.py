"""What a machine can run out of, and what a store can refuse: disk, memory, the right to write, the database, the time."""

import os
import shutil
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos import installation
from tests.chaos.systematic import Systematic
from twin.domain.runs import RunState, Stage

ROOM = "4m"


class NotHere(Exception):  # noqa: N818  it is no fault
    """This machine does not let us try that."""


def full_disk(systematic: Systematic, home: Path) -> str:
    """A disk on which, for each stage, only so much is free: 0 bytes, then 4 KiB more until it gets through."""
    with _small_disk(home) as resize:
        systematic.fresh(home)
        tried = 0
        for stage in Stage:
            for room in (0, 1, 2, 4, 8, 16, 64, 512):
                filler = home / "filler"
                with filler.open("wb") as file:
                    free = os.statvfs(home).f_bavail * os.statvfs(home).f_frsize
                    file.write(b"x" * max(0, free - room * 4096))
                ended = systematic.stages.do(home, systematic.base, stage)
                filler.unlink()
                if ended.status == 0:
                    break
                tried += 1
                if not ended.for_people:
                    return f"{stage} with {room * 4} KiB free: {ended.sentence}"
                installation.whole(home)
                installation.again(home, systematic.base)
            else:
                resize("64m")
                ended = systematic.stages.do(home, systematic.base, stage)
                if ended.status:
                    return f"{stage} does not get through: {ended.sentence}"
        if not tried:
            return "the disk was never full"
        return ", ".join(systematic.other(home))


def read_only(systematic: Systematic, home: Path) -> str:
    """A disk that becomes read-only before each stage, and then can be written again."""
    with _small_disk(home) as resize:
        resize("64m")
        systematic.fresh(home)
        for stage in Stage:
            subprocess.run(["mount", "-o", "remount,ro", str(home)], check=True)
            ended = systematic.stages.do(home, systematic.base, stage)
            subprocess.run(["mount", "-o", "remount,rw", str(home)], check=True)
            if ended.status == 0 or not (ended.for_people or ended.sentence.startswith("OSError")):
                return f"{stage} on a read-only disk: {ended}"
            installation.again(home, systematic.base)
            ended = systematic.stages.do(home, systematic.base, stage)
            if ended.status:
                return f"{stage} does not get through: {ended.sentence}"
        return ", ".join(systematic.other(home))


def locked(systematic: Systematic, home: Path, *, seconds: float) -> str:
    """Another process keeps the database locked for some seconds: stages wait for it."""
    systematic.fresh(home)
    database = sqlite3.connect(home / "twin.db", isolation_level=None, check_same_thread=False)
    database.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    release = threading.Timer(seconds, lambda: database.execute("ROLLBACK"))
    release.start()
    first = systematic.stages.do(home, systematic.base, Stage.INGEST)
    waited = time.monotonic() - began
    release.join()
    database.close()
    if first.status or waited < seconds:
        return f"ingest did not wait: {first}"
    return _finish(systematic, home)


def clock(systematic: Systematic, home: Path) -> str:
    """The time of day jumps by a day, to and fro, whenever somebody looks."""
    systematic.fresh(home)
    for stage in Stage:
        ended = systematic.stages.do(home, systematic.base, stage, clock=True)
        if ended.status:
            return f"{stage}: {ended.sentence}"
    return ", ".join(systematic.other(home))


def memory(systematic: Systematic, home: Path) -> str:
    """Training may take so little memory that it cannot go on."""
    systematic.fresh(home)
    tried = 0
    for stage in Stage:
        for most in (24, 64, 1024):  # with less it cannot even begin, and stays where it was
            if stage is Stage.TRAIN:
                ended = systematic.stages.do(home, systematic.base, stage, memory_mb=most)
                with installation.opened(home, systematic.base) as platform:
                    run = platform.records.run(installation.RUN)
                if ended.status == 0:
                    break
                tried += 1
                # One that was killed outright is begun again by the worker, which says so after the third time.
                if ended.status == 1 and (run.state is RunState.RUNNING or "fault in twin" in (run.error or "")):
                    return f"with {most} MB more, training ended with: {ended.sentence}; the run says {run.error}"
                installation.again(home, systematic.base)
        ended = systematic.stages.do(home, systematic.base, stage)
        if ended.status:
            return f"{stage} does not get through: {ended.sentence}"
    return ", ".join(systematic.other(home)) if tried else "there was always enough memory"


def run(systematic: Systematic, folder: Path, *, locked_s: float, told: Callable[[str], None]) -> Counter[str]:
    """Every shortage once. How many were met, and in how many something was lost."""
    counts: Counter[str] = Counter(lost=0)
    ways: dict[str, Callable[[Path], str]] = {
        "full disk": lambda home: full_disk(systematic, home),
        "read-only disk": lambda home: read_only(systematic, home),
        "database locked": lambda home: locked(systematic, home, seconds=locked_s),
        "clock jumps": lambda home: clock(systematic, home),
        "memory limit": lambda home: memory(systematic, home),
    }
    for name, way in ways.items():
        home = folder / "shortage"
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        try:
            problem = way(home)
        except NotHere as error:
            told(f"not tried here, {name}: {error}")
            continue
        counts["shortages"] += 1
        if problem:
            counts["lost"] += 1
            told(f"{name}: {problem}")
    return counts


def _finish(systematic: Systematic, home: Path) -> str:
    for stage in Stage:
        ended = systematic.stages.do(home, systematic.base, stage)
        if ended.status:
            return f"{stage} does not get through: {ended.sentence}"
    return ", ".join(systematic.other(home))


@contextmanager
def _small_disk(place: Path) -> Iterator[Callable[[str], None]]:
    """A disk of a few megabytes at `place`, and how to resize it."""
    if os.geteuid() != 0:
        raise NotHere("only root can mount a small disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={ROOM},mode=0700", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        raise NotHere(mounted.stderr.decode().strip())
    try:
        yield lambda size: subprocess.run(["mount", "-o", f"remount,size={size}", str(place)], check=True) and None
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
