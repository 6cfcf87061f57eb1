"""Somebody else of the same chats: the examples of a twin that is made only to compare the owner's with."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace

from twin.domain.examples import Example, Split, Turn
from twin.domain.messages import Message
from twin.errors import DataError
from twin.prepare import PrepareConfig, prepare
from twin.prepare.augment import is_writing
from twin.prepare.conversations import conversations, newest, spoken
from twin.prepare.windows import split_by_time


def stranger(
    messages: Iterable[Message],
    *,
    speakers: tuple[str, ...],
    measure: Callable[[Turn], int],
    config: PrepareConfig | None = None,
) -> tuple[str, tuple[Example, ...]]:
    """Who but the owner wrote most, and the examples of that person; both before the owner's held-out part begins.

    Args:
        messages: redacted; `speakers` are the owner's names in them.

    Raises:
        DataError: nobody else wrote enough.
    """
    config = config or PrepareConfig()
    names = frozenset(speakers)

    def is_owner(message: Message) -> bool:
        return message.by(names)

    chats = (message for message in messages if not is_writing(message))
    recent = newest(list(spoken(chats, longest=config.longest, dropped=Counter())), config.max_messages)
    stretches = list(conversations(recent, silence=config.silence))
    earlier = [
        message
        for stretch, split in split_by_time(stretches, is_owner=is_owner, share=config.held_out)
        if split is Split.TRAIN
        for message in stretch.messages
    ]
    written = Counter[str]()
    for message in earlier:
        if message.sender is not None and not is_owner(message):
            written[message.sender] += len(message.text)
    if not written:
        raise DataError("Nobody but the owner writes in these chats, so there is nobody to compare with.")
    other = written.most_common(1)[0][0]
    config = replace(config, max_messages=None)
    return other, prepare(earlier, speakers=(other,), measure=measure, config=config).examples
