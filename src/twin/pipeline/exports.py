"""A stored twin in the form that another program loads."""

from pathlib import Path
from shlex import quote
from tempfile import TemporaryDirectory

from twin.base import models
from twin.convert import Kind, export
from twin.domain.ports import ObjectStore, RecordStore
from twin.domain.runs import Run
from twin.domain.twins import Twin
from twin.errors import DataError
from twin.pipeline import keys


def published(twin: Twin, records: RecordStore) -> Run:
    """The run whose adapter answers. Raises DataError where there is none yet."""
    if twin.run_id is None:
        raise DataError(f"{twin.name!r} was not trained yet. Run `twin run {quote(twin.name)}` first.")
    return records.run(twin.run_id)


def export_twin(
    twin: Twin, kind: Kind, target: Path, *, objects: ObjectStore, records: RecordStore, bases: Path
) -> None:
    """Make the folder `target`, whole or not at all.

    Args:
        bases: where base models are kept.

    Raises:
        DataError: the twin was not trained, or something is at `target`.
        ModelError: the adapter is broken, or `target` cannot be written.
    """
    prefix = keys.run(published(twin, records)) + keys.ADAPTER
    with TemporaryDirectory() as folder:
        for key in objects.keys(prefix):
            objects.get(key, Path(folder) / key.removeprefix(prefix))
        base = models.find(twin.base, folder=bases)
        export(kind, Path(folder), base, target, speaker=twin.speakers[0], partner=twin.partner)
