"""JSON files of any size, a record at a time."""

import codecs
import json
import re
from collections.abc import Generator, Iterator
from io import BytesIO
from typing import Any, BinaryIO, cast

import ijson

from twin.errors import ExportError
from twin.ingest.encoding import detect
from twin.ingest.export import File, Report

_CHUNK = 1 << 16
_DEEPEST = 200  # brackets; real exports have about ten
_LONGEST = 64 << 20  # bytes without a comma or line break, and bytes of a file that is loaded as a whole

# Telegram Desktop writes control characters as \x1F, and some versions the path of an emoji without its quotes.
# Half of a surrogate pair is no character in any language; some exports cut texts there.
_ESCAPE = re.compile(
    rb"\\(?:\\|x(?P<hex>[0-9A-Fa-f]{2})|(?P<pair>u[dD][89abAB]..\\u[dD][c-fC-F]..)|(?P<half>u[dD][89a-fA-F]..))"
)
_BARE_PATH = re.compile(
    rb'("document_id"\s*:\s*)(?!["\[{\s]|-?\d+\s*,?\s*$|null\b|true\b|false\b)([^\r\n]*?)(,?\s*)$', re.M
)


def _utf8(stream: BinaryIO, start: int = 0) -> Iterator[bytes]:
    """A file as UTF-8 without a byte order mark, mended; it comes in pieces that end after a line or a comma."""
    decoder = codecs.getincrementaldecoder(detect(stream.read(_CHUNK)))("replace")
    stream.seek(start)
    waiting: list[bytes] = []
    length = 0
    while block := stream.read(_CHUNK):
        data = decoder.decode(block).encode()
        cut = data.rfind(b"\n") + 1
        if not cut and length > 16 * _CHUNK:
            cut = data.rfind(b",") + 1
        if cut:
            yield _mended(b"".join(waiting) + data[:cut])
            waiting, length, data = [], 0, data[cut:]
        waiting.append(data)
        length += len(data)
        if length > _LONGEST:
            raise ijson.JSONError
    if length:  # an empty piece would mean the end to the parser
        yield _mended(b"".join(waiting))


def _mended(data: bytes) -> bytes:
    if b"\\x" in data or b"\\ud" in data or b"\\uD" in data:
        data = _ESCAPE.sub(_mended_escape, data)
    if b'"document_id"' in data:
        data = _BARE_PATH.sub(lambda found: found[1] + json.dumps(found[2].decode()).encode() + found[3], data)
    return data


def _mended_escape(found: re.Match[bytes]) -> bytes:
    if found["hex"]:
        return rb"\u00" + found["hex"]
    return rb"\ufffd" if found["half"] else found[0]


def outline(file: File) -> frozenset[str]:
    """The key paths in the first 16 KB of a JSON file (`messages.item.text`), to recognise it by; else empty."""
    head = file.head(16384)
    text = head.decode(detect(head), "ignore").lstrip()
    if text[:1] not in ("{", "["):
        return frozenset()
    paths = set[str]()
    try:
        # In small pieces: the paths of ten thousand open brackets would take half a gigabyte.
        for path, event, value in ijson.parse(BytesIO(_mended(text.encode())), buf_size=512, use_float=True):
            if path.count(".") > _DEEPEST:
                break
            if event == "map_key":
                paths.add(f"{path}.{value}" if path else value)
    except ijson.JSONError:
        pass  # the head ends where it ends
    return frozenset(paths)


def records(file: File, report: Report, *wanted: str, start: int = 0, alone: bool = True) -> Generator[tuple[str, Any]]:
    """The values at the key paths `wanted` with their paths, in the order of the file, from byte `start` on.

    `chats.list.item.name` is a chat's name, `chats.list.item.messages.item` each of its messages. Of a key that
    stands twice in an object the later value counts, unless it is empty.

    Raises:
        ExportError: no JSON, or nothing wanted before it breaks off. Where something was read before, or the file is
            not `alone` but one of several, the report gets a warning instead.
    """
    seen = 0
    with file.open() as stream:
        try:
            for path, value in _values(stream, frozenset(wanted), start):
                seen += isinstance(value, dict | list)
                yield path, value
        except ijson.JSONError:
            # The library's message quotes the file: it must not be passed on.
            where = f"{file.path}: the JSON breaks off or is damaged near byte {stream.tell():,} of {file.size:,}"
            if alone and not seen:
                raise ExportError(f"{where}, before any message. Export or copy it again.") from None
            report.warnings.append(f"{where}; the {seen:,} records before that were read.")


def _events(stream: BinaryIO, start: int) -> Iterator[tuple[str, Any]]:
    found = ijson.sendable_list()
    # Python's own integers crash the library at 4,300 digits; with this, numbers over 64 bits are an error in the JSON.
    parser = ijson.basic_parse_coro(found, use_float=True)
    for data in _utf8(stream, start):
        broken = None
        try:
            parser.send(data)
        except ijson.JSONError as error:
            broken = error
        yield from found
        found.clear()
        if broken:
            raise broken
    parser.close()


def _values(stream: BinaryIO, wanted: frozenset[str], start: int) -> Iterator[tuple[str, Any]]:
    path: list[str] = []  # one name per open bracket outside of a wanted value
    building: list[Any] = []  # the open containers of the wanted value that is being built
    at = key = ""
    for event, scalar in _events(stream, start):
        if event == "map_key":
            if building:
                key = scalar
            else:
                path[-1] = scalar
        elif event in ("end_map", "end_array"):
            if not building:
                path.pop()
            elif len(building) > 1:
                building.pop()
            else:
                yield at, building.pop()
        else:
            opens = event in ("start_map", "start_array")
            value = ({} if event == "start_map" else []) if opens else scalar
            if building:
                top = building[-1]
                if type(top) is list:
                    top.append(value)
                elif value or opens or key not in top:
                    top[key] = value
                if opens:
                    building.append(value)
            else:
                at = ".".join(path)
                if at in wanted:
                    if opens:
                        building.append(value)
                    else:
                        yield at, value
                elif opens:
                    path.append("" if event == "start_map" else "item")
            if len(path) + len(building) > _DEEPEST:
                raise ijson.JSONError


def load(file: File) -> Any:
    """A small JSON file as a whole. Raises ExportError where it is none, or larger than 64 MB."""
    if file.size > _LONGEST:
        raise ExportError(f"{file.path.name}: {file.size:,} bytes are more than such a file has (64 MB).")
    with file.open() as stream:
        try:
            return json.loads(b"".join(_utf8(stream)))
        except (ValueError, RecursionError):
            raise ExportError(f"{file.path.name}: no valid JSON. Export or copy it again.") from None


def lines(file: File, report: Report) -> Iterator[tuple[int, Any]]:
    """The values of a file with one JSON value per line, with their 1-based line numbers; others are missed."""
    with file.open() as stream:
        number, rest = 0, b""
        for data in _utf8(stream):
            *whole, rest = (rest + data).split(b"\n")
            for line in whole:
                number += 1
                yield from _line(line, number, report)
        yield from _line(rest, number + 1, report)


def _line(line: bytes, number: int, report: Report) -> Iterator[tuple[int, Any]]:
    if line.strip():
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            report.miss(number)
        else:
            yield number, value


def string(value: object) -> str:
    """A string, or a number as one; "" for everything else that may stand in its place."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def mapping(value: object) -> dict[str, Any]:
    """A JSON object; {} for everything else that may stand in its place."""
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


def array(value: object) -> list[Any]:
    """A JSON array; [] for everything else that may stand in its place."""
    return cast(list[Any], value) if isinstance(value, list) else []
