"""Who, of all the people in an upload, the person is who brought it."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from twin.errors import NotFoundError
from twin.ingest.export import Report

LISTED = 20
"""People whom a list names, or a question."""
DOCUMENT = "document"
"""The platform of what one person wrote alone."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The names under which the person writes, the one used most first, and why that is believed."""

    names: tuple[str, ...]
    evidence: str


def candidates(reports: Sequence[Report]) -> list[tuple[str, int]]:
    """Everybody who wrote words, with the number of their messages; who wrote most comes first."""
    return sum((report.written_by_sender for report in reports), start=Counter[str]()).most_common()


def listed(people: Sequence[tuple[str, int]]) -> str:
    """`Ana (60), Bo (30) and 5 more`: people with the number of their messages, for a sentence."""
    more = f" and {len(people) - LISTED:,} more" if len(people) > LISTED else ""
    return ", ".join(f"{name} ({count:,})" for name, count in people[:LISTED]) + more


def infer_owner(reports: Sequence[Report]) -> Owner | None:
    """The owner, from what was read; None where nothing tells, or where what tells disagrees.

    An export may know its owner (an account, a message that they deleted, "You"). Where none does, it is whoever
    writes in every one of several exports of a platform, if that is one person. The writer of a document is nobody in
    chats that do not name them.
    """
    named = [report for report in reports if report.owner]
    names = list(dict.fromkeys(report.owner for report in named if report.owner))
    reasons = [f"{report.platform}: {report.owner_evidence or 'the export says so'}" for report in named]
    for platform in dict.fromkeys(report.platform for report in reports):
        unnamed = [report for report in reports if report.platform == platform and not report.owner]
        everywhere = _everywhere([report for report in reports if report.platform == platform])
        if unnamed and not any(name in report.senders for name in names for report in unnamed) and len(everywhere) == 1:
            (name,) = everywhere
            names += [name] if name not in names else []
            reasons.append(f"{platform}: the only one who writes in every chat")
    together = any(sum(name in report.senders for name in names) > 1 for report in reports)
    writers = {report.owner for report in named if report.platform == DOCUMENT}
    elsewhere = writers.issuperset(names) and any(
        len(report.senders) > 1 and report.senders.keys().isdisjoint(names) for report in reports
    )
    if not names or together or elsewhere:
        return None
    written = dict(candidates(reports))
    names.sort(key=lambda name: -written.get(name, 0))
    return Owner(tuple(names), "; ".join(dict.fromkeys(reasons)))


def _everywhere(reports: Sequence[Report]) -> set[str]:
    if len(reports) < 2:
        return set()
    return set[str].intersection(*(set(report.written_by_sender) for report in reports))


def find_senders(reports: Sequence[Report], wanted: Sequence[str]) -> tuple[str, ...]:
    """The senders' names, as the exports display them, that a person means by `wanted`.

    Letter case, a tilde before a name that is in no address book, and invisible marks make no difference.

    Raises:
        NotFoundError: a name that nobody in the upload has; the message lists those who are there.
    """
    there = {name: _plain(name) for report in reports for name in report.senders}
    there |= {report.owner_id: _plain(report.owner_id) for report in reports if report.owner_id}
    found: list[str] = []
    for name in wanted:
        same = [name] if name in there else [display for display, plain in there.items() if plain == _plain(name)]
        if not same:
            people = listed(candidates(reports)) or "nobody"
            raise NotFoundError(f"Nobody here is called {name!r}. Those who write are: {people}.")
        found += [display for display in same if display not in found]
    return tuple(found)


def _plain(name: str) -> str:
    text = unicodedata.normalize("NFKC", name).replace("~", "")
    return " ".join("".join(c for c in text if unicodedata.category(c) != "Cf").split()).casefold()
