"""Several exports of one chat become one: what they share appears once."""

from collections import Counter
from collections.abc import Iterator, Sequence

from twin.domain.messages import Message


def merge(streams: Sequence[Iterator[Message]]) -> Iterator[Message]:
    """The messages of the first stream, then of each next one those that no stream before held.

    Streams come ordered by their beginning. Messages are the same if their minute and their text are: not the sender,
    because a number may have become a name between two exports, nor the second, because Android leaves it out. What
    was written twice in one minute stays twice. One stream passes through as it is.
    """
    return streams[0] if len(streams) == 1 else _merged(streams)


def _merged(streams: Sequence[Iterator[Message]]) -> Iterator[Message]:
    held: Counter[int] = Counter()
    for stream in streams:
        own: Counter[int] = Counter()
        for message in stream:
            key = _key(message)
            own[key] += 1
            if own[key] > held[key]:
                yield message
        held |= own


def _key(message: Message) -> int:
    minute = message.sent_at and message.sent_at.replace(second=0, microsecond=0)
    return hash((minute, message.kind.value, message.text))
