"""Checkpoints of a training in the object store, so that another machine goes on where one was taken away."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from twin.domain.events import Progress, Watcher
from twin.errors import NotFoundError
from twin.pipeline import keys
from twin.pipeline.work import Work

FILE = "training.npz"
"""What `twin.train.loop` calls its checkpoint."""

EVERY_S = 60.0
"""How much work a machine that is taken away may cost, besides what came since its last checkpoint."""


@contextmanager
def kept(work: Work, *, clock: Callable[[], float] = time.monotonic) -> Generator[tuple[Path, Watcher]]:
    """The folder for a training's checkpoints, and the watcher with which it is told; the newest one is stored.

    A training that is done needs none any more: it goes. After a fault it stays.
    """
    folder = work.scratch / "checkpoints"
    file, key = folder / FILE, keys.run(work.run) + keys.CHECKPOINT
    folder.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        with suppress(NotFoundError):
            work.objects.get(key, file)
    stored_at, stored = clock(), _version(file)

    def watch(progress: Progress) -> None:
        nonlocal stored_at, stored
        work.watch(progress)
        if clock() - stored_at >= EVERY_S and _version(file) not in (None, stored):
            stored = _version(file)
            work.objects.put(key, file)
            stored_at = clock()

    yield folder, watch
    work.objects.delete(key)


def _version(file: Path) -> int | None:
    """Changes whenever the file is replaced."""
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return None
