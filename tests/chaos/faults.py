"""File operations that fail on order: builds `faults.c`, and speaks with it in processes that were started with it."""

import ctypes
import errno
import os
import subprocess
from enum import IntEnum
from pathlib import Path

SOURCE = Path(__file__).with_name("faults.c")
LIBRARY = Path(".cache/chaos/faults.so").absolute()


class Fault(IntEnum):
    """What happens at the N-th operation; the numbers are those of `faults.c`.

    ONCE: it fails. EVER: it fails, and so do all after it. KILL: the process is killed in the middle of it.
    """

    ONCE = 1
    EVER = 2
    KILL = 3


ERRORS = (errno.ENOSPC, errno.EIO)


def build() -> Path:
    """The library. Raises FileNotFoundError where no C compiler is there."""
    if not LIBRARY.exists() or LIBRARY.stat().st_mtime < SOURCE.stat().st_mtime:
        LIBRARY.parent.mkdir(parents=True, exist_ok=True)
        part = LIBRARY.with_suffix(f".{os.getpid()}")
        subprocess.run(
            [
                os.environ.get("CC", "cc"),
                "-O2",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-shared",
                "-fPIC",
                "-o",
                str(part),
                str(SOURCE),
                "-ldl",
            ],
            check=True,
        )
        part.replace(LIBRARY)
    return LIBRARY


def environment() -> dict[str, str]:
    """The environment of a process in which faults can be begun."""
    return {**os.environ, "LD_PRELOAD": str(build())}


def begin(folder: Path, fault: Fault | None, *, at: int, error: int) -> None:
    """From now on, count the operations of this process below `folder`, and let number `at` meet its fault."""
    how = int(fault) if fault else int(Fault.ONCE)
    _loaded().faults_begin(str(folder).encode(), how, ctypes.c_long(at if fault else 0), error)


def counted() -> int:
    """The operations since `begin`."""
    count = _loaded().faults_counted
    count.restype = ctypes.c_long
    return count()


def let_the_clock_jump() -> None:
    """From now on, the time of day is a day off, now to this side, now to that."""
    _loaded().faults_jump(1)


def _loaded() -> ctypes.CDLL:
    return ctypes.CDLL(None)
