"""Does a twin sound like the person, and what does it give away?

`measure(examples, Subjects(base, twin), extent=QUICK)` for the minute at the end of a run, `extent=FULL` for all of it.
The models come as functions (`Model`); the result is a `Report`, which `terminal.show` prints and `page.render` draws.
"""

from twin.likeness.measuring import FULL, QUICK, Extent, Secrets, Subjects, measure
from twin.likeness.models import Model, Sampled, Scored, exchanges, instant
from twin.likeness.report import Account, Report

__all__ = [
    "FULL",
    "QUICK",
    "Account",
    "Extent",
    "Model",
    "Report",
    "Sampled",
    "Scored",
    "Secrets",
    "Subjects",
    "exchanges",
    "instant",
    "measure",
]
