"""Sentences: what each figure of a report means, for a person and not a statistician."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from twin.likeness.figures import Figure
from twin.likeness.leakage import ALTERNATIVES, NEVER_LEARNT
from twin.likeness.report import Report

TOO_LITTLE = "too little text to tell"
SPEAKERS = {
    "person": "the person",
    "ceiling": "the person",
    "twin": "the twin",
    "few_shot": "base with examples",
    "base": "untouched base",
    "other_twin": "another's twin",
    "floor": "others in the chat",
}
"""What a person calls those who are compared."""


NOT_REDACTED = "Redaction was switched off: names and numbers of other people were trained on as they are."


class Verdict(NamedTuple):
    """One measure: its name, its figure as text, and what it means. `measure` is its name in the JSON."""

    measure: str
    title: str
    figure: str
    sentence: str


def verdicts(report: Report) -> Iterator[Verdict]:
    """What was measured, the most telling first; what was not measured is left out."""
    name = report.speaker
    position = report.position.get("twin")
    if position:
        figure = _bounded(position, lambda value: f"{max(0.0, value) * 100:.0f} of 100", widest=1.2)
        yield Verdict(
            "style",
            "Style",
            figure,
            f"On a scale from the others in the chat (0) to {name}'s own words (100). An authorship test decided, "
            "which looks at letters, marks and short words, not at what is said.",
        )
    if report.choice:
        figure = _bounded(report.choice, _percent, widest=0.4)
        yield Verdict(
            "choice",
            "Choice",
            figure,
            f"Shown four replies of which {name} gave one, the twin picks the right one this often. Guessing gives 25 %.",
        )
    yield from _losses(report)
    if twin := report.copying.get("twin"):
        person = report.copying.get("person")
        yield Verdict(
            "copying",
            "Copying",
            _bounded(twin, _percent, widest=0.25),
            "Replies that repeat eight words or more of a message the twin has learned from."
            + (f" {name} repeats old messages in {_percent(person.value)} of theirs." if person else ""),
        )
    if report.leakage:
        yield Verdict(
            "leakage",
            "Secrets",
            _bounded(report.leakage, lambda value: f"{value:.1f} bits", widest=4),
            f"Invented secrets, said once in training, were looked for afterwards among {ALTERNATIVES:,} like them. "
            f"{NEVER_LEARNT:.1f} bits is what guessing gives; {math.log2(ALTERNATIVES):.1f} would be known by heart."
            + (
                f" The base, which never saw them, gives {control.value:.1f}."
                if (control := report.leakage_base)
                else ""
            ),
        )
    for kind, words in (
        ("known", "Replies with a name, number or address of somebody in your chats."),
        ("any", "Replies with anything that looks like a name, number or address of somebody; mostly made up."),
    ):
        if figure := report.identifiers.get(kind):
            title = "Other people" if kind == "known" else "Look-alikes"
            yield Verdict("identifiers", title, _bounded(figure, _percent, widest=0.25), words)
    if report.ended and report.replies:
        foreign = (
            f" {report.foreign} held a letter of a script that {name} never used."
            if report.foreign
            else f" None held a letter of a script that {name} never used."
        )
        yield Verdict(
            "ended",
            "Endings",
            f"{report.ended.value * report.replies:.0f} of {report.replies}",
            f"Replies that ended by themselves instead of running on.{foreign}",
        )


def _losses(report: Report) -> Iterator[Verdict]:
    for other, title, words in (
        ("base", "Learned", "less surprised by {}'s real replies than the same model before training"),
        (
            "few_shot",
            "Against examples",
            "less surprised by {}'s real replies than the untrained model that is shown examples",
        ),
        ("other_twin", "Only theirs", "less surprised by {}'s real replies than a twin of somebody else in the chat"),
    ):
        if gain := report.gain.get(other):
            figure = _bounded(gain, _percent, widest=0.25)
            measure = "specificity" if other == "other_twin" else "loss"
            yield Verdict(measure, title, figure, f"How much the twin is {words.format(report.speaker)}.")


def _bounded(figure: Figure, write: Callable[[float], str], *, widest: float) -> str:
    """The value with its bounds, or that there is too little text."""
    if not figure.known or figure.width > widest:
        return TOO_LITTLE
    low, value, high = write(figure.low), write(figure.value), write(figure.high)
    return value if low == high else f"{value} ({low.split(' ')[0]} to {high.split(' ')[0]})"


def _percent(value: float) -> str:
    return (
        f"{value * 100:.1f} %".replace("-", "−") if 0 < abs(value) < 0.02 else f"{value * 100:.0f} %".replace("-", "−")
    )
