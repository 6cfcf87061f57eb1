"""A twin that can be talked with: whose voice, from which weights, with which memory.

The terminal, the web app, the API and the bots all talk with a twin through this.
"""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import NamedTuple

from twin.domain.examples import Role, Turn
from twin.domain.ports import ChatModel, Piece, Sampling
from twin.errors import NotFoundError
from twin.serve import instant, memory
from twin.serve.memory import Exchange, Memory

PACE_S = 0.05
_AT_ONCE_S = 0.001


class Reply(NamedTuple):
    """A reply as it comes, and the past exchanges that the model was shown for it."""

    pieces: Iterator[Piece]
    drew_on: tuple[Exchange, ...]


@dataclass(frozen=True, slots=True)
class Voice:
    """A twin, ready to answer.

    Attributes:
        adapter: id of its published adapter; None before the training, when the base speaks from examples.
        past: what the owner said before, where there is a memory.
        partner: the name under which people talk with it, where they have none.
        remembers: whether a trained twin is reminded of past exchanges; the untrained one always is.
    """

    model: ChatModel
    speaker: str
    adapter: str | None
    partner: str = "Friend"
    past: Memory | None = None
    remembers: bool = False
    sampling: Sampling = field(default_factory=Sampling)

    @property
    def untrained(self) -> bool:
        """Whether the base speaks from examples."""
        return self.adapter is None

    def reply(
        self, turns: Sequence[Turn], *, sampling: Sampling | None = None, setting: str = "", deadline_s: float = 60.0
    ) -> Reply:
        """What the twin says next. Errors are those of `ChatModel.reply`, when the pieces are read.

        Args:
            sampling: instead of the voice's own.
            setting: what stands before everything else.
        """
        drew_on, opening = self._reminded(turns)
        pieces = self.model.reply(
            turns,
            speaker=self.speaker,
            adapter=self.adapter,
            sampling=sampling or self.sampling,
            preamble="\n\n".join(filter(None, (setting, opening))),
            deadline_s=deadline_s,
        )
        return Reply(paced(pieces), tuple(drew_on))

    def _reminded(self, turns: Sequence[Turn]) -> tuple[list[Exchange], str]:
        if self.past is None or not (self.untrained or self.remembers):
            return [], ""
        last = next((turn for turn in reversed(turns) if turn.role is Role.OTHER), None)
        text = "\n".join(last.messages) if last else ""
        try:
            if self.untrained:
                found = instant.examples(self.past, text)
                return found, instant.opening(found, speaker=self.speaker)
            found = self.past.recall(text)
        except NotFoundError:  # deleted, or never written: the voice remains
            return [], ""
        return found, memory.opening(found, speaker=self.speaker)


def paced(pieces: Iterator[Piece]) -> Generator[Piece]:
    """The same reply in fewer pieces: whatever has come by the time that it is looked after, every `PACE_S`.

    A small model writes hundreds of words a second. No eye tells them apart, each would be a write to a client, and
    waking up for each costs ten times as much as reading it.
    """
    held: Piece | None = None
    told = asked = time.monotonic()
    with closing(pieces):  # pyright: ignore[reportArgumentType]  # an iterator that stops the work when it is closed
        for piece in pieces:
            if held and held.message != piece.message:
                yield held
                held = None
            held = piece if held is None else Piece(held.message, held.text + piece.text)
            now = time.monotonic()
            if now - asked > _AT_ONCE_S or now - told > 2 * PACE_S:  # it had to be waited for: no more is there
                yield held
                held = None
                time.sleep(PACE_S)
                told = time.monotonic()
            asked = time.monotonic()
    if held:
        yield held


def messages(pieces: Iterator[Piece]) -> Iterator[str]:
    """The messages of a reply, each when it is complete, without empty ones."""
    number, text = 0, ""
    for piece in pieces:
        if piece.message != number:
            if text.strip():
                yield text.strip()
            number, text = piece.message, ""
        text += piece.text
    if text.strip():
        yield text.strip()
