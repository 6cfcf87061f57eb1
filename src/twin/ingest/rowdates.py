"""Dates in the columns of a table: which of two numbers is the month is inferred from all rows together."""

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime

from twin.ingest.date_order import DateOrder, disagreement, infer
from twin.ingest.datetext import written_time
from twin.ingest.export import Options, Report
from twin.ingest.times import instant, iso

_TRIPLE = re.compile(r"\s*(\d{1,4})[./-](\d{1,2})[./-](\d{1,4})(?!\d)")
_EPOCH = re.compile(r"\d{9,13}(?:\.\d+)?")


def reader(
    samples: Iterable[str], options: Options, report: Report, *, latest: datetime | None
) -> Callable[[str], datetime | None]:
    """A function from a date as the table has it to a time, given the dates of its first rows.

    Args:
        latest: when the file was written.
    """
    triples = [found for sample in samples if (found := _TRIPLE.match(sample))]
    fields = [(int(found[1]), int(found[2]), int(found[3])) for found in triples]
    order = options.date_order
    if fields:
        first_is_year = all(len(found[1]) == 4 for found in triples)
        four = all(len(found[3]) == 4 for found in triples)
        day: date | None = latest.date() if latest else None
        guess = infer(fields, year_at=0 if first_is_year else 2 if four else None, latest=day, asked=order)
        if order and order is not guess.order:
            report.warnings.append(disagreement(order, guess.order))
        order = guess.order
        report.date_order, report.date_order_confidence, report.date_order_evidence = (
            guess.order,
            guess.confidence,
            guess.evidence,
        )
    month_first = order is DateOrder.MDY

    def read(text: str) -> datetime | None:
        text = text.strip()
        if _EPOCH.fullmatch(text):
            return instant(text, per_second=1000 if len(text.split(".")[0]) > 11 else 1)
        return iso(text) or written_time(text, month_first=month_first)

    return read
