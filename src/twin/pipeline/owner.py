"""Whose twin it is: the names under which a person writes, as they said or as the exports show."""

import difflib
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from twin.errors import DataError
from twin.ingest import Report


class Owner(NamedTuple):
    """The names under which somebody writes, and one sentence that says how that is known."""

    speakers: tuple[str, ...]
    evidence: str


def senders(reports: Sequence[Report]) -> Counter[str]:
    """Who wrote how many messages with words, over all exports."""
    total: Counter[str] = Counter()
    for report in reports:
        total.update(report.written_by_sender)
    return total


def named(names: Sequence[str], reports: Sequence[Report]) -> Owner:
    """The owner that a person named. Raises DataError, which lists who is there, where a name is not."""
    counts = senders(reports)
    ids = {report.owner_id for report in reports} - {None}
    speakers: list[str] = []
    for name in names:
        same = [sender for sender in counts if _folded(sender) == _folded(name)]
        if name in counts or name in ids:
            speakers.append(name)
        elif len(same) == 1:
            speakers.append(same[0])
        else:
            close = difflib.get_close_matches(name, counts, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise DataError(f"Nobody called {name!r} writes in these chats.{hint} Those who do: {listed(counts)}.")
    return Owner(tuple(dict.fromkeys(speakers)), "as you said")


def inferred(reports: Sequence[Report]) -> Owner | None:
    """The owner as the exports show; None where they leave it open."""
    told = {report.owner: report.owner_evidence or "the export says so" for report in reports if report.owner}
    counts = senders(reports)
    if told:
        # One person may be displayed under a different name on each platform.
        speakers = sorted(told, key=lambda name: (-counts[name], name))
        return Owner(tuple(speakers), "; ".join(dict.fromkeys(told[name] for name in speakers)))
    everywhere = [name for name in counts if all(name in report.senders for report in reports)]
    if len(reports) > 1 and len(everywhere) == 1:
        return Owner((everywhere[0],), f"the only one who writes in all {len(reports)} chats")
    return None


def listed(counts: Counter[str], most: int = 12) -> str:
    """The names with their counts, for a sentence."""
    names = [f"{name} ({count:,})" for name, count in counts.most_common(most)]
    return ", ".join(names) + (f" and {len(counts) - most:,} more" if len(counts) > most else "")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()
