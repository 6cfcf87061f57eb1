"""Date orders, calendars and day periods."""

from datetime import date

import pytest

from twin.ingest.calendars import gregorian, year_of
from twin.ingest.date_order import infer
from twin.ingest.day_periods import hour_of_day, period_of, spellings
from twin.ingest.export import DateOrder


def test_a_value_over_twelve_decides() -> None:
    guess = infer([(3, 4, 21), (3, 13, 21)], year_at=None)
    assert (guess.order, guess.confidence) == (DateOrder.MDY, 1.0)
    assert guess.evidence == "1 date has a value over 12 in the second place, none in the first"


def test_sequence_decides() -> None:
    assert infer([(5, 3, 21), (6, 3, 21), (7, 3, 21), (1, 4, 21)], year_at=None).order is DateOrder.DMY
    assert infer([(3, 5, 21), (3, 6, 21), (3, 7, 21), (4, 1, 21)], year_at=None).order is DateOrder.MDY
    assert infer([(21, 3, 5), (21, 3, 6), (21, 3, 17), (21, 4, 1)], year_at=None).order is DateOrder.YMD


def test_one_line_out_of_order_does_not_decide() -> None:
    days = [(d, 3, 2021) for d in (9, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12)] + [(d, 4, 2021) for d in range(1, 12)]
    assert infer(days, year_at=2).order is DateOrder.DMY


def test_the_future_is_impossible() -> None:
    assert infer([(2, 11, 20)], year_at=None, latest=date(2020, 3, 1)).order is DateOrder.MDY
    assert infer([(2, 11, 20)], year_at=None, latest=date(2021, 3, 1)).order is DateOrder.DMY


def test_one_broken_date_among_many_does_not_rule_an_order_out() -> None:
    days = [(d % 28 + 1, d % 12 + 1, 2021) for d in range(400)] + [(99, 99, 2021)]
    assert infer(days, year_at=2).order is DateOrder.DMY


def test_thin_evidence_is_unsure() -> None:
    assert infer([(3, 4, 21)], year_at=None).confidence < 0.8


@pytest.mark.parametrize(
    ("year", "month", "day", "expected"),
    [
        (2022, 3, 18, date(2022, 3, 18)),
        (22, 3, 18, date(2022, 3, 18)),
        (2565, 3, 18, date(2022, 3, 18)),
        (65, 3, 18, date(2022, 3, 18)),
        (111, 3, 18, date(2022, 3, 18)),
        (1400, 12, 27, date(2022, 3, 18)),
        (1403, 12, 30, date(2025, 3, 20)),
        (1404, 1, 1, date(2025, 3, 21)),
        (1446, 9, 1, date(2025, 3, 1)),
        (2022, 2, 30, None),
        (1402, 12, 30, None),
        (0, 1, 1, None),
    ],
)
def test_calendars(year: int, month: int, day: int, expected: date | None) -> None:
    if year:
        assert gregorian(year, month, day) == expected


def test_years_of_eras() -> None:
    assert [year_of(text) for text in ("2018", "١٨", "R4", "H30", "x")] == [2018, 18, 2022, 2018, None]


@pytest.mark.parametrize(
    ("token", "hour", "expected"),
    [
        ("AM", 12, 0), ("p.\u202fm.", 12, 12), ("오후", 3, 15), ("午前", 12, 0), ("ص", 9, 9), ("م", 9, 21), ("ب.ظ", 1, 13),
        ("凌晨", 3, 3), ("中午", 12, 12), ("中午", 1, 13), ("晚上", 11, 23), ("SA", 7, 7), ("CH", 7, 19), ("μ.μ.", 1, 13),
    ],
)  # fmt: skip
def test_day_periods(token: str, hour: int, expected: int) -> None:
    assert hour_of_day(hour, period_of(token)) == expected


def test_words_are_no_day_periods() -> None:
    assert [period_of(word) for word in ("klo", "à", "um", "kl.", "", "x1")] == [None] * 6


def test_the_other_half_of_the_day_is_known_too() -> None:
    assert "오전" in spellings("오후")
