"""The style panel: what people notice about how somebody writes, as numbers.

Counted the same way for everybody who is compared, on replies: each a turn of one or several messages.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median

import regex

from twin.likeness import languages
from twin.likeness.models import Sampled

_EMOJI = regex.compile(
    r"(?:\p{Extended_Pictographic}|\p{Regional_Indicator}{2})(?:\uFE0F|\u200D\p{Extended_Pictographic}|\p{EMod})*"
)
_EMOTICON = regex.compile(r"(?<!\w)(?:[:;=8xX]-?[)(DPpOo/\\|3*]+|<3|\^_*\^|xd+)(?!\w)", regex.IGNORECASE)
_LAUGHTER = regex.compile(
    r"(?<![\p{L}\p{N}.])(?:(?:b?a?h[ae]){2,}h?|(?:j[aeio]){2,}j?|a?(?:ja){2,}|lo+l+|lma+o+|rofl|k{3,}|(?:rs){2,}|[ха]{4,}|"
    r"ш?а?х{3,}|хе(?:хе)+|w{2,}|草|5{3,}|(?:ㅋ|ㅎ){2,}|哈{2,}|嘿{2,}|[هخ]{3,}|ח{3,}|m[du]+r+|ptdr|(?:eh){2,}|(?:hi){3,}|"
    r"χ[αε]χ\w*|(?:wk){2,}\w*)(?![\p{L}\p{N}]|\.\w)",
    regex.IGNORECASE,
)
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}'’]+")
_STRETCHED = regex.compile(r"(\p{L})\1\1")
_END = regex.compile(r"[\p{P}\p{S}]+$")
_CASED = regex.compile(r"[\p{Ll}\p{Lu}]")


@dataclass(frozen=True, slots=True)
class Panel:
    """How somebody writes.

    Attributes:
        length: characters of a message, the median.
        words: words of a message, the mean.
        messages: messages of a reply, the mean.
        lower_case: share of messages that begin with a small letter, of those that begin with a letter that has both.
        capitals: share of messages of two and more words that are all capitals.
        unended: share of messages without a mark at the end.
        ends: share of messages that end in each mark, the most frequent ones.
        commas: per hundred characters.
        emoji: per message, emoticons included; `favourite_emoji` are the most frequent ones.
        laughter: share of messages with laughter in it; `favourite_laughter` its most frequent forms.
        stretched: share of messages with a streeetched word.
        openers: the most frequent first words and their share.
        languages: share of each.
    """

    length: float
    words: float
    messages: float
    lower_case: float
    capitals: float
    unended: float
    ends: dict[str, float]
    commas: float
    emoji: float
    laughter: float
    stretched: float
    favourite_emoji: list[str] = field(default_factory=list[str])
    favourite_laughter: list[str] = field(default_factory=list[str])
    openers: dict[str, float] = field(default_factory=dict[str, float])
    languages: dict[str, float] = field(default_factory=dict[str, float])


NUMBERS = (
    ("length", "Characters per message", "{:.0f}"),
    ("words", "Words per message", "{:.1f}"),
    ("messages", "Messages per reply", "{:.1f}"),
    ("lower_case", "Begins with a small letter", "{:.0%}"),
    ("capitals", "All in capitals", "{:.0%}"),
    ("unended", "No mark at the end", "{:.0%}"),
    ("commas", "Commas per 100 characters", "{:.1f}"),
    ("emoji", "Emoji per message", "{:.2f}"),
    ("laughter", "Laughter", "{:.0%}"),
    ("stretched", "Streeetched words", "{:.0%}"),
)
"""The panel's numbers in order: attribute, what a person calls it, how it is written."""


def panel(replies: Sequence[Sampled], *, names: Collection[str] = ()) -> Panel:
    """The panel of somebody's replies; words in `names` are no openers. Raises ValueError without one message."""
    messages = [message for reply in replies for message in reply.messages if message.strip()]
    if not messages:
        raise ValueError("no messages to describe")
    firsts = [message.lstrip("\"'“¿¡( ") for message in messages]
    cased = [first[0] for first in firsts if first and _CASED.match(first)]
    ends = Counter(_end(message) for message in messages)
    emoji = Counter(mark for message in messages for mark in (*_EMOJI.findall(message), *_EMOTICON.findall(message)))
    laughs = Counter(found.lower()[:4] for message in messages for found in _LAUGHTER.findall(message))
    called = {word.lower() for name in names for word in _WORD.findall(name)}
    first_words = [words[0].lower() for message in messages if (words := _WORD.findall(message))]
    openers = Counter(word for word in first_words if word not in called)
    characters = sum(map(len, messages))
    return Panel(
        length=median(map(len, messages)),
        words=fmean(len(_WORD.findall(message)) for message in messages),
        messages=len(messages) / max(1, len(replies)),
        lower_case=sum(map(str.islower, cased)) / max(1, len(cased)),
        capitals=fmean(message.isupper() and len(_WORD.findall(message)) > 1 for message in messages),
        unended=ends[""] / len(messages),
        ends={mark: count / len(messages) for mark, count in ends.most_common(5) if mark},
        commas=100 * sum(message.count(",") for message in messages) / characters,
        emoji=emoji.total() / len(messages),
        laughter=fmean(_LAUGHTER.search(message) is not None for message in messages),
        stretched=fmean(_STRETCHED.search(message) is not None for message in messages),
        favourite_emoji=[mark for mark, _ in emoji.most_common(5)],
        favourite_laughter=[form for form, _ in laughs.most_common(3)],
        openers={word: count / len(messages) for word, count in openers.most_common(6)},
        languages=languages.languages(messages),
    )


def _end(message: str) -> str:
    """The kind of mark that a message ends in: `.` `…` `?` `!` and so on, emoji set apart; "" for none."""
    found = _END.search(message.rstrip())
    if not found:
        return ""
    if _EMOJI.search(found[0]) or _EMOTICON.search(message.rstrip()[-4:]):
        return "emoji"
    if set(found[0]) <= {".", "…"}:
        return "." if found[0] == "." else "…"
    return next((mark for mark in "?!" if mark in found[0]), found[0][-1])
