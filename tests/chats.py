"""Small invented chats for tests."""

from datetime import datetime, timedelta
from random import Random

from twin.domain.messages import Kind, Message

OWNER = "Mara Finch"
_ASKS = ("hello there", "what now", "are you in", "did it rain", "any news", "who won", "is it late")
_SAYS = ("oh aye", "nope nope", "ha ha", "tea first", "not me", "soon", "mmm maybe")


def message(
    sender: str | None, text: str, at: datetime | None, *, kind: Kind = Kind.TEXT, chat: str = "crew", **other: str
) -> Message:
    return Message("whatsapp", chat, sender, at, kind, text, **other)


def chat(count: int = 200, *, seed: int = 0, start: datetime = datetime(2025, 3, 1, 9)) -> list[Message]:
    """Two people, about half of the messages each, a long silence after every dozen or so."""
    random = Random(seed)
    at = start
    result: list[Message] = []
    while len(result) < count:
        at += timedelta(hours=random.choice([5, 9, 20]))
        for _ in range(random.randint(2, 6)):
            lines = [("Bo Reed", random.choice(_ASKS))]
            lines += [(OWNER, random.choice(_SAYS)) for _ in range(random.randint(1, 2))]
            result += [message(name, text, at := at + timedelta(minutes=1)) for name, text in lines]
    return result[:count]
