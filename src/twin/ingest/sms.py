"""SMS Backup & Restore's XML: SMS, MMS, RCS and calls of an Android phone."""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import BinaryIO, cast
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

from twin.domain.messages import Kind, Message
from twin.errors import ExportError
from twin.ingest.export import Export, File, Options, Report
from twin.ingest.threads import Titles
from twin.ingest.times import instant
from twin.ingest.unknown import without_media

_PLATFORM = "sms"
_ME = "Me"
_CHUNK = 1 << 16
_UNKNOWN = frozenset({"", "null", "(Unknown)"})
_TOKEN = "insert-address-token"  # noqa: S105  what Android writes for the owner's own number
# The app writes an emoji as the two halves of its UTF-16 code, which XML 1.0 forbids.
_PAIR = re.compile(rb"&#(5[5-6]\d{3});&#(5[6-7]\d{3});")
_REFERENCE = re.compile(rb"&#(x[0-9A-Fa-f]+|\d+);")
_RAW_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def claim(files: Sequence[File], _options: Options) -> list[Export]:
    """Every XML file whose root is `smses` or `calls`."""
    titles = Titles()
    exports = list[Export]()
    for file in without_media(files):
        head = file.head(4096)
        if b"<smses" in head or (b"<calls" in head and b"<call " in head):
            exports.append(Export(_PLATFORM, "SMS Backup & Restore", [file], partial(_parse, file, titles)))
    return exports


def _parse(file: File, titles: Titles, report: Report) -> Iterator[Message]:
    report.time_zone = "UTC"
    report.owner, report.owner_id, report.owner_evidence = _ME, "me", "the backup marks what its owner sent"
    names = dict[str, str]()
    drafts = seen = 0
    try:
        for number, element in enumerate(_elements(file), 1):
            seen = number
            message = None
            if element.get("type" if element.tag == "sms" else "msg_box") == "3":
                drafts += 1
                continue
            if element.tag == "sms":
                message = _sms(element, names, titles)
            elif element.tag == "mms":
                message = _mms(element, names, titles)
            else:
                message = _call(element, titles)
            if message is None:
                report.miss(number)
            else:
                yield message
    except ParseError as error:
        where = f"{file.path.name}: the XML breaks off or is damaged in line {error.position[0]:,}"
        if not seen:
            raise ExportError(f"{where}, before any message. Copy the backup again.") from None
        report.warnings.append(f"{where}; the {seen:,} records before that were read.")
    if drafts:
        report.warnings.append(f"{drafts:,} drafts were left out.")


def _elements(file: File) -> Iterator[Element]:
    parser = XMLPullParser(("start", "end"))
    root: Element | None = None
    with file.open() as stream:
        for data in _mended(stream, file):
            try:
                parser.feed(data)
            except (LookupError, ValueError) as error:
                raise ExportError(
                    f"{file.path.name}: the XML is in an encoding that nobody knows. Copy the backup again."
                ) from error
            for event, element in cast(Iterator[tuple[str, Element]], parser.read_events()):
                if event == "start":
                    root = element if root is None else root
                elif element.tag in ("sms", "mms", "call"):
                    yield element
                    if root is not None:
                        root.clear()
        parser.close()


def _mended(stream: BinaryIO, file: File) -> Iterator[bytes]:
    """The file with emoji that XML can hold; references are never cut in two."""
    rest = b""
    while block := stream.read(_CHUNK):
        if b"<!ENTITY" in block or b"<!DOCTYPE" in block:
            raise ExportError(
                f"{file.path.name}: XML with a document type is no backup of SMS. Give the app's own file."
            )
        data = rest + block
        cut = _between_references(data)
        yield _mend(data[:cut])
        rest = data[cut:]
    yield _mend(rest)


