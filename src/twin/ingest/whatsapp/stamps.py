"""Dates and times of WhatsApp headers, once their order is known."""

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from functools import lru_cache
from typing import NamedTuple

from twin.ingest.calendars import gregorian, year_of
from twin.ingest.day_periods import hour_of_day, period_of
from twin.ingest.export import DateOrder
from twin.ingest.whatsapp.shapes import clean

_FIELD = re.compile(r"[A-Za-z]?\d+")
_CLOCK = re.compile(r"(\D*)(\d{1,2})\D+(\d{1,2})(?:\D+(\d{1,2}))?(\D*)")
_MANY = 100_000


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
        self.dates: dict[str, date | None] = {}
        self.times: dict[str, time | None] = {}

    def at(self, day: str, clock: str) -> datetime | None:
        """The moment; None where there is no such day or hour."""
        found = self.dates.get(day)
        if found is None and day not in self.dates:
            if len(self.dates) > _MANY:
                self.dates.clear()
            found = self.dates[day] = self._date(day)
        hour = self.times.get(clock)
        if hour is None and clock not in self.times:
            if len(self.times) > 2 * _MANY:
                self.times.clear()
            hour = self.times[clock] = self.clock(clock)
        return None if found is None or hour is None else datetime.combine(found, hour)

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
        found = _CLOCK.fullmatch(text)
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
