"""Making a twin: read what was given, see who its owner is, store the uploads, record the twin."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from shlex import quote
from uuid import uuid4

from twin.domain.ports import ObjectStore, RecordStore
from twin.domain.twins import Twin
from twin.errors import DataError, NotFoundError
from twin.ingest import Options, Owner, Reading, candidates, read
from twin.pipeline import keys, uploads
from twin.prepare import FEWEST


@dataclass(frozen=True, slots=True)
class Survey:
    """What an upload holds. The messages were read once and counted, so that the reading's reports are full."""

    reading: Reading
    messages: int

    def written(self, names: Sequence[str]) -> int:
        """How many messages with words somebody wrote, under all their names."""
        return sum(count for name, count in candidates(self.reading.reports) if name in names)

    @property
    def words(self) -> int:
        """How many messages with words there are."""
        return sum(count for _, count in candidates(self.reading.reports))


def survey(paths: Sequence[Path], options: Options, *, watch: Callable[[int], None] = lambda _: None) -> Survey:
    """Read every message under some paths and keep none. `watch` is told how many there were so far.

    Raises:
        ExportError: nothing there can be read.
    """
    reading = read(paths, options=options)
    count = 0
    for _ in reading.messages():
        count += 1
        if count % 10_000 == 0:
            watch(count)
    return Survey(reading, count)


def find(records: RecordStore, owner: str, name: str) -> Twin:
    """The owner's twin of that name. Raises NotFoundError, which lists those that are there."""
    twins = records.twins(owner)
    for twin in twins:
        if twin.name == name:
            return twin
    there = ", ".join(twin.name for twin in twins)
    if there:
        raise NotFoundError(f"There is no twin called {name!r}. There is: {there}.")
    raise NotFoundError(f"There is no twin called {name!r}, nor any other. Make one with `twin create NAME PATH`.")


def is_draft(twin: Twin) -> bool:
    """Whether a twin is still being made: nobody has said yet, or nothing has shown, whose it is."""
    return not twin.speakers


def create(
    paths: Sequence[Path],
    found: Survey,
    speaks: Owner,
    *,
    name: str,
    user_id: str,
    base: str,
    options: Options,
    objects: ObjectStore,
    records: RecordStore,
    now: datetime,
) -> Twin:
    """Store a twin whole or not at all. `found` is the survey of `paths`, `speaks` whom the twin is of.

    The twin is recorded first, as a draft, so that nothing is ever stored that no record leads to.

    Raises:
        DataError: the name is taken, or the owner wrote too little.
    """
    check_name(records, user_id, name)
    written = found.written(speaks.names)
    if written < FEWEST:
        raise DataError(
            f"{speaks.names[0]} wrote {written} messages with words in these chats; a twin needs at least "
            f"{FEWEST}. Add more chats, or name another --speaker."
        )
    chosen = {} if options.date_order is None else {"date_order": options.date_order.value}
    draft = Twin(uuid4().hex, user_id, name, (), base, now, options=chosen)
    for left in records.twins(user_id):
        if left.name == name:  # a draft whose making was killed
            _remove(left, objects, records)
    records.save(draft)
    try:
        for path in paths:
            uploads.add_path(objects, draft.id, path)
        twin = replace(draft, speakers=speaks.names)
        records.save(twin)
    except BaseException:
        _remove(draft, objects, records)
        raise
    return twin


def check_name(records: RecordStore, user_id: str, name: str) -> None:
    """Raises DataError where a name is taken or cannot be one."""
    if not name.strip() or len(name) > 100 or not name.isprintable():
        raise DataError("A twin's name is 1 to 100 letters long, without line breaks. Choose another.")
    if any(twin.name == name and not is_draft(twin) for twin in records.twins(user_id)):
        raise DataError(
            f"There is a twin called {name!r} already. Choose another name, or `twin delete {quote(name)}` first."
        )


def _remove(draft: Twin, objects: ObjectStore, records: RecordStore) -> None:
    objects.delete(keys.twin(draft.id))
    records.forget(twin_id=draft.id)
