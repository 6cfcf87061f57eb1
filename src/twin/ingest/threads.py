"""What a platform remembers of its chats while it reads: the names given away, and the last messages, for replies."""

from collections.abc import Hashable

_REMEMBERED = 20_000
_BEGINNING = 200


class Titles:
    """Names for chats, so that no two chats share one."""

    def __init__(self) -> None:
        self._owners: dict[str, Hashable] = {}

    def name(self, title: str, chat_id: Hashable) -> str:
        """`title`, with the id added where another chat has that title already."""
        name, number = title, 1
        while self._owners.setdefault(name, chat_id) != chat_id:
            name = f"{title} ({chat_id})" if number == 1 else f"{title} ({chat_id}, {number})"
            number += 1
        return name


class Quotes:
    """The beginnings of the last 20,000 messages of a chat, so that a reply can say what it answers."""

    def __init__(self) -> None:
        self._texts: dict[Hashable, str] = {}

    def remember(self, message_id: Hashable, text: str) -> None:
        """Keep a message's beginning; the oldest one is forgotten."""
        if not message_id or not text:
            return
        self._texts[message_id] = text[:_BEGINNING]
        if len(self._texts) > _REMEMBERED:
            del self._texts[next(iter(self._texts))]

    def find(self, message_id: Hashable) -> str | None:
        """The beginning of an earlier message; None where it is unknown."""
        return self._texts.get(message_id)
