"""Talking: what stands in a conversation becomes a reply, which becomes part of the conversation."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace

from twin.domain.examples import Role, Turn
from twin.domain.ports import Piece
from twin.domain.twins import Twin
from twin.web.site import Site
from twin.web.store.conversations import ChatMessage, Conversation, Said, branch

DEADLINE_S = 60.0
PARTNER = "Friend"


def turns(messages: Sequence[ChatMessage], twin: Twin) -> list[Turn]:
    """A branch as a model sees it: consecutive messages of one side are one turn."""
    found: list[Turn] = []
    for message in messages:
        if not message.bubbles:
            continue
        if message.role is Said.TWIN:
            turn = Turn(Role.OWNER, twin.speakers[0], message.bubbles)
        else:
            turn = Turn(Role.OTHER, twin.options.get("partner") or PARTNER, message.bubbles)
        if found and found[-1].role is turn.role:
            turn = replace(turn, messages=found.pop().messages + turn.messages)
        found.append(turn)
    return found


def reply(here: Site, twin: Twin, conversation: Conversation, asked: ChatMessage) -> Iterator[Piece]:
    """The twin's reply to `asked`, in pieces. However it ends, what was said of it is part of the conversation.

    Raises:
        BusyError, ModelError, UnavailableError: as `ChatModel.reply` does.
    """
    store = here.store.conversations
    so_far = [seen.message for seen in branch(store.messages(conversation.id), asked.id)]
    made = here.platform.voice(twin).reply(turns(so_far, twin), deadline_s=DEADLINE_S)
    texts: list[str] = []
    complete = False
    try:
        with closing(made.pieces) as pieces, here.under_way.reply(conversation.id) as stop:  # pyright: ignore[reportArgumentType]
            for piece in pieces:
                texts.extend([""] * (piece.message + 1 - len(texts)))
                texts[piece.message] += piece.text
                yield piece
                if stop.is_set():
                    break
        complete = True
    finally:
        bubbles = [text.strip() for text in texts if text.strip()]
        if bubbles or complete:
            remembered = [exchange.lines(twin.speakers[0]) for exchange in made.drew_on]
            store.say(conversation, Said.TWIN, bubbles, parent=asked.id, remembered=remembered, now=here.now())
