"""Day before month, or month before day: decided from all dates of a file together."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from twin.ingest.export import DateOrder

_ORDERS = {order: (order.index("d"), order.index("m"), order.index("y")) for order in DateOrder}
_ORDINARY = {DateOrder.DMY: 0.0, DateOrder.MDY: -0.5, DateOrder.YMD: -3.0, DateOrder.YDM: -7.0, DateOrder.MYD: -7.0}
"""Log-odds before anything is known: most of the world writes the day first."""


@dataclass(frozen=True, slots=True)
class OrderGuess:
    """An order, the probability that it is the right one, and the reason in words."""

    order: DateOrder
    confidence: float
    evidence: str


def fits(order: DateOrder, fields: tuple[int, int, int]) -> bool:
    """Whether day and month are possible in this order."""
    day, month, _ = _ORDERS[order]
    return 1 <= fields[day] <= 31 and 1 <= fields[month] <= 12


def agrees(order: DateOrder, dates: Sequence[tuple[int, int, int]]) -> bool:
    """Whether dates, three numbers each, are possible in this order; a few may be broken."""
    return sum(not fits(order, fields) for fields in dates) <= len(dates) // 200


def disagreement(asked: DateOrder, found: DateOrder) -> str:
    """The warning for whoever asked for an order that the dates rule out."""
    return f"--date-order {asked} does not fit: some dates would not exist. They are read as {found}."


def infer(
    dates: Sequence[tuple[int, int, int]],
    *,
    year_at: int | None,
    latest: date | None = None,
    leaning: Mapping[DateOrder, float] | None = None,
    reason: str = "",
    asked: DateOrder | None = None,
) -> OrderGuess:
    """Choose the order that makes sense of `dates`, three numbers each, as they follow one another in the file.

    Args:
        year_at: index of the field that is certainly the year; None where years have two digits.
        latest: the day the file was written; nothing in it is later.
        leaning: log-odds that the look of the header or its language adds, and `reason`, the words for it.
        asked: the order that somebody asked for. It is taken unless the dates rule it out and allow another.
    """
    if asked and year_at in {None, _ORDERS[asked][2]}:
        as_asked = OrderGuess(asked, 1.0, "as asked for")
        if agrees(asked, dates):
            return as_asked
        found = infer(dates, year_at=year_at, latest=latest, leaning=leaning, reason=reason)
        return found if agrees(found.order, dates) else as_asked
    steps = [fields for i, fields in enumerate(dates) if i == 0 or fields != dates[i - 1]]
    orders = [order for order, (_, _, year) in _ORDERS.items() if year_at in {None, year}]
    if year_at is None:
        orders.remove(DateOrder.MYD)
    possible = [order for order in orders if agrees(order, steps)]
    if len(possible) == 1 and steps:
        return OrderGuess(possible[0], 1.0, _proof(possible[0], steps))
    if not possible:
        possible = orders
    scores = {order: _ORDINARY[order] + (leaning or {}).get(order, 0.0) for order in possible}
    told = dict(scores)
    for order in possible:
        scores[order] += _sense(order, [fields for fields in steps if fits(order, fields)], latest)
    best = max(possible, key=scores.__getitem__)
    confidence = 1 / sum(math.exp(min(scores[order] - scores[best], 0.0)) for order in possible)
    by_sequence = all(scores[best] - scores[o] > told[best] - told[o] + 0.7 for o in possible if o is not best)
    if by_sequence:
        evidence = f"in this order {len(steps)} different dates follow one another best"
    elif reason and max((leaning or {}).values(), default=0) == (leaning or {}).get(best):
        evidence = reason
    else:
        evidence = f"only {len(steps)} different dates and none over 12: the order that most of the world writes"
    return OrderGuess(best, round(min(confidence, 0.99), 2), evidence)


def _proof(order: DateOrder, steps: Sequence[tuple[int, int, int]]) -> str:
    day, month, year = _ORDERS[order]
    over = sum(fields[day] > 12 for fields in steps)
    place = ("first", "second", "third")
    if over and day < 3:
        have = "date has" if over == 1 else "dates have"
        return f"{over} {have} a value over 12 in the {place[day]} place, none in the {place[month]}"
    return f"the {place[year]} place holds the year"


def _sense(order: DateOrder, steps: Sequence[tuple[int, int, int]], latest: date | None) -> float:
    """How well dates read in this order follow one another, in log-odds."""
    day, month, year = _ORDERS[order]
    # Whole days are near enough, and any calendar can be measured this way.
    days = [fields[year] * 365.25 + fields[month] * 30.44 + fields[day] for fields in steps]
    if not days:
        return -20.0
    jumps = [later - earlier for earlier, later in pairwise(days)]
    back = sum(jump < -1.5 for jump in jumps)
    score = -math.log(sum(map(abs, jumps)) + 5) * min(1 + len(jumps) / 10, 5) - 2.0 * min(back, 10)
    if latest is not None:
        limit = latest.year * 365.25 + latest.month * 30.44 + latest.day + 2
        years = [y + 2000 if y < 100 else y for y in (fields[year] for fields in steps)]
        ahead = sum(
            y < 2100 and y * 365.25 + fields[month] * 30.44 + fields[day] > limit
            for y, fields in zip(years, steps, strict=True)
        )
        score -= 4.0 * ahead / len(steps) if ahead else 0.0
    return score
