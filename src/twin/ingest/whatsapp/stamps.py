"""Dates and times of WhatsApp headers, once their order is known."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from functools import lru_cache
from typing import NamedTuple, TypeVar

from twin.ingest.calendars import gregorian, year_of
from twin.ingest.day_periods import hour_of_day, period_of
from twin.ingest.export import DateOrder
from twin.ingest.whatsapp.shapes import ESCAPED, clean

_FIELD = re.compile(r"[A-Za-z]?\d+")
_CLOCK = re.compile(r"(\D*)(\d{1,2})\D+(\d{1,2})(?:\D+(\d{1,2}))?(\D*)")
_MANY = 200_000
_T = TypeVar("_T")


class Fields(NamedTuple):
    """The numbers of a date as they stand.

    `form` tells the dates of two exports apart that were joined to one file: the first separator, and the index of
    the number that is certainly the year.
    """

    numbers: tuple[int, ...]
    form: tuple[str, int | None]


def fields_of(text: str) -> Fields:
    """The numbers of a date."""
    plain = clean(text)
    parts = _FIELD.findall(plain)
    year_at = next((i for i, part in enumerate(parts) if len(part) > 2 or part[0].isalpha()), None)
    separator = plain[len(parts[0]) : len(parts[0]) + 1] if parts else ""
    return Fields(tuple(year_of(part) or 0 for part in parts), (separator, year_at))


class _Memo(dict[str, _T | None]):
    """What a function made of a text; forgotten when it is too much."""

    def __init__(self, make: Callable[[str], _T | None]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, text: str) -> _T | None:
        if len(self) > _MANY:
            self.clear()
        made = self[text] = self._make(text)
        return made


class Stamps:
    """Turns a header's date and time into a datetime. The same text is never read twice.

    Attributes:
        orders: by the form of a date, see `Fields`.
        twelve_hours: whether the times carry a day period.
        latest: the day the file was written, as far as known.
    """

    def __init__(
        self, orders: Mapping[tuple[str, int | None], DateOrder], *, twelve_hours: bool, latest: datetime | None
    ) -> None:
        self.orders = orders
        self.twelve_hours = twelve_hours
        self.latest = latest
        self._dates = _Memo(self._date)
        self._times = _Memo(self.clock)

    def at(self, days: Sequence[str], clocks: Sequence[str]) -> list[datetime | None]:
        """The moments of many headers; None where there is no such day or hour."""
        dates, times = map(self._dates.__getitem__, days), map(self._times.__getitem__, clocks)
        try:
            return list(map(datetime.combine, dates, times))  # pyright: ignore[reportArgumentType]
        except TypeError:  # a None among them
            pairs = zip(map(self._dates.__getitem__, days), map(self._times.__getitem__, clocks), strict=True)
            return [datetime.combine(day, clock) if day and clock else None for day, clock in pairs]

    def _date(self, text: str) -> date | None:
        numbers, form = fields_of(text)
        latest = self.latest.date() if self.latest else None
        if len(numbers) == 2:  # no year: the newest that is not in the future
            ends = latest or date(2016, 12, 31)
            found = gregorian(ends.year, numbers[0], numbers[1])
            return found if found is None or found <= ends else gregorian(ends.year - 1, numbers[0], numbers[1])
        order = self.orders.get(form)
        if len(numbers) != 3 or order is None:
            return None
        year, month, day = (numbers[order.index(letter)] for letter in "ymd")
        return gregorian(year, month, day, latest=latest)

    def clock(self, text: str) -> time | None:
        """A time of day as written."""
        found = _CLOCK.fullmatch(clean(text) if ESCAPED in text else text)
        if found is None:
            return None
        before, hour, minute, second, after = found.groups()
        period = _period(before or after) if self.twelve_hours else None
        hour = hour_of_day(int(hour), period) % 24 if hour != "24" else 0
        minute, second = int(minute), int(second or 0)
        return time(hour, minute, second) if minute < 60 and second < 60 else None


@lru_cache(maxsize=256)
def _period(token: str) -> str | None:
    token = clean(token).strip()
    # `20 s a.m.`: a unit may stand before the period.
    return period_of(token) or period_of(token.partition(" ")[2])
