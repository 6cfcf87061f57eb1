"""A twin that can be talked with: whose voice, from which weights, with which memory.

The terminal, the web app, the API and the bots all talk with a twin through this.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from twin.domain.examples import Role, Turn
from twin.domain.ports import ChatModel, Piece, Sampling
from twin.errors import NotFoundError
from twin.serve import instant, memory
from twin.serve.memory import Exchange, Memory


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
        return Reply(pieces, tuple(drew_on))

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
