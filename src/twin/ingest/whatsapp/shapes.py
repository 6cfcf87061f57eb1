"""The header of a WhatsApp record, and which shape it has in one file.

A header is a date, a time and what parts them from the name. Its form depends on the phone's system, language,
region, clock, calendar and digits, but within one export it is always the same. So a file's lines are compared with
everything that a header can be, the shape that most of them share is fixed, and what looks otherwise is text that
somebody wrote, such as a quoted chat or a date at the start of a line.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from twin.ingest.day_periods import fold, period_of, spellings

_DROPPED = {c: None for r in ((0x200B, 0x200F), (0x202A, 0x202E), (0x2066, 0x2069)) for c in range(r[0], r[1] + 1)}
_CLEAN = str.maketrans({**_DROPPED, 0x061C: None, 0xFEFF: None, **dict.fromkeys("\u00a0\u202f\u2007\u2009\u3000", " ")})
MARKS = "\u200b-\u200f\u202a-\u202e\u2066-\u2069\u061c\ufeff"
SPACES = " \u00a0\u202f\u2007\u2009\u3000"
ESCAPED = "\\u202f"
"""How some tools wrote the space before AM and PM: as six characters."""
ANY_SPACE = rf"(?:[{SPACES}]|\\u202f)"

_DATE = (
    r"(?P<a>(?:[A-Za-z]\d{1,2}|\d{1,4}))(?P<s1>[/.\-] ?|年)(?P<b>\d{1,4})(?P<s2>[/.\-] ?|月)"
    r"(?P<c>(?:[A-Za-z]\d{1,2}|\d{1,4}))(?P<end>\.|日)?"
)
_TIME = r"(?P<h>\d{1,2})(?P<t1>[:.٫]| ?h ?|時|시 ?|点)(?P<m>\d{1,2})(?:(?P<t2>[:.٫]| ?min ?|分|분 ?)(?P<s>\d{1,2}))?(?P<t3>秒|초| ?s| ч\.)?"
_CLOSE = r"(?P<close>\] ?| ?[-–—] |: |; ?)"
_POST = r"(?P<post>[^\d\n\[\]]{0,24}?)"
_DATE_FIRST = re.compile(r"(?P<open>\[?)" + _DATE + r"(?P<mid>[^\d\n\[\]]{1,32})" + _TIME + _POST + _CLOSE)
_TIME_FIRST = re.compile(
    r"(?P<open>\[?)(?P<pre>[^\d\n\[\]:]{0,24}?)" + _TIME + r"(?P<mid>[^\d\n\[\]]{1,32}?)(?:" + _DATE + r"|"
    r"(?P<month>\d{1,2})(?P<s0>[/. \-])(?P<day>\d{1,2}))(?P<post>)" + _CLOSE
)
# `13. 6. 2018. 21:25:15 a: m`: nothing but a space before the name.
_UNPARTED = re.compile(
    r"(?P<open>)" + _DATE + r"(?P<mid>[^\d\n\[\]]{1,32})" + _TIME + r"(?P<post>)(?P<close> )(?=[^\n:]{1,60}:)"
)
_LATIN = frozenset({"am", "pm"})
_START = re.compile(r"\[|[A-Za-z]?\d|[\u0590-\u07ff\u3000-\u9fff\uac00-\ud7af]")


class Shape(NamedTuple):
    """Everything about a header that does not change from record to record.

    `year_at` is the index of the field with more than two digits; `parts` 2 means that there is no year.
    `period` is one token of the file's twelve-hour clock (`am` for all Latin forms), and `before` tells that it precedes the time.
    """

    bracket: bool
    time_first: bool
    parts: int
    year_at: int | None
    date_separators: tuple[str, str, str]
    middle: str
    time_separators: tuple[str, str, str]
    period: str
    before: bool
    close: str

    @property
    def form(self) -> tuple[str, int | None]:
        """What tells dates of this shape from those of another: see `stamps.Fields`."""
        return self.date_separators[0][:1], self.year_at


def clean(line: str) -> str:
    """A line without invisible marks, its spaces made plain: what a header is looked for in."""
    return (line.replace(ESCAPED, " ") if ESCAPED in line else line).translate(_CLEAN)


def shape_of(line: str) -> Shape | None:
    """The shape of the header that a cleaned line begins with; None where it begins with none."""
    if not _START.match(line):
        return None
    for pattern in (_DATE_FIRST, _UNPARTED, _TIME_FIRST):
        if (found := pattern.match(line)) and (shape := _shape(found)):
            return shape
    return None


def _shape(found: re.Match[str]) -> Shape | None:
    part = found.groupdict(default="")
    if bool(part["open"]) != part["close"].startswith("]"):
        return None
    time_first = "pre" in part
    before, middle, after = part.get("pre", "").strip(), part["mid"], part["post"].strip()
    if time_first:
        after, middle = _part_period(middle, leading=True)
    elif not after:
        before, middle = _part_period(middle, leading=False)
    token = before or after
    if (before and after) or (token and period_of(token) is None) or len(middle.strip(" ,،-–T")) > 8:
        return None
    fields = (part["month"], part["day"]) if part.get("month") else (part["a"], part["b"], part["c"])
    years = [i for i, field in enumerate(fields) if len(field) > 2 or field[0].isalpha()]
    if min(len(part["m"]), len(part["s"] or "00")) < 2 and not part["t1"].strip(" :.٫"):
        return None
    if len(years) > 1 or int(part["h"]) > 24 or int(part["m"]) > 59:
        return None
    separators = (part["s0"], "", "") if part.get("month") else (part["s1"], part["s2"], part["end"])
    numbers = [int(field) for i, field in enumerate(fields) if i not in years]
    if (
        any(not 0 < n < (100 if len(fields) == 3 and not years else 32) for n in numbers)
        or sum(n > 31 for n in numbers) > 1
    ):
        return None
    return Shape(
        bracket=bool(part["open"]),
        time_first=time_first,
        parts=len(fields),
        year_at=years[0] if years else None,
        date_separators=separators,
        middle=middle,
        time_separators=(part["t1"], part["t2"], part["t3"]),
        period="am" if fold(token) in _LATIN else token,
        before=bool(before),
        close=part["close"].strip() or " ",
    )


def _part_period(middle: str, *, leading: bool) -> tuple[str, str]:
    """Take the longest day period off the beginning or the end of what stands between date and time."""
    if not any(map(str.isalpha, middle)):
        return "", middle
    for size in range(len(middle), 0, -1):
        token, rest = (middle[:size], middle[size:]) if leading else (middle[-size:], middle[:-size])
        edge, outer = (rest[:1], token[-1]) if leading else (rest[-1:], token[0])
        if (
            outer != " "
            and token.strip(" ,،") == token.strip()
            and edge in {"", " ", ",", "،"}
            and period_of(token) is not None
        ):
            return token.strip(), rest
    return "", middle


def choose(shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    """The shapes that are headers in a file, given those that its lines begin with, in order; the commonest first.

    A file has one shape; it has more where exports were joined. A quoted chat has another shape too, but the file's
    own shape goes on after it, and it is rare.
    """
    counts = Counter(shapes)
    if not counts:
        return ()
    best, _ = counts.most_common(1)[0]
    first = {shape: i for i, shape in reversed(list(enumerate(shapes)))}
    last = {shape: i for i, shape in enumerate(shapes)}
    chosen = [best]
    for shape, count in counts.most_common():
        if shape == best or (shape.time_first != best.time_first):
            continue
        apart = last[shape] < first[best] or first[shape] > last[best]
        if count * 4 >= len(shapes) or (apart and count >= 3):
            chosen.append(shape)
    return tuple(chosen)


def compile_shapes(
    shapes: Sequence[Shape], *, spaces: str = ANY_SPACE, marks: bool = True, ascii_digits: bool = False
) -> tuple[str, str]:
    """Two regular expressions for raw lines: a whole header without groups, and one with a date and a time per shape.

    Args:
        spaces: a regular expression for every kind of space that headers have.
        marks: whether invisible marks may stand anywhere in a header, not only at its start.
        ascii_digits: whether all headers are written with the digits 0 to 9.
    """
    plain = "|".join(_pattern(shape, "(?:", spaces, marks, ascii_digits) for shape in shapes)
    grouped = "|".join(_pattern(shape, "(", spaces, marks, ascii_digits) for shape in shapes)
    return f"[{MARKS}]*(?:{plain})", f"[{MARKS}]*(?:{grouped})"


def _pattern(shape: Shape, group: str, spaces: str, marks: bool, ascii_digits: bool) -> str:
    digit = "[0-9]" if ascii_digits else r"\d"
    mark = f"[{MARKS}]*" if marks else ""

    def literal(text: str) -> str:
        return mark + "".join((spaces if c == " " else re.escape(c)) + mark for c in text)

    def fields() -> Iterable[str]:
        for i in range(shape.parts):
            if shape.year_at == i:
                yield f"(?:{digit}{{3,4}}|[A-Za-z]{digit}{{1,2}})"
            else:
                yield f"{digit}{{1,2}}"
            yield literal(shape.date_separators[i])

    date = f"{group}{''.join(fields())})"
    t1, t2, t3 = shape.time_separators
    two = f"{digit}{{1,2}}" if t1.strip(" :.٫") else f"{digit}{{2}}"  # 10시 5분, but 10:05
    clock = f"{digit}{{1,2}}{literal(t1)}{two}" + (f"{literal(t2)}{two}" if t2 else "") + literal(t3)
    if shape.period:
        token = _token(shape.period, spaces, literal)
        clock = f"{token}{spaces}?{mark}{clock}" if shape.before else f"{clock}{spaces}*{mark}{token}"
    time = f"{group}{clock})"
    middle = literal(shape.middle) + (f"{spaces}*" if shape.before else "")
    body = f"{time}{middle}{date}" if shape.time_first else f"{date}{middle}{time}"
    if shape.bracket:
        return rf"\[{mark}{body}{spaces}*{mark}\] ?"
    if shape.close in {":", ";"}:
        return f"{body}{mark}{shape.close} ?"
    if shape.close == " ":
        return rf"{body}{mark}{spaces}(?=[^\r\n:]{{1,60}}:)"
    return rf"{body}{spaces}?{mark}{re.escape(shape.close)}{spaces}"


def _token(period: str, spaces: str, literal: Callable[[str], str]) -> str:
    if period in _LATIN:
        return rf"[AaPp]\.?{spaces}?[Mm]\.?"
    options = sorted(spellings(period) | {period}, key=len, reverse=True)
    return f"(?:{'|'.join(literal(option) for option in options if option)})"
