"""Dates and times written out in any language: `Oct 19, 2019 at 2:37 PM`, `19 oct. 2019, 14:37`, `2026年5月29日 03:00`."""

import re
import unicodedata
from collections import Counter
from datetime import datetime, timedelta, timezone
from functools import cache, lru_cache

from babel import Locale

from twin.ingest.calendars import gregorian
from twin.ingest.day_periods import LOCALES, hour_of_day, period_of

_ZONES = {"pst": -8, "pdt": -7, "mst": -7, "mdt": -6, "cst": -6, "cdt": -5, "est": -5, "edt": -4, "utc": 0, "gmt": 0}
_ZONE = re.compile(r"\b(?:(utc|gmt)\s?([+-])(\d{1,2})(?::?(\d{2}))?|(utc|gmt|[pmce][sd]t))(?![\w+])")
_OFFSET = re.compile(r"(?<=\d)\s?([+-])(\d{2}):?(\d{2})$")
_TIME = re.compile(r"(?<!\d)(?<!\d[.:])(\d{1,2})[:.h](\d{2})(?:[:.](\d{2}))?(?![.:]?\d)")
_EAST_ASIAN = re.compile(r"(\d{4})\s*[年년.]\s*(\d{1,2})\s*[月월.]\s*(\d{1,2})\s*[日일.]?")
_NUMERIC = re.compile(r"(?<!\d)(\d{1,4})([./-])\s?(\d{1,2})\2\s?(\d{1,4})(?!\d)")
_WORD = re.compile(r"[^\W\d_][^\d\s,;:()/]*")


@lru_cache(maxsize=4096)
def written_time(text: str, *, month_first: bool = False) -> datetime | None:
    """The time that a text states, aware where it names an offset; None where it states no date.

    Args:
        text: a date, with or without a time of day, a weekday and a zone.
        month_first: of two numbers that may both be a month, the first is.
    """
    rest = "".join(
        str(unicodedata.decimal(character)) if character.isdecimal() else character
        for character in unicodedata.normalize("NFKC", text).casefold()
        if unicodedata.category(character) != "Cf"
    ).strip()
    if len(rest) > 100:
        return None
    zone, rest = _split_zone(rest)
    hour = minute = second = 0
    if found := _last(_TIME, rest):
        before, after = rest[: found.start()], rest[found.end() :]
        period, before, after = _split_period(before, after)
        hour, minute, second = hour_of_day(int(found[1]), period), int(found[2]), int(found[3] or 0)
        rest = f"{before} {after}"
    day = _date(rest, month_first=month_first)
    if day is None:
        return None
    try:
        return datetime(*day, hour, minute, second, tzinfo=zone)
    except ValueError:
        return None


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    """The last match, because a date with dots may look like a time; one with a colon wins."""
    found = list(pattern.finditer(text))
    return next((match for match in found if ":" in match[0]), found[-1] if found else None)


def _split_zone(text: str) -> tuple[timezone | None, str]:
    if found := _ZONE.search(text):
        hours = _ZONES[found[5]] if found[5] else int(f"{found[2]}{found[3]}")
        minutes = int(f"{found[2]}{found[4]}") if found[4] else 0
    elif ":" in text and (found := _OFFSET.search(text)):
        hours, minutes = int(found[1] + found[2]), int(found[1] + found[3])
    else:
        return None, text
    if abs(hours * 60 + minutes) >= 24 * 60:
        return None, text
    return timezone(timedelta(hours=hours, minutes=minutes)), f"{text[: found.start()]} {text[found.end() :]}"


def _split_period(before: str, after: str) -> tuple[str | None, str, str]:
    words = after.split(" ")
    for count in (1, 2, 3):
        candidate = " ".join(words[:count]) if words[0] else " ".join(words[1 : count + 1])
        if period := period_of(candidate.strip(" ,;")):
            return period, before, after.replace(candidate, "", 1)
    tail = re.search(r"([^\s\d,;.]+)\s*$", before)
    if tail and (period := period_of(tail[1])):
        return period, before[: tail.start()], after
    return None, before, after


def _date(text: str, *, month_first: bool) -> tuple[int, int, int] | None:
    if found := _EAST_ASIAN.search(text):
        year, month, day = (int(group) for group in found.groups())
    elif month := _month(text):
        numbers = [int(number) for number in re.findall(r"\d+", text)]
        years = [number for number in numbers if number > 31]
        days = [number for number in numbers if 1 <= number <= 31]
        if not years or not days:
            return None
        year, day = years[0], days[0]
    elif found := _NUMERIC.search(text):
        first, middle, last = int(found[1]), int(found[3]), int(found[4])
        if len(found[1]) == 4:
            year, month, day = first, middle, last
        elif middle > 12 or (month_first and first <= 12):
            year, month, day = last, first, middle
        else:
            year, month, day = last, middle, first
    else:
        return None
    known = gregorian(year, month, day)
    return (known.year, known.month, known.day) if known else None


def _month(text: str) -> int | None:
    words = [word.strip(".") for word in _WORD.findall(text)]
    for table in (_months(("en",)), _months(LOCALES)):  # most dates are English
        for word in words:
            if month := table.get(word):
                return month
    # Some scripts write a date without spaces, and some languages a month in two words ("thg 10").
    table = _months(LOCALES)
    found = [name for name in table if len(name) > 3 and re.search(rf"{re.escape(name)}(?!\d)", text)]
    return table[max(found, key=len)] if found else None


def weekday_of(text: str) -> int | None:
    """The day of the week that a word names in any language, from 0 (Monday) to 6; None for anything else."""
    return _weekdays().get(unicodedata.normalize("NFKC", text).casefold().strip(" .,()[]"))


@cache
def _weekdays() -> dict[str, int]:
    uses = dict[str, Counter[int]]()
    for language in LOCALES:
        for widths in Locale.parse(language).days.values():
            for width, names in widths.items():
                for day, name in names.items():
                    key = unicodedata.normalize("NFKC", name).casefold().strip(" .")
                    if len(key) > 1 or (width == "narrow" and not key.isascii()):
                        uses.setdefault(key, Counter())[day] += 1
    return {"週" + name: days.most_common(1)[0][0] for name, days in uses.items() if len(name) == 1} | {
        name: days.most_common(1)[0][0] for name, days in uses.items()
    }


@cache
def _months(languages: tuple[str, ...]) -> dict[str, int]:
    """Month names, full and short, as most of the languages use them (listopad is November in Czech and Polish)."""
    uses = dict[str, Counter[int]]()
    for language in languages:
        for widths in Locale.parse(language).months.values():
            for width in ("wide", "abbreviated"):
                for month, name in widths[width].items():
                    key = unicodedata.normalize("NFKC", name).casefold().strip(".")
                    if not key.isdecimal():
                        uses.setdefault(key, Counter())[month] += 1
    return {name: months.most_common(1)[0][0] for name, months in uses.items()}
