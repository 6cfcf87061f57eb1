"""Messages: what people wrote, as an export holds it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What a message is. Only `TEXT` and `EDITED` are words that a person typed."""

    TEXT = "text"
    MEDIA = "media"
    SYSTEM = "system"
    CALL = "call"
    DELETED = "deleted"
    EDITED = "edited"
    POLL = "poll"
    LOCATION = "location"
    CONTACT = "contact"
    FORWARD = "forward"
    REACTION = "reaction"
    EMPTY = "empty"


WORDS = frozenset({Kind.TEXT, Kind.EDITED})
"""The kinds that may become training words."""


class Message(NamedTuple):
    """One message, verbatim.

    A named tuple, not a dataclass: an export has millions, and a tuple is made three times faster.

    Attributes:
        platform: the module that read it, e.g. `whatsapp`.
        chat: the conversation's name as the platform shows it; unique within one reading.
        sender: the name as displayed; None for notices that nobody wrote.
        sent_at: aware where the export states an offset or an instant, otherwise the naive wall clock of
            the exporting device; None where the source has no times.
        kind: see `Kind`.
        text: verbatim, with line breaks; the caption of a media message; "" where there is none.
        reply_to: the text (or its beginning) of the message that this one answers, where the export says so.
        sender_id: the platform's stable id of the sender, where it has one.
    """

    platform: str
    chat: str
    sender: str | None
    sent_at: datetime | None
    kind: Kind
    text: str
    reply_to: str | None = None
    sender_id: str | None = None

    def by(self, names: Collection[str]) -> bool:
        """Whether somebody wrote it who has one of these names, or ids."""
        return self.sender in names or self.sender_id in names


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages of one chat without a long silence between them, in order."""

    platform: str
    chat: str
    messages: tuple[Message, ...]
