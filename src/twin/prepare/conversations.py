"""Messages become conversations: only words that somebody typed, chat by chat, cut at silences."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from twin.domain.messages import WORDS, Conversation, Message


def spoken(messages: Iterable[Message], *, longest: int, dropped: Counter[str]) -> Iterator[Message]:
    """The messages that may be learned from; why the others may not is counted in `dropped`.

    Args:
        longest: in characters; anything longer was pasted rather than typed.
    """
    for message in messages:
        if message.kind not in WORDS:
            dropped[message.kind.value] += 1
        elif message.sender is None:
            dropped["no sender"] += 1
        elif not message.text.strip():
            dropped["empty"] += 1
        elif len(message.text) > longest:
            dropped[f"longer than {longest} characters"] += 1
        else:
            yield message


def newest(messages: Sequence[Message], count: int | None) -> list[Message]:
    """The newest `count` messages, in their own order; all of them for None."""
    if count is None or len(messages) <= count:
        return list(messages)
    order = sorted(range(len(messages)), key=lambda index: moment(messages[index]))
    kept = set(order[-count:])
    return [message for index, message in enumerate(messages) if index in kept]


def conversations(messages: Iterable[Message], *, silence: timedelta) -> Iterator[Conversation]:
    """Each chat's messages in the order of time, cut wherever nobody wrote for longer than `silence`.

    The sort is stable: messages of one minute stay as the export has them, and so does a chat without times.
    """
    chats: defaultdict[tuple[str, str], list[Message]] = defaultdict(list)
    for message in messages:
        chats[message.platform, message.chat].append(message)
    for (platform, chat), lines in chats.items():
        if all(line.sent_at is not None for line in lines):
            lines.sort(key=moment)
        start = 0
        for index, (before, after) in enumerate(pairwise(lines), 1):
            if before.sent_at and after.sent_at and moment(after) - moment(before) > silence.total_seconds():
                yield Conversation(platform, chat, tuple(lines[start:index]))
                start = index
        yield Conversation(platform, chat, tuple(lines[start:]))


def moment(message: Message) -> float:
    """Seconds since 1970, to order by; a wall clock is read as UTC, and no time at all is the beginning."""
    time: datetime | None = message.sent_at
    if time is None:
        return 0.0
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
