"""What people upload: single files for every parser, and zips that nobody's phone wrote."""

import io
import tempfile
import warnings
from datetime import datetime
from pathlib import Path, PurePosixPath
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from tests.fuzz.source import Source
from twin.domain.messages import Kind
from twin.errors import ExportError
from twin.ingest import read

LONGEST_NAME = 200


def parsers(data: bytes) -> None:
    """One file: its path in the first line, then its content."""
    source = Source(data)
    path = PurePosixPath(source.line().decode("utf-8", "replace").replace("\0", "_") or "chat.txt")
    parts = [part[:60] for part in path.parts if part.strip("./")][-3:] or ["chat.txt"]
    _read({"/".join(parts): source.rest()})


def zips(data: bytes) -> None:
    """A zip: members of any name, size and claim, then some bytes of the archive overwritten."""
    source = Source(data)
    if source.number(4) == 0:
        _read({"upload.zip": source.rest()})
        return
    packed = io.BytesIO()
    with warnings.catch_warnings(), ZipFile(packed, "w") as archive:
        warnings.simplefilter("ignore")  # two members of one name
        for _ in range(source.number(6)):
            name = source.line().decode("utf-8", "replace")[:LONGEST_NAME] or "a"
            about = ZipInfo(name.replace("\0", "_"))
            about.compress_type = source.choice((ZIP_STORED, ZIP_DEFLATED))
            content = source.take(source.number(2000)) * (1 + source.number(3) * source.number(200))
            archive.writestr(about, content)
    damaged = bytearray(packed.getvalue())
    while source:
        at = source.number(65_536)
        # Names and claims stand at the end of an archive, contents at its beginning.
        damaged[-1 - at % len(damaged)] = source.number(256)
    _read({"upload.zip": bytes(damaged)})


def _read(files: dict[str, bytes]) -> None:
    """Whatever it is, it is messages of the right types, or an ExportError with a sentence."""
    with tempfile.TemporaryDirectory(dir=_fast()) as folder:
        for name, content in files.items():
            path = Path(folder, "given", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        given = Path(folder, "given")
        try:
            reading = read(sorted(given.iterdir()))
            for message in reading:
                assert isinstance(message.text, str)
                assert isinstance(message.chat, str)
                assert message.sender is None or isinstance(message.sender, str)
                assert message.sent_at is None or isinstance(message.sent_at, datetime)
                assert isinstance(message.kind, Kind)
        except ExportError as error:
            if not str(error).strip().endswith((".", ".)", "?", "`")):
                raise AssertionError(f"not a sentence: {error}") from error


def _fast() -> str | None:
    """A folder in memory, where there is one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
