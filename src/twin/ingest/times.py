"""Times as exports write them: seconds since an epoch, and ISO 8601."""

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache

_NUMBER = re.compile(r"[+-]?[0-9]{1,20}(?:\.[0-9]{1,20})?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(count: object, *, per_second: int = 1, epoch: datetime = _EPOCH) -> datetime | None:
    """The time `count` ticks after `epoch` (1970 in UTC); None where that is no number or no time.

    Args:
        count: int, float, Decimal or digits in a string.
        per_second: ticks in a second: 1000 for milliseconds, 10**9 for nanoseconds.
    """
    if isinstance(count, str):
        count = Decimal(count) if _NUMBER.fullmatch(count) else None
    # NaN is less than nothing and not less than anything.
    if isinstance(count, bool) or not isinstance(count, int | float | Decimal) or not abs(count) < 10**20:
        return None
    try:
        return epoch + timedelta(microseconds=int(Decimal(count) * 1_000_000 / per_second))
    except OverflowError:
        return None


def iso(text: object) -> datetime | None:
    """A time in ISO 8601, aware where it states an offset; None where it is none."""
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


@lru_cache(maxsize=256)
def _zone(minutes: int) -> timezone:
    return timezone(timedelta(minutes=minutes))


def with_offset(wall: datetime, moment: datetime) -> datetime:
    """The wall clock `wall` with the offset that makes it the instant `moment`; `moment` where they do not fit."""
    minutes = round((wall.replace(tzinfo=UTC) - moment).total_seconds() / 60)
    return wall.replace(tzinfo=_zone(minutes)) if abs(minutes) < 24 * 60 else moment
