"""Conversations with twins: trees of messages, of which one branch is looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import uuid4

from sqlalchemy import delete, func, insert, select, update

from twin.backends.local.database import Database
from twin.web.store.tables import CONVERSATIONS, CORRECTIONS, MESSAGES

_BETWEEN = "\x1e"
"""Stands between the bubbles of one message in the database; what people type never holds it."""


class Said(StrEnum):
    """Who said a message of a conversation."""

    PERSON = "person"
    TWIN = "twin"


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation.

    Attributes:
        owner: the id of the account, or `guest:TOKEN:…` for a guest of a share.
        leaf: the last message of the branch that is looked at; None where nothing was said.
    """

    id: str
    twin_id: str
    owner: str
    title: str
    leaf: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """What one side said at one point.

    Attributes:
        parent: the message that it answers; None for the first.
        bubbles: a twin answers in several; none where it said nothing.
        remembered: past exchanges that the reply was given.
        rating: 1 thumbs up, -1 thumbs down, 0 none.
        adapter: the run whose adapter said it; "" for the base without one; None where nobody noted it.
    """

    id: str
    conversation_id: str
    parent: str | None
    role: Said
    bubbles: tuple[str, ...]
    remembered: list[str]
    rating: int
    created_at: datetime
    adapter: str | None = None


class Seen(NamedTuple):
    """A message of the branch that is looked at, and its siblings: itself and the others with the same parent."""

    message: ChatMessage
    siblings: tuple[str, ...]

    @property
    def number(self) -> int:
        """From 1."""
        return self.siblings.index(self.message.id) + 1


