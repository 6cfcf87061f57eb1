"""Temporary files inside an installation: what a killed process left there is found, and goes.

They hold what chats hold: a copied database, a report that is shown, an export that is packed.
"""

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout


@contextmanager
def inside(folder: Path) -> Generator[None]:
    """Keep the temporary files of this process below `folder`, and remove those of processes that were killed.

    Where nothing can be written there, they stay where the system has them: looking must be possible all the same.
    """
    place = folder / "temporary"
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep(folder)
        lock, own = _owned(place)
    except OSError:
        yield
        return
    before, tempfile.tempdir = tempfile.tempdir, str(own)
    try:
        yield
    finally:
        tempfile.tempdir = before
        _remove(lock, own)


def sweep(folder: Path) -> None:
    """Remove what killed processes left. The system frees the lock of a process that is killed."""
    for path in (folder / "temporary").glob("*.lock"):
        lock = FileLock(path, thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        _remove(lock, path.with_suffix(""))


def _owned(place: Path) -> tuple[FileLock, Path]:
    """A folder of this process, which nobody takes for left over."""
    while True:
        own = place / uuid4().hex
        path = own.with_suffix(".lock")
        lock = FileLock(path, thread_local=False)
        lock.acquire()
        if path.exists():  # otherwise somebody who sweeps was faster
            own.mkdir(mode=0o700)
            return lock, own
        lock.release()


def _remove(lock: FileLock, own: Path) -> None:
    shutil.rmtree(own, ignore_errors=True)
    own.with_suffix(".lock").unlink(missing_ok=True)
    lock.release()
