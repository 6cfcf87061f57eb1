"""Dates of other calendars that phones write: Buddhist, Japanese, Minguo, Persian, Islamic."""

from datetime import date, timedelta

_ERAS = {"r": 2018, "h": 1988, "s": 1925, "t": 1911, "m": 1867}


def year_of(text: str) -> int | None:
    """The number of a year as written: `2018`, `18`, `R4` (Reiwa), in any digits."""
    if text[:1].casefold() in _ERAS and text[1:].isdecimal():
        return _ERAS[text[0].casefold()] + int(text[1:])
    return int(text) if text.isdecimal() else None


def gregorian(year: int, month: int, day: int, *, latest: date | None = None) -> date | None:
    """The day in our calendar; which calendar it is in follows from the year.

    WhatsApp began in 2009, so years of 1380–1429 are Persian, 1430–1460 Islamic, 2500 and later Buddhist, 90–200 with
    three digits Minguo. Of two digits 52–99 are Buddhist (2552 is 2009) where `latest`, the day of the file, or the
    century rules the future out. None where there is no such day.
    """
    try:
        if year < 100:
            if (latest and year + 2000 > latest.year + 1) or year >= 52:
                return date(year + 2500 - 543, month, day) if year >= 52 else None
            return date(year + 2000, month, day)
        if 100 <= year < 200:
            return date(year + 1911, month, day)
        if 1380 <= year < 1430:
            return _persian(year, month, day)
        if 1430 <= year < 1461:
            return _islamic(year, month, day)
        if 2500 <= year < 2700:
            return date(year - 543, month, day)
        return date(year, month, day)
    except (ValueError, OverflowError):
        return None


def _persian(year: int, month: int, day: int) -> date | None:
    """Solar Hijri: leap years by the 33-year rule, which holds from 1343 to 1472."""
    leap = year % 33 in {1, 5, 9, 13, 17, 22, 26, 30}
    if day > (31 if month < 7 else 30 if month < 12 or leap else 29) or day < 1 or not 1 <= month <= 12:
        return None
    # 1 Farvardin 1380 is 21 March 2001.
    leaps = sum(y % 33 in {1, 5, 9, 13, 17, 22, 26, 30} for y in range(1380, year))
    days = (year - 1380) * 365 + leaps + (month - 1) * 30 + min(month - 1, 6) + day - 1
    return date(2001, 3, 21) + timedelta(days=days)


def _islamic(year: int, month: int, day: int) -> date | None:
    """Lunar Hijri by the tabular calendar; a sighted moon may differ by a day."""
    if not (1 <= month <= 12 and 1 <= day <= 30):
        return None
    days = (year - 1) * 354 + (3 + 11 * year) // 30 + (59 * (month - 1) + 1) // 2 + day - 1
    return date(622, 7, 19) + timedelta(days=days)
