"""The text around messages, for programs that keep their own conversation: a template taken apart."""

from dataclasses import dataclass

from twin.base.template import Template
from twin.domain.examples import Role, Turn

_GAP = "\0"


@dataclass(frozen=True, slots=True)
class Frame:
    """What a template writes before, between and after messages.

    A conversation is `opening` question `answer` reply `again` question … `final`, and the model goes on from there.

    Attributes:
        stop: where its reply ends.
    """

    opening: str
    answer: str
    again: str
    final: str
    stop: str

    @classmethod
    def of(cls, template: Template, *, speaker: str, partner: str) -> "Frame":
        """Render a conversation with gaps instead of words, and cut it there."""
        turns = [
            Turn(Role.OTHER, partner, (_GAP,)),
            Turn(Role.OWNER, speaker, (_GAP,)),
            Turn(Role.OTHER, partner, (_GAP,)),
        ]
        rendered = "".join(segment.text for segment in template.prompt(turns, speaker=speaker))
        opening, answer, again, final = rendered.split(_GAP)
        # What follows a reply on its own line is the mark that closes it; where nothing does, the line's end is.
        return cls(opening, answer, again, final, stop=again.partition("\n")[0] or "\n")
