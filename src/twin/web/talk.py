"""Talking: what stands in a conversation becomes a reply, which becomes part of the conversation."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace

from twin.domain.examples import Role, Turn
from twin.domain.ports import Piece
from twin.domain.twins import Twin
from twin.serve.voice import Voice
from twin.web.site import Site
from twin.web.store.conversations import ChatMessage, Conversation, Said, branch

DEADLINE_S = 60.0


def turns(messages: Sequence[ChatMessage], voice: Voice) -> list[Turn]:
    """A branch as a model sees it: consecutive messages of one side are one turn."""
    found: list[Turn] = []
    for message in messages:
        if not message.bubbles:
            continue
        if message.role is Said.TWIN:
            turn = Turn(Role.OWNER, voice.speaker, message.bubbles)
        else:
            turn = Turn(Role.OTHER, voice.partner, message.bubbles)
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
    voice = here.platform.voice(twin)
    made = voice.reply(turns(so_far, voice), deadline_s=DEADLINE_S)
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
            remembered = [exchange.lines(voice.speaker) for exchange in made.drew_on]
            store.say(
                conversation,
                Said.TWIN,
                bubbles,
                parent=asked.id,
                remembered=remembered,
                adapter=voice.adapter or "",
                now=here.now(),
            )
