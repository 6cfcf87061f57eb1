"""Conversations become examples: turns, cut into windows that carry their context, split by time.

Each reply of the owner is counted in exactly one window. A window is filled up to a length rather than made
per reply, so that the context that several replies share is computed once.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from twin.domain.examples import Example, Role, Split, Turn
from twin.domain.messages import Conversation, Message


def turns(conversation: Conversation, *, is_owner: Callable[[Message], bool], owner_name: str) -> list[Turn]:
    """Consecutive messages of one person joined; the owner speaks under one name on every platform."""
    result: list[Turn] = []
    for (own, sender), messages in groupby(conversation.messages, key=lambda one: (is_owner(one), one.sender or "")):
        words = tuple(message.text for message in messages)
        result.append(Turn(Role.OWNER, owner_name, words) if own else Turn(Role.OTHER, sender, words))
    return result


def windows(
    turns: Sequence[Turn], *, window: int, context: int, measure: Callable[[Turn], int], split: Split, source: str
) -> Iterator[Example]:
    """Cut one conversation into examples.

    Args:
        window: what an example holds at most, in the unit of `measure`, unless one reply alone is longer.
        context: what stands before the first counted reply at most; stretches in which the owner is silent for
            longer than that are left out.
        measure: the length of a turn, usually in tokens.
    """
    own = [index for index, turn in enumerate(turns) if turn.role is Role.OWNER]
    lengths = [measure(turn) for turn in turns]

    def reach(index: int) -> int:
        """Where the context of the turn at `index` begins."""
        start, size = index, 0
        while start > 0 and size + lengths[start - 1] <= context:
            start -= 1
            size += lengths[start]
        return start

    at = 0
    while at < len(own):
        first = own[at]
        start = reach(first)
        last = first
        # Further replies join as long as they fit and the silence before them is no longer than their context.
        while at + 1 < len(own) and reach(own[at + 1]) <= last + 1 and sum(lengths[start : own[at + 1] + 1]) <= window:
            at += 1
            last = own[at]
        yield Example(tuple(turns[start : last + 1]), first - start, split, source)
        at += 1


def split_by_time(
    conversations: Sequence[Conversation], *, is_owner: Callable[[Message], bool], share: float
) -> Iterator[tuple[Conversation, Split]]:
    """The later part of each chat, with `share` of the owner's messages in it, is held out.

    A conversation across the cut is cut there: what comes before it trains, what comes after is held out.
    """
    by_chat = groupby(conversations, key=lambda one: (one.platform, one.chat))
    for _, group in by_chat:
        chat = list(group)
        left = round(sum(is_owner(message) for one in chat for message in one.messages) * (1 - share))
        for conversation in chat:
            cut = 0
            for message in conversation.messages:
                if left <= 0:
                    break
                left -= is_owner(message)
                cut += 1
            before, after = conversation.messages[:cut], conversation.messages[cut:]
            if before:
                yield Conversation(conversation.platform, conversation.chat, before), Split.TRAIN
            if after:
                yield Conversation(conversation.platform, conversation.chat, after), Split.HELD_OUT
