"""An object store in a folder."""

import errno
import os
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from twin.domain.key_grammar import PART, check_key
from twin.errors import NotFoundError, UnavailableError

INCOMING = ".incoming-"
"""How the name of a file begins that is still being written."""

BLOCK = 1 << 20
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}


class FolderObjectStore:
    """Objects are files, keys are their paths below `folder`.

    A put is written to a file beside the target, forced to the disk and renamed, so that a reader sees the old
    object or the new one whatever happens in between. Folders and files are for their owner's eyes only.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, key: str, source: Path) -> None:
        target = self._path(key)
        with source.open("rb") as data, _refused_writes(self.folder):
            incoming = self._new_file_beside(target)
            try:
                with incoming.open("wb") as copy:
                    shutil.copyfileobj(data, copy, BLOCK)
                    copy.flush()
                    os.fsync(copy.fileno())
                incoming.replace(target)
                _sync_folder(target.parent)
            except FileNotFoundError as error:
                raise NotFoundError(f"{key} was deleted while it was written.") from error
            finally:
                incoming.unlink(missing_ok=True)

    def get(self, key: str, target: Path) -> None:
        try:
            data = self._path(key).open("rb")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise NotFoundError(f"There is no object {key} in {self.folder}.") from error
        incoming = target.with_name(f"{INCOMING}{uuid4().hex}")
        with data, _refused_writes(target.parent):
            try:
                incoming.touch(mode=0o600)
                with incoming.open("wb") as copy:
                    shutil.copyfileobj(data, copy, BLOCK)
                incoming.replace(target)
            finally:
                incoming.unlink(missing_ok=True)

    def keys(self, prefix: str) -> Iterator[str]:
        yield from sorted(key for key, path in self._below(prefix) if not path.name.startswith(INCOMING))

    def delete(self, prefix: str) -> int:
        if not prefix:
            raise ValueError("an empty prefix would delete every object of everybody")
        deleted = 0
        for _, path in list(self._below(prefix)):
            with suppress(FileNotFoundError):
                path.unlink()
                # What a killed put left behind goes too, but it never was an object.
                deleted += not path.name.startswith(INCOMING)
        # Deepest first; a folder that is not empty, or gone already, stays as it is.
        for root, _, _ in os.walk(self.folder / prefix.rpartition("/")[0], topdown=False):
            if Path(root) != self.folder:
                with suppress(OSError):
                    Path(root).rmdir()
        return deleted

    def upload_url(self, key: str, *, content_type: str, size: int) -> str | None:
        del content_type, size
        self._path(key)
        return None

    def _path(self, key: str) -> Path:
        return self.folder / check_key(key)

    def _new_file_beside(self, target: Path) -> Path:
        """An empty file in the target's folder, which somebody else may be deleting right now."""
        incoming = target.with_name(f"{INCOMING}{uuid4().hex}")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folders = [self.folder / parent for parent in target.relative_to(self.folder).parents]
        while True:
            for folder in reversed(folders[:-1]):
                with suppress(FileExistsError, FileNotFoundError):
                    folder.mkdir(mode=0o700)
                    _sync_folder(folder.parent)
            with suppress(FileNotFoundError):
                incoming.touch(mode=0o600)
                return incoming

    def _below(self, prefix: str) -> Iterator[tuple[str, Path]]:
        """Every file, also unfinished ones, whose path below `folder` begins with `prefix`."""
        *folders, _ = prefix.split("/")
        if not all(PART.fullmatch(part) for part in folders):
            raise ValueError(f"not the beginning of a key: {prefix!r}")
        for root, _, names in os.walk(self.folder.joinpath(*folders)):
            for name in names:
                path = Path(root, name)
                key = path.relative_to(self.folder).as_posix()
                if key.startswith(prefix):
                    yield key, path


@contextmanager
def _refused_writes(folder: Path) -> Generator[None]:
    """What a person can mend about a disk, as a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise UnavailableError(
            f"Cannot write to {folder}: {os.strerror(error.errno or 0)}. Make room there, or set TWIN_HOME to a "
            "folder on another disk."
        ) from error


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open folders, and orders the rename by itself
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
