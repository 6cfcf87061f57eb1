"""The journal of a run: what its stages tell while they work, stored so that anybody can follow from anywhere.

One object per stage, written anew every second or so: stores replace objects, none of them appends.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from twin.domain.events import Progress
from twin.domain.ports import ObjectStore, RecordStore
from twin.domain.runs import Run, Stage
from twin.errors import NotFoundError
from twin.pipeline import keys


class Event(NamedTuple):
    """Some progress, and when (aware, UTC)."""

    at: datetime
    progress: Progress


class Update(NamedTuple):
    """What changed since the last look: how the run stands, and the events since."""

    run: Run
    events: list[Event]


class Journal:
    """The watcher that writes the journal of one stage, going on where an interrupted one ended.

    Progress that comes faster than it is stored is thinned to the newest, but a note or a figure that comes
    seldom (a sample reply, a held-out loss) is never dropped.
    """

    def __init__(
        self,
        objects: ObjectStore,
        run: Run,
        stage: Stage,
        *,
        scratch: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._objects = objects
        self._key = keys.journal(run, stage)
        self._file = scratch / f"journal-{stage}.jsonl"
        try:
            objects.get(self._key, self._file)
        except NotFoundError:
            self._file.write_bytes(b"")
        self._pending: Event | None = None
        self._clock = clock
        self._began = self._stored = clock()
        self._first = True

    def __call__(self, progress: Progress) -> None:
        event = Event(datetime.now(UTC), progress)
        if self._pending and not _replaces(progress, self._pending.progress):
            self._append()
        self._pending = event
        now = self._clock()
        # A long training is looked at less often: the object stays small, whatever the length.
        if self._first or now - self._stored >= max(1.0, (now - self._began) / 600):
            self.store()
            self._stored = now
            self._first = False

    def store(self) -> None:
        """Store everything that was told so far."""
        self._append()
        self._objects.put(self._key, self._file)

    def _append(self) -> None:
        if self._pending:
            row = {"at": self._pending.at.isoformat(timespec="milliseconds"), **asdict(self._pending.progress)}
            with self._file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")
            self._pending = None


def events(objects: ObjectStore, run: Run, *, scratch: Path, first: Stage = Stage.INGEST) -> list[Event]:
    """What the stages from `first` on have told so far, in order. `scratch` is a folder of the caller."""
    found: list[Event] = []
    file = scratch / f"read-{uuid4().hex}.jsonl"  # several may look at once
    for stage in list(Stage)[list(Stage).index(first) :]:
        try:
            objects.get(keys.journal(run, stage), file)
        except NotFoundError:
            continue
        with file.open(encoding="utf-8") as lines:
            found.extend(_event(line) for line in lines)
    file.unlink(missing_ok=True)
    return found


def follow(
    objects: ObjectStore,
    records: RecordStore,
    run_id: str,
    *,
    scratch: Path,
    after: int = 0,
    poll_s: float = 0.5,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Update]:
    """Every change of a run until it is over, beginning with how it stands now.

    Args:
        after: how many events the caller has seen already.

    Raises:
        NotFoundError: the run is not there, or was deleted meanwhile.
    """
    seen, last = after, None
    while True:
        run = records.run(run_id)
        told = events(objects, run, scratch=scratch)
        if run != last or len(told) > seen:
            yield Update(run, told[seen:])
            last, seen = run, len(told)
        if run.state.final:
            return
        sleep(poll_s)


def _replaces(newer: Progress, older: Progress) -> bool:
    return older.note is None and (older.figures or {}).keys() <= (newer.figures or {}).keys()


def _event(line: str) -> Event:
    row = json.loads(line)
    progress = Progress(Stage(row["stage"]), row["done"], row["total"], row["figures"], row["note"])
    return Event(datetime.fromisoformat(row["at"]), progress)
