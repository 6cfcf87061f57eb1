"""The files of an upload, whether they lie in a folder, in a zip, or in a zip inside a zip.

Nothing is unpacked: a member is a stream. Only a zip inside a zip is copied, to memory or an unnamed temporary file,
because a zip can be read from its end only.
"""

import io
import re
import unicodedata
import weakref
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import lru_cache
from pathlib import Path, PurePosixPath
from tempfile import SpooledTemporaryFile
from typing import IO, BinaryIO, cast
from zipfile import BadZipFile, ZipFile, ZipInfo, is_zipfile

from twin.errors import ExportError
from twin.ingest.export import File

MAX_FILES = 300_000
MAX_DEPTH = 3
MAX_NESTED_BYTES = 4 << 30
BOMB_BYTES = 64 << 20
BOMB_RATIO = 200
"""Texts shrink up to 30 times, generated JSON up to 100 times, nothing but zeros 1,000 times."""

_HIDDEN = re.compile(r"(?:^|/)(?:__MACOSX|\.[^/]*|Thumbs\.db|desktop\.ini)(?:/|$)")
_DOCUMENTS = frozenset({"[Content_Types].xml", "mimetype", "META-INF/container.xml", "META-INF/MANIFEST.MF"})
_BROKEN = (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)


class Upload:
    """Everything that was found under some paths.

    Attributes:
        files: in the order of their paths.
        problems: path and sentence of what could not be opened.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.files: list[File] = []
        self.problems: list[tuple[str, str]] = []
        self._taken: set[PurePosixPath] = set()
        self._nested = 0
        # A folder may hold thousands of zips, a process may open about a thousand files.
        self._opened = lru_cache(maxsize=64)(ZipFile)
        for path in paths:
            if not path.exists():
                raise ExportError(f"{path} is not there. Check the path; it may need quotes.")
            for file in _folder(path) if path.is_dir() else [_plain(path, path.name)]:
                self._add(file, depth=0)
        self.files.sort(key=lambda file: file.path)

    def _add(self, file: File, *, depth: int) -> None:
        try:
            with file.open() as stream:
                start = stream.read(4)
                if start in {b"PK\x03\x04", b"PK\x05\x06"} or (
                    file.path.suffix.lower() == ".zip" and start[:2] == b"PK"
                ):
                    members = self._members(file, stream, depth=depth)
                    if members is not None:
                        for member in members:
                            self._add(member, depth=depth + 1)
                        return
        except ExportError as error:
            self.problems.append((str(file.path), str(error)))
            return
        except OSError as error:
            self.problems.append((str(file.path), f"{file.path} cannot be read: {error.strerror or error}."))
            return
        if len(self.files) >= MAX_FILES:
            raise ExportError(f"The upload holds more than {MAX_FILES:,} files. Give only the folders of the chats.")
        path, number = file.path, 2
        while path in self._taken:
            path = file.path.parent / str(number) / file.path.name
            number += 1
        self._taken.add(path)
        self.files.append(file if path == file.path else File(path, file.size, file.open, file.modified))

    def _members(self, file: File, stream: BinaryIO, *, depth: int) -> list[File] | None:
        """The files in a zip; None where the zip is one document."""
        name = file.path
        if not is_zipfile(stream):
            raise ExportError(f"{name} is a zip that was cut off or damaged. Copy or export it again.")
        if depth > MAX_DEPTH:
            raise ExportError(f"{name} is a zip inside {depth} zips. Unpack it first.")
        stream.seek(0)
        archive = self._archive(file, stream, depth=depth)
        # A name may be empty, which Python 3.11 cannot ask whether it is a folder.
        infos = [info for info in archive().infolist() if info.filename and not info.is_dir()]
        if _DOCUMENTS & {info.filename for info in infos[:50]}:
            return None
        if len(infos) > MAX_FILES:
            raise ExportError(f"{name} holds {len(infos):,} files. Give a zip with the chats only.")
        unpacked = sum(info.file_size for info in infos)
        if unpacked > BOMB_BYTES and unpacked > BOMB_RATIO * file.size:
            raise ExportError(
                f"{name} claims to unpack to {unpacked / max(file.size, 1):,.0f} times its size, as a zip bomb does. "
                "Give the chats themselves, or a zip that a phone made."
            )
        members = list(_checked(infos, name))
        if not members:
            raise ExportError(f"{name} is a zip without any file. Export the chat again.")
        if all(info.flag_bits & 1 for info, _ in members):
            raise ExportError(f"{name} is locked with a password. Unpack it and give the files.")
        return [_member(archive, info, name / path) for info, path in members]

    def _archive(self, file: File, stream: BinaryIO, *, depth: int) -> Callable[[], ZipFile]:
        with _told(file.path):
            if depth == 0:
                path, opened = cast(IO[bytes], stream).name, self._opened
                opened(path)
                return lambda: opened(path)  # without `self`: a cycle would leave the file open until collected
            self._nested += file.size
            if self._nested > MAX_NESTED_BYTES:
                raise ExportError(f"{file.path} is too large for a zip inside a zip. Unpack the outer zip first.")
            copy = SpooledTemporaryFile(max_size=32 << 20)  # noqa: SIM115  closed with the archive
            while block := stream.read(1 << 20):
                copy.write(block)
            archive = ZipFile(cast(IO[bytes], copy))
            weakref.finalize(archive, copy.close)
            return lambda: archive


def _folder(folder: Path) -> Iterator[File]:
    base = folder.resolve()
    for path in sorted(base.rglob("*")):
        name = path.relative_to(base).as_posix()
        if not _HIDDEN.search(name) and not path.is_symlink() and path.is_file():
            yield _plain(path, f"{base.name}/{name}" if base.name else name)


def _plain(path: Path, name: str) -> File:
    status = path.stat()
    when = datetime.fromtimestamp(status.st_mtime)  # noqa: DTZ006  exports hold wall-clock times
    return File(PurePosixPath(unicodedata.normalize("NFC", name)), status.st_size, lambda: path.open("rb"), when)


def _checked(infos: list[ZipInfo], archive: PurePosixPath) -> Iterator[tuple[ZipInfo, str]]:
    for info in infos:
        name = info.filename
        if not info.flag_bits & 0x800:  # macOS writes UTF-8 without saying so
            with suppress(UnicodeError):
                name = name.encode("cp437").decode("utf-8")
        name = unicodedata.normalize("NFC", name.replace("\\", "/"))
        if name.startswith("/") or re.match(r"[A-Za-z]:/", name) or ".." in name.split("/"):
            raise ExportError(
                f"{archive} holds a file whose path leads out of the archive, which no phone writes. "
                "Do not trust this zip; export the chat again."
            )
        if not _HIDDEN.search(name):
            yield info, name


def _member(archive: Callable[[], ZipFile], info: ZipInfo, path: PurePosixPath) -> File:
    def opened() -> BinaryIO:
        if info.flag_bits & 1:
            raise ExportError(f"{path} is locked with a password. Unpack the zip and give the files.")
        return io.BufferedReader(_Guarded(archive(), info, path), 1 << 16)

    try:
        when = datetime(*info.date_time)
    except ValueError:
        when = None
    # 1980-01-01 is how a zip says that it does not know.
    return File(path, info.file_size, opened, when if when and when.year > 1980 else None)


@contextmanager
def _told(path: PurePosixPath) -> Generator[None]:
    """Turns what a damaged archive raises into one sentence."""
    try:
        yield
    except _BROKEN as error:
        raise ExportError(f"{path} is damaged. Copy or export it again.") from error


class _Guarded(io.RawIOBase):
    """A zip member whose damage shows as an ExportError."""

    def __init__(self, archive: ZipFile, info: ZipInfo, path: PurePosixPath) -> None:
        super().__init__()
        self._path = path
        with _told(path):
            self._stream = archive.open(info)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        with _told(self._path):
            block = self._stream.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        with _told(self._path):
            return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def close(self) -> None:
        if not self.closed and hasattr(self, "_stream"):
            self._stream.close()
        super().close()
