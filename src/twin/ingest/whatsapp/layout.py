"""How one WhatsApp text is laid out, learned from a sample of it before it is read."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from babel import Locale

from twin.ingest.date_order import OrderGuess, infer
from twin.ingest.encoding import detect
from twin.ingest.export import DateOrder, File, Options
from twin.ingest.whatsapp.kinds import Kinds
from twin.ingest.whatsapp.phrases import notice_in
from twin.ingest.whatsapp.senders import Senders
from twin.ingest.whatsapp.shapes import ANY_SPACE, MARKS, SPACES, Shape, choose, clean, compile_shapes, shape_of
from twin.ingest.whatsapp.stamps import Stamps, fields_of

_WHOLE = 512 << 10
_HEAD = 128 << 10
_WINDOW = 16 << 10
_WINDOWS = 12
_SHAPES = 8
_ENGLISH = re.compile(r"\b(?:the|you|and|is|are|what|this|that|it's|i'm|have|with|for|not|was)\b", re.IGNORECASE)


class Rows(NamedTuple):
    """Records, column by column: dates and times as written, what may be a name, and what follows."""

    days: list[str]
    clocks: list[str]
    names: list[str | None]
    bodies: list[str]

    def rest(self, i: int) -> str:
        """All that follows the header of a record."""
        return self.bodies[i] if self.names[i] is None else f"{self.names[i]}: {self.bodies[i]}"


@dataclass(frozen=True, slots=True)
class Layout:
    """What the records of one file share.

    Attributes:
        header: matches a header at the start of a line.
        records: parts a text at the headers of its records; its groups are a date and a time for each of the shapes,
            and what may be a name.
        loose: the same, whatever ends the line before.
        shapes: the commonest first.
        crlf: whether records, unlike the lines in them, end in CR LF: then no quoted header is taken for one.
    """

    encoding: str
    dialect: str
    shapes: tuple[Shape, ...]
    header: re.Pattern[str]
    records: re.Pattern[str]
    loose: re.Pattern[str]
    crlf: bool
    stamps: Stamps
    order: OrderGuess
    senders: Senders
    kinds: Kinds
    first: datetime | None

    def split(self, text: str) -> Rows:
        """The records of a block that begins with a line break and a header."""
        return _split(self.records, text, time_first=self.shapes[0].time_first)

    def unfold(self, rows: Rows, *, at_least: int) -> Rows:
        """Part records that end with CR LF where so many of their lines begin with headers."""
        parted = Rows([], [], [], [])
        for day, clock, name, body in zip(*rows, strict=True):
            inner = Rows([], [], [], [])
            if len(self.loose.findall(body)) >= at_least:
                inner = _split(self.loose, body, time_first=self.shapes[0].time_first)
                body = self.loose.split(body, maxsplit=1)[0]  # noqa: PLW2901
            _extend(
                parted, Rows([day, *inner.days], [clock, *inner.clocks], [name, *inner.names], [body, *inner.bodies])
            )
        return parted


def _split(records: re.Pattern[str], text: str, *, time_first: bool) -> Rows:
    parts = records.split(text)
    step = records.groups + 1
    ones, twos, names, bodies = parts[1::step], parts[2::step], parts[step - 1 :: step], parts[step::step]
    for at in range(3, step - 1, 2):  # the other shapes of a file that has several
        ones = [one or other for one, other in zip(ones, parts[at::step], strict=True)]
        twos = [two or other for two, other in zip(twos, parts[at + 1 :: step], strict=True)]
    return Rows(twos, ones, names, bodies) if time_first else Rows(ones, twos, names, bodies)


def _extend(rows: Rows, more: Rows) -> None:
    for column, other in zip(rows, more, strict=True):
        column.extend(other)  # pyright: ignore[reportArgumentType]


def learn(file: File, options: Options, *, chat: str, attachments: frozenset[str] = frozenset()) -> Layout | None:
    """The layout of a file; None where it holds no WhatsApp header."""
    encoding = detect(file.head())
    windows = _sample(file, encoding)
    shapes = choose(list(_shapes(windows)))
    if not shapes:
        return None
    plain, _ = compile_shapes(shapes)
    headers = [found for window in windows for found in re.findall(f"(?:^|\\n)({plain})", window)]
    if not headers:
        return None
    written = set[str]().union(*headers)
    plain, grouped = compile_shapes(
        shapes,
        spaces=f"[{''.join(sorted(written & set(SPACES))) or ' '}]" if "\\" not in written else ANY_SPACE,
        marks=any(re.search(f"[^{MARKS}][{MARKS}]", header) for header in headers),
        ascii_digits=all(character.isascii() for character in written if character.isdecimal()),
    )
    crlf = sum(len(re.findall(f"\r\n{plain}", window)) for window in windows)
    lf = sum(len(re.findall(f"[^\r]\n{plain}", window)) for window in windows)
    grouped = f"(?:{grouped})(?:([^:\r\n]{{1,60}}): )?"
    loose = re.compile(f"\r?\n{grouped}")
    records = re.compile(f"\r\n{grouped}" if crlf > lf else f"\n{grouped}")

    dialect = _dialect(shapes[0], windows[0])
    kinds = Kinds(apple=shapes[0].bracket and dialect != "web", chat=chat, attachments=attachments)
    blank = Stamps({}, twelve_hours=any(shape.period for shape in shapes), latest=file.modified)
    draft = Layout(
        encoding, dialect, shapes, re.compile(plain), records, loose, crlf > lf, blank,
        OrderGuess(DateOrder.DMY, 0.0, ""), Senders((), is_notice=bool), kinds, None,
    )  # fmt: skip
    rows = Rows([], [], [], [])
    for window in windows:
        _extend(rows, draft.split(f"\r\n{window}"))
    rests = [rows.rest(i) for i in range(len(rows.days))]
    firsts = [rest.partition("\n")[0].rstrip("\r") for rest in rests]
    senders = Senders(
        [line for line in firsts if not line.startswith("- ")],
        is_notice=lambda text: len(text) > 12 and bool(notice_in(text)),
    )
    said = [senders.split(rest) for rest in rests]
    kinds.learn(said)
    for sender, body in said[:2000]:
        if sender is None:
            kinds.notice(body)
        else:
            kinds.type(sender, body)
    orders = _orders(rows, [body for _, body in said], draft, options, kinds)
    stamps = Stamps(
        {form: guess.order for form, guess in orders.items()}, twelve_hours=blank.twelve_hours, latest=file.modified
    )
    main = next(iter(orders.values()), draft.order)
    first = next(filter(None, stamps.at(rows.days[:9], rows.clocks[:9])), None)
    kinds.locales.clear()
    kinds.own.clear()
    return Layout(
        encoding, dialect, shapes, draft.header, records, loose, draft.crlf, stamps, main, senders, kinds, first
    )


def _sample(file: File, encoding: str) -> list[str]:
    """The file, or its head, its end and windows all over it; each begins and ends with a line."""
    with file.open() as stream:
        if file.size <= _WHOLE:
            return [stream.read().decode(encoding, "replace").removeprefix("\ufeff")]
        head = stream.read(_HEAD).decode(encoding, "replace").removeprefix("\ufeff")
        windows = [head.rpartition("\n")[0] or head]
        step = (file.size - _HEAD - _WINDOW) // _WINDOWS // 4 * 4
        for i in range(1, _WINDOWS + 1):
            stream.seek(_HEAD + step * i)
            text = stream.read(_WINDOW).decode(encoding.removesuffix("-sig"), "replace")
            windows.append(text.partition("\n")[2].rpartition("\n")[0])
    return windows


def _shapes(windows: Sequence[str]) -> Iterator[Shape]:
    """The shapes that lines begin with, in order. A shape that was met before is recognised quickly."""
    met: list[tuple[re.Pattern[str], Shape]] = []
    for window in windows:
        for line in window.split("\n"):
            start = line[:200]  # a header fits in 120 characters; a line may have millions
            known = next((shape for pattern, shape in met if pattern.match(start)), None)
            if known is None and (known := shape_of(clean(start))) and len(met) < _SHAPES:
                met.append((re.compile(compile_shapes([known])[0]), known))
            if known:
                yield known


def _dialect(shape: Shape, head: str) -> str:
    if shape.bracket:
        web = shape.time_separators[1] and re.search(r"^\[[^\]\n]*\] - ", head[:20000], re.MULTILINE)
        return "web" if web else "ios"
    return {":": "ios before 2016", ";": "viewer", " ": "other"}.get(shape.close, "android")


def _orders(
    rows: Rows, bodies: Sequence[str], layout: Layout, options: Options, kinds: Kinds
) -> dict[tuple[str, int | None], OrderGuess]:
    """The order of the dates, for each form that they have in this file; the commonest form first."""
    dates: dict[tuple[str, int | None], list[tuple[int, int, int]]] = {}
    for day in rows.days:
        numbers, form = fields_of(day)
        if len(numbers) == 3:
            dates.setdefault(form, []).append(numbers)
    orders: dict[tuple[str, int | None], OrderGuess] = {}
    locale = kinds.locales.most_common(1)[0][0] if kinds.locales else None
    latest = layout.stamps.latest
    for form, fields in sorted(dates.items(), key=lambda item: -len(item[1])):
        shape = next((shape for shape in layout.shapes if shape.form == form), layout.shapes[0])
        leaning, reason = _leaning(shape, layout.dialect, locale, rows, bodies)
        day = latest.date() if latest else None
        orders[form] = infer(
            fields, year_at=form[1], latest=day, leaning=leaning, reason=reason, asked=options.date_order
        )
    return orders


def _leaning(
    shape: Shape, dialect: str, locale: str | None, rows: Rows, bodies: Sequence[str]
) -> tuple[dict[DateOrder, float], str]:
    """What the look of the header and the language of the file say about the order, in log-odds."""
    if dialect == "web":
        return {DateOrder.MDY: 9.0}, "WhatsApp Web writes month before day everywhere"
    if locale and locale != "en":
        order = _order_of(locale)
        return {order: 3.0}, f"notices in the language {locale}, which writes dates as {order}"
    first, second, _ = shape.date_separators
    if first == second == "/" and shape.year_at in {None, 2} and shape.period == "am" and not shape.before:
        # `1/5/24, 9:03 PM`: capitals without dots and no padding are how English of the United States looks.
        padded = any(re.match(r"\D*0|\d+/0", day) for day in rows.days[:500])
        capitals = any(re.search(r"[AP]M\W*$", clock) for clock in rows.clocks[:5])
        english = (
            locale == "en" or sum(len(_ENGLISH.findall(body[:500])) for body in bodies[:200]) > len(bodies[:200]) / 4
        )
        if capitals and not padded and (english or len(rows.days) > 1):
            return {DateOrder.MDY: 2.5}, "no zeros before digits and AM/PM in capitals, as in the United States"
    if first.startswith("."):
        return {DateOrder.DMY: 3.0, DateOrder.YMD: 2.0 if first == ". " else 0.0}, "dots between the numbers"
    if first == "-":
        return {DateOrder.DMY: 1.0, DateOrder.YMD: 2.0}, "hyphens between the numbers"
    return {}, ""


def _order_of(locale: str) -> DateOrder:
    pattern = Locale.parse(locale).date_formats["short"].pattern.lower()
    places = sorted("dmy", key=pattern.find)
    return DateOrder("".join(places)) if "".join(places) in set(DateOrder) else DateOrder.DMY
