"""What a platform remembers of its chats while it reads: the names given away, and the last messages, for replies."""

from collections.abc import Hashable

_REMEMBERED = 20_000
_BEGINNING = 200


class Titles:
    """Names for chats: no two chats share one, and a chat keeps its own."""

    def __init__(self) -> None:
        self._names: dict[Hashable, str] = {}
        self._taken: set[str] = set()

    def name(self, title: str, chat_id: Hashable) -> str:
        """The name of a chat; where another one has the title already, the id is added. No id: the title is it."""
        chat_id = chat_id or title
        if chat_id not in self._names:
            name, number = title, 1
            while name in self._taken:
                name = f"{title} ({chat_id})" if number == 1 else f"{title} ({chat_id}, {number})"
                number += 1
            self._taken.add(name)
            self._names[chat_id] = name
        return self._names[chat_id]


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
