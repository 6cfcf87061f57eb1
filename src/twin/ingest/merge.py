"""Several exports of one chat become one: what they share appears once."""

from collections import Counter
from collections.abc import Iterator, Sequence

from twin.domain.messages import Message
from twin.ingest.export import File

_STRETCH = 80
"""Bytes of several lines, with their times: no two chats share so many by chance."""


def overlap(one: File, other: File) -> bool:
    """Whether one of two files begins inside the other, as two exports of one chat do that were made one after another."""
    return _begins_in(one, other) or _begins_in(other, one)


def _begins_in(later: File, earlier: File) -> bool:
    # The first lines are left out: a file may begin with a notice of its own.
    lines = later.head(16384).split(b"\n")[2:-1]
    stretch = b"\n".join(lines[:8])
    if len(lines) < 3 or len(stretch) < _STRETCH:
        return False
    with earlier.open() as stream:
        before = b""
        while block := stream.read(1 << 20):
            if stretch in before + block:
                return True
            before = block[-len(stretch) :]
    return False


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