def _between_references(data: bytes) -> int:
    """A place near the end that is not inside a reference, nor between the halves of an emoji."""
    end = len(data) - 32
    if end <= 0:
        return 0
    tail = max(end - 64, 0)
    for found in reversed(list(_REFERENCE.finditer(data, tail, end))):
        if not _is_first_half(found[1]):
            return found.end()
    start = data.find(b"&", tail, end)
    return start if start > 0 else end


def _is_first_half(digits: bytes) -> bool:
    return digits.isdigit() and len(digits) == 5 and 0xD800 <= int(digits) < 0xDC00


def _mend(data: bytes) -> bytes:
    if b"&#" in data:
        data = _PAIR.sub(_joined, data)
        data = _REFERENCE.sub(_allowed, data)
    return _RAW_CONTROL.sub(b"", data)


def _joined(pair: re.Match[bytes]) -> bytes:
    high, low = int(pair[1]), int(pair[2])
    if 0xD800 <= high < 0xDC00 <= low < 0xE000:
        return b"&#%d;" % (0x10000 + ((high - 0xD800) << 10) + low - 0xDC00)
    return pair[0]


def _allowed(reference: re.Match[bytes]) -> bytes:
    digits = reference[1]
    if len(digits) > 8:
        return b"&#65533;"
    code = int(digits[1:], 16) if digits[:1] == b"x" else int(digits)
    fine = code in (9, 10, 13) or 32 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or 0x10000 <= code < 0x110000
    return reference[0] if fine else b"&#65533;"


def _known(value: str | None) -> str:
    return "" if value is None or value in _UNKNOWN else value


def _sms(element: Element, names: dict[str, str], titles: Titles) -> Message | None:
    address, name = _known(element.get("address")), _known(element.get("contact_name"))
    if not address and not name:
        return None
    if name:
        names[_digits(address)] = name
    own = element.get("type") != "1"
    text = _known(element.get("body"))
    return Message(
        _PLATFORM,
        titles.name(name or address, _digits(address)),
        _ME if own else name or address,
        instant(element.get("date"), per_second=1000),
        Kind.TEXT if text else Kind.EMPTY,
        text,
        None,
        "me" if own else address or None,
    )


def _mms(element: Element, names: dict[str, str], titles: Titles) -> Message | None:
    addresses = [part for part in _known(element.get("address")).split("~") if part and part != _TOKEN]
    sender = next((addr.get("address", "") for addr in element.iter("addr") if addr.get("type") == "137"), "")
    own = element.get("msg_box") != "1"
    if not addresses and not sender:
        return None
    name = _known(element.get("contact_name"))
    if len(addresses) == 1 and name:
        names[_digits(addresses[0])] = name
    texts, media = list[str](), False
    for part in element.iter("part"):
        kind = part.get("ct", "")
        if kind == "text/plain":
            texts.append(_known(part.get("text")))
        elif kind != "application/smil":
            media = True
    text = "\n".join(filter(None, texts))
    title = name or ", ".join(names.get(_digits(address), address) for address in addresses or [sender])
    address = sender or addresses[0]
    return Message(
        _PLATFORM,
        titles.name(title, ",".join(sorted(map(_digits, addresses or [sender])))),
        _ME if own else names.get(_digits(address)) or (name if len(addresses) == 1 else "") or address,
        instant(element.get("date"), per_second=1000),
        Kind.MEDIA if media else Kind.TEXT if text else Kind.EMPTY,
        text,
        None,
        "me" if own else address,
    )


def _call(element: Element, titles: Titles) -> Message | None:
    number, name = _known(element.get("number")), _known(element.get("contact_name"))
    if not number and not name:
        return None
    own = element.get("type") == "2"
    sent_at = instant(element.get("date"), per_second=1000)
    chat = titles.name(name or number, _digits(number))
    return Message(
        _PLATFORM, chat, _ME if own else name or number, sent_at, Kind.CALL, "", None, "me" if own else number
    )


def _digits(address: str) -> str:
    """One identity for the ways to write a number: its last nine digits; names and short codes stay."""
    digits = re.sub(r"\D", "", address)
    return digits[-9:] if len(digits) > 6 else address
