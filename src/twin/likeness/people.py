"""People: what the owner and the others of a chat wrote, for comparison."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from statistics import median

from twin.domain.examples import Example, Role, Split
from twin.domain.messages import Message
from twin.likeness.models import counted

LEAST = 12_000
"""Characters of a group."""
_MOST = 12
_SILENCE_S = 2 * 3600


def own(examples: Sequence[Example], split: Split) -> list[str]:
    """The owner's replies, in order."""
    return ["\n".join(turn.messages) for example in examples if example.split is split for turn in counted(example)]


def others(examples: Sequence[Example], *, least: int = LEAST) -> list[list[str]]:
    """Replies of the others, a group for each who wrote at least `least` characters, most first; the rest together.

    Those who wrote less are joined, several to a group, in the order of their names. In a chat of two there is one
    group. Groups shorter than `least` are left out unless there is nothing else.
    """
    replies: dict[str, dict[str, None]] = {}
    for example in examples:
        for turn in example.turns:
            if turn.role is Role.OTHER:
                # Contexts overlap: what stands in two examples was written once.
                replies.setdefault(turn.name, {})["\n".join(turn.messages)] = None
    groups = {name: list(texts) for name, texts in replies.items() if _size(texts) >= least}
    found = sorted(groups.values(), key=_size, reverse=True)
    joined: list[str] = []
    for name in sorted(replies.keys() - groups.keys()):
        joined += replies[name]
        if _size(joined) >= least:
            found.append(joined)
            joined = []
    return found[:_MOST] or ([joined] if joined else [])


def answer_time(messages: Iterable[Message], owners: Collection[str]) -> float | None:
    """Median seconds from somebody else's message to the owner's next one; silences of hours are no answers.

    None where the export has no times, or the owner answered fewer than ten times.
    """
    waits: list[float] = []
    asked: dict[tuple[str, str], datetime] = {}
    for message in messages:
        chat = (message.platform, message.chat)
        if message.sent_at is None or message.sender is None:
            continue
        if message.by(owners):
            before = asked.pop(chat, None)
            # Of a message with an offset and one without, nobody knows how far they are apart.
            known = before is not None and (before.tzinfo is None) == (message.sent_at.tzinfo is None)
            wait = (message.sent_at - before).total_seconds() if before and known else -1.0
            waits += [wait] if 0 <= wait <= _SILENCE_S else []
        else:
            asked[chat] = message.sent_at
    return median(waits) if len(waits) >= 10 else None


def _size(texts: Sequence[str] | dict[str, None]) -> int:
    return sum(map(len, texts))