class Conversations:
    """Conversations in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, twin_id: str, owner: str, *, title: str, now: datetime) -> Conversation:
        conversation = Conversation(uuid4().hex, twin_id, owner, title, None, now, now)
        with self._database.write() as connection:
            values = {name: getattr(conversation, name) for name in Conversation.__slots__}
            connection.execute(insert(CONVERSATIONS).values(values))
        return conversation

    def get(self, conversation_id: str) -> Conversation | None:
        with self._database.read() as connection:
            row = connection.execute(select(CONVERSATIONS).where(CONVERSATIONS.c.id == conversation_id)).first()
        return Conversation(*row) if row else None

    def listed(self, twin_id: str, owner: str, *, containing: str = "", limit: int = 200) -> list[Conversation]:
        """The owner's conversations with a twin, newest first, of which all or those that hold some words."""
        query = select(CONVERSATIONS).where(CONVERSATIONS.c.twin_id == twin_id, CONVERSATIONS.c.owner == owner)
        if containing:
            words = containing.lower()
            inside = select(MESSAGES.c.conversation_id).where(
                func.lower(MESSAGES.c.text).contains(words, autoescape=True)
            )
            titled = func.lower(CONVERSATIONS.c.title).contains(words, autoescape=True)
            query = query.where(titled | CONVERSATIONS.c.id.in_(inside))
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(CONVERSATIONS.c.updated_at.desc()).limit(limit)).all()
        return [Conversation(*row) for row in rows]

    def say(
        self,
        conversation: Conversation,
        role: Said,
        bubbles: Sequence[str],
        *,
        parent: str | None,
        remembered: Sequence[str] = (),
        adapter: str | None = None,
        now: datetime,
    ) -> ChatMessage | None:
        """Add a message after `parent` and look at it; None where the conversation was deleted meanwhile."""
        clean = tuple(bubble.replace(_BETWEEN, " ") for bubble in bubbles)
        message = ChatMessage(uuid4().hex, conversation.id, parent, role, clean, list(remembered), 0, now, adapter)
        with self._database.write() as connection:
            moved = connection.execute(
                update(CONVERSATIONS)
                .where(CONVERSATIONS.c.id == conversation.id)
                .values(leaf=message.id, updated_at=now)
            )
            if not moved.rowcount:
                return None
            values = {name: getattr(message, name) for name in ChatMessage.__slots__ if name != "bubbles"}
            connection.execute(insert(MESSAGES).values(values | {"text": _BETWEEN.join(clean)}))
        return message

    def forget_remembered(self, twin_id: str) -> None:
        """Remove the past exchanges that are quoted beside replies of a twin."""
        inside = select(CONVERSATIONS.c.id).where(CONVERSATIONS.c.twin_id == twin_id)
        with self._database.write() as connection:
            connection.execute(update(MESSAGES).where(MESSAGES.c.conversation_id.in_(inside)).values(remembered=[]))

    def messages(self, conversation_id: str) -> dict[str, ChatMessage]:
        """Every message of every branch by its id, oldest first."""
        query = select(MESSAGES).where(MESSAGES.c.conversation_id == conversation_id).order_by(MESSAGES.c.created_at)
        with self._database.read() as connection:
            return {row["id"]: _message(dict(row)) for row in connection.execute(query).mappings()}

    def message(self, message_id: str) -> ChatMessage | None:
        with self._database.read() as connection:
            row = connection.execute(select(MESSAGES).where(MESSAGES.c.id == message_id)).mappings().first()
        return _message(dict(row)) if row else None

    def rate(self, message_id: str, rating: int) -> None:
        with self._database.write() as connection:
            connection.execute(update(MESSAGES).where(MESSAGES.c.id == message_id).values(rating=rating))

    def look_at(self, conversation_id: str, message_id: str) -> None:
        """Look at the newest branch through a message."""
        messages = self.messages(conversation_id)
        leaf = message_id
        while children := [one.id for one in messages.values() if one.parent == leaf]:
            leaf = children[-1]
        with self._database.write() as connection:
            connection.execute(update(CONVERSATIONS).where(CONVERSATIONS.c.id == conversation_id).values(leaf=leaf))

    def rename(self, conversation_id: str, title: str) -> None:
        with self._database.write() as connection:
            connection.execute(update(CONVERSATIONS).where(CONVERSATIONS.c.id == conversation_id).values(title=title))

    def delete(
        self, *, conversation_id: str | None = None, twin_id: str | None = None, owner: str | None = None
    ) -> None:
        """Delete one conversation, or all with a twin, or all of an owner; an owner that ends in `:` is a prefix.

        Corrections of their replies go too: they quote what was said before.
        """
        which = select(CONVERSATIONS.c.id)
        if conversation_id is not None:
            which = which.where(CONVERSATIONS.c.id == conversation_id)
        elif twin_id is not None:
            which = which.where(CONVERSATIONS.c.twin_id == twin_id)
        elif owner is not None:
            column = CONVERSATIONS.c.owner
            which = which.where(column.startswith(owner, autoescape=True) if owner.endswith(":") else column == owner)
        else:
            raise ValueError("that would be every conversation of everybody")
        with self._database.write() as connection:
            ids = connection.execute(which).scalars().all()
            replies = select(MESSAGES.c.id).where(MESSAGES.c.conversation_id.in_(ids))
            connection.execute(delete(CORRECTIONS).where(CORRECTIONS.c.message_id.in_(replies)))
            connection.execute(delete(MESSAGES).where(MESSAGES.c.conversation_id.in_(ids)))
            connection.execute(delete(CONVERSATIONS).where(CONVERSATIONS.c.id.in_(ids)))


def branch(messages: dict[str, ChatMessage], leaf: str | None) -> list[Seen]:
    """The messages from the first to `leaf`, each with its siblings."""
    children: dict[str | None, list[str]] = {}
    for message in messages.values():
        children.setdefault(message.parent, []).append(message.id)
    seen: list[Seen] = []
    while leaf is not None and leaf in messages:
        message = messages[leaf]
        seen.append(Seen(message, tuple(children[message.parent])))
        leaf = message.parent
    return seen[::-1]


def takeovers(seen: Sequence[Seen]) -> dict[str, str]:
    """The replies with which another adapter took over, and the one before it: "" for the base without one."""
    found: dict[str, str] = {}
    before: str | None = None
    for message, _ in seen:
        if message.adapter is not None:
            if before is not None and message.adapter != before:
                found[message.id] = before
            before = message.adapter
    return found


def _message(values: dict[str, Any]) -> ChatMessage:
    text = values.pop("text")
    values["role"] = Said(values["role"])
    return ChatMessage(**values, bubbles=tuple(text.split(_BETWEEN)) if text else ())
