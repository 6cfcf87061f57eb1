"""Uploads: what a person gave, stored to the byte under numbers; the names stand in each upload's list.

Names must be kept, because they often say which chat a file holds, and must not be keys, because they name people.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from uuid import uuid4

from twin.domain.ports import ObjectStore
from twin.domain.twins import Twin
from twin.errors import ExportError
from twin.ingest.unknown import is_media
from twin.pipeline import keys

if TYPE_CHECKING:
    from twin.ingest import Reading


def add_path(objects: ObjectStore, twin_id: str, path: Path) -> str:
    """Store a file, or a folder without its pictures, sounds and videos, as one upload; its id."""
    upload_id = uuid4().hex
    prefix = keys.upload(twin_id, upload_id)
    names: list[str] = []
    for number, (name, file) in enumerate(_files(path)):
        objects.put(prefix + keys.file_number(number), file)
        names.append(name)
    complete(objects, twin_id, upload_id, names)
    return upload_id


def complete(objects: ObjectStore, twin_id: str, upload_id: str, names: list[str]) -> None:
    """Say what the files of an upload are called, in the order of their numbers. From now on the upload counts."""
    for name in names:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.name or "\0" in name:
            raise ExportError(f"A file of the upload is called {name!r}, which leads out of it. Rename it.")
    with TemporaryDirectory() as folder:
        listing = Path(folder) / keys.FILES
        listing.write_text(json.dumps(names, ensure_ascii=False), "utf-8")
        objects.put(keys.upload(twin_id, upload_id) + keys.FILES, listing)


def fetch(objects: ObjectStore, twin_id: str, folder: Path) -> list[Path]:
    """Bring every complete upload of a twin into `folder`, emptied first; the paths that were given once."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    paths: set[Path] = set()
    listing = folder / keys.FILES
    for key in objects.keys(keys.uploads(twin_id)):
        prefix, _, last = key.rpartition("/")
        if last != keys.FILES:
            continue
        objects.get(key, listing)
        upload = folder / prefix.rpartition("/")[2]
        for number, name in enumerate(json.loads(listing.read_text("utf-8"))):
            target = upload / name
            target.parent.mkdir(parents=True, exist_ok=True)
            objects.get(f"{prefix}/{keys.file_number(number)}", target)
            paths.add(upload / PurePosixPath(name).parts[0])
    listing.unlink(missing_ok=True)
    return sorted(paths)


def reading(objects: ObjectStore, twin: Twin, folder: Path) -> "Reading":
    """Every upload of a twin, brought into `folder`, as what reads its messages. Raises ExportError."""
    from twin.ingest import DateOrder, Options, read  # noqa: PLC0415 -- who only stores uploads loads no parser

    order = twin.options.get("date_order")
    options = Options(date_order=DateOrder(order) if order else None, owners=twin.speakers)
    return read(fetch(objects, twin.id, folder), options=options)


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    if not path.is_dir():
        yield path.name, path
        return
    base = path.resolve()
    for file in sorted(base.rglob("*")):
        name = PurePosixPath(base.name, file.relative_to(base).as_posix())
        if file.is_file() and not file.is_symlink() and not is_media(name):
            yield str(name), file
