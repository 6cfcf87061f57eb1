"""Templates: how turns become tokens, and how generated text becomes messages again.

One class per kind of base model, each rendering and parsing as inverses:

- `Transcript`, for base models: every message is a line `Name: text`, and an empty line closes each turn. Their marks
  for turns were never trained, while transcripts are everywhere in what they read. One token, two line feeds, says that
  a reply is over: were it the next speaker's name, its probability would lie scattered over all names of a group, each
  too unlikely to survive the cuts of sampling, and replies would go on.
- `Dialogue`, for instruction-tuned models: Gemma's turns, closed by a control token.

In both, a line break inside a message is line feed and space, so that a line that begins otherwise begins a message.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from twin.base.vocabulary import Vocabulary
from twin.domain.examples import Role, Turn
from twin.domain.ports import Piece
from twin.errors import ModelError


class Part(Enum):
    """What a segment is to the loss.

    `WORDS` are what the owner wrote, with the line feeds that end each message. `SHAPE` is what a model must also learn
    to write, but which is not the owner's words.
    """

    CONTEXT = "context"
    SHAPE = "shape"
    WORDS = "words"


@dataclass(frozen=True, slots=True)
class Segment:
    """Some text with one meaning; `mark` says that it is a control token of the template, never a person's."""

    text: str
    part: Part
    mark: bool = False


def escape(message: str) -> str:
    """A message on the lines of a template."""
    return message.replace("\n", "\n ")


def encode(segment: Segment, vocabulary: Vocabulary) -> list[int]:
    """Token ids of a segment. Raises ModelError where the vocabulary lacks a mark of the template."""
    if not segment.mark:
        return vocabulary.encode(segment.text)
    if (token := vocabulary.mark(segment.text)) is None:
        raise ModelError(f"The vocabulary has no {segment.text}. Use a base model that has this template.")
    return [token]


def line_name(name: str) -> str:
    """A name as it stands at the beginning of a line: on one line, and without the colon that ends it."""
    return " ".join(name.replace(":", " ").split()) or "?"


class Reader(ABC):
    """Turns generated text, as it comes, into pieces of messages. `ended` says that the reply is over."""

    ended = False

    @abstractmethod
    def feed(self, text: str) -> Iterator[Piece]:
        """What `text` adds. Text after the end of the reply is dropped."""

    @abstractmethod
    def close(self) -> Iterator[Piece]:
        """What was held back, once no more text comes."""


class Template(ABC):
    """How one kind of base model reads and writes a conversation."""

    @abstractmethod
    def example(self, turns: Sequence[Turn], *, context: int = 0) -> Iterator[Segment]:
        """A stretch of conversation as segments; the owner's turns from index `context` on are learned."""

    @abstractmethod
    def prompt(self, turns: Sequence[Turn], *, speaker: str, preamble: str = "") -> Iterator[Segment]:
        """The conversation so far, up to where `speaker` begins to write."""

    @abstractmethod
    def reply(self, turn: Turn) -> Iterator[Segment]:
        """What follows a prompt for the turn's speaker, with the way a reply ends; all of it learned."""

    @abstractmethod
    def reader(self, *, speaker: str) -> Reader:
        """What finds the messages of `speaker` in the text that a model writes, piece by piece."""
        ...

    def tokens(self, segments: Iterator[Segment], vocabulary: Vocabulary) -> tuple[list[int], list[Part]]:
        """Token ids with the part of each, beginning with the beginning mark."""
        ids = [vocabulary.bos]
        parts = [Part.CONTEXT]
        for segment in segments:
            added = encode(segment, vocabulary)
            ids += added
            parts += [segment.part] * len(added)
        return ids, parts


class Transcript(Template):
    """`Name: text` lines, and an empty one after each turn."""

    def example(self, turns: Sequence[Turn], *, context: int = 0) -> Iterator[Segment]:
        for index, turn in enumerate(turns):
            learned = turn.role is Role.OWNER and index >= context
            for number, message in enumerate(turn.messages, 1):
                # The first name of a turn stands in the prompt; writing it again is going on.
                yield Segment(line_name(turn.name) + ":", Part.SHAPE if learned and number > 1 else Part.CONTEXT)
                end = "\n" if number < len(turn.messages) else "\n\n"
                yield Segment(f" {escape(message)}{end}", Part.WORDS if learned else Part.CONTEXT)

    def prompt(self, turns: Sequence[Turn], *, speaker: str, preamble: str = "") -> Iterator[Segment]:
        if preamble:
            yield Segment(preamble.rstrip("\n") + "\n\n", Part.CONTEXT)
        yield from self.example(turns, context=len(turns))
        yield Segment(line_name(speaker) + ":", Part.CONTEXT)

    def reply(self, turn: Turn) -> Iterator[Segment]:
        segments = self.example([turn])
        next(segments)  # the name, which the prompt ends with
        yield from segments

    def reader(self, *, speaker: str) -> Reader:
        return _TranscriptReader(line_name(speaker) + ":")


class _TranscriptReader(Reader):
    """Holds back the beginning of a line until it is clear whose it is."""

    def __init__(self, own: str) -> None:
        self._own = own
        self._message = 0
        self._held = ""
        # What may stand at the place of `_held`: the space after a name, the beginning of a line, or anything.
        self._at_name_end = True
        self._at_line_start = False

    def feed(self, text: str) -> Iterator[Piece]:
        self._held += text
        while self._held and not self.ended:
            if self._at_name_end:
                self._held = self._held.removeprefix(" ")
                self._at_name_end = False
            elif self._at_line_start:
                if self._held[0] == " ":
                    yield Piece(self._message, "\n")
                    self._held = self._held[1:]
                elif self._held.startswith(self._own):
                    self._message += 1
                    self._held = self._held[len(self._own) :]
                    self._at_name_end = True
                elif self._own.startswith(self._held):
                    return
                else:
                    self.ended = True
                    return
                self._at_line_start = False
            else:
                words, feed, rest = self._held.partition("\n")
                if words:
                    yield Piece(self._message, words)
                self._held = rest
                self._at_line_start = bool(feed)

    def close(self) -> Iterator[Piece]:
        self.ended = True
        return iter(())


class Dialogue(Template):
    """Gemma's turns: `user` holds everybody else, by name where there are several, and `model` the owner."""

    def __init__(self, *, start: str = "<start_of_turn>", end: str = "<end_of_turn>") -> None:
        self._start = start
        self._end = end

    def example(self, turns: Sequence[Turn], *, context: int = 0) -> Iterator[Segment]:
        speaker = next((turn.name for turn in turns if turn.role is Role.OWNER), "")
        yield from self._turns(turns, context=context, opening=_persona(speaker) if speaker else "")

    def prompt(self, turns: Sequence[Turn], *, speaker: str, preamble: str = "") -> Iterator[Segment]:
        opening = "\n\n".join(filter(None, [_persona(speaker), preamble.strip()]))
        yield from self._turns(turns, context=len(turns), opening=opening)
        yield from self._open("model")

    def reply(self, turn: Turn) -> Iterator[Segment]:
        yield Segment(_lines(turn), Part.WORDS)
        yield Segment(self._end, Part.SHAPE, mark=True)

    def reader(self, *, speaker: str) -> Reader:  # noqa: ARG002
        return _DialogueReader(self._end)

    def _open(self, role: str) -> Iterator[Segment]:
        yield Segment(self._start, Part.CONTEXT, mark=True)
        yield Segment(role + "\n", Part.CONTEXT)

    def _close(self, part: Part) -> Iterator[Segment]:
        yield Segment(self._end, part, mark=True)
        yield Segment("\n", Part.CONTEXT)

    def _turns(self, turns: Sequence[Turn], *, context: int, opening: str) -> Iterator[Segment]:
        # Gemma 3 has no system turn: what is said beforehand opens the first user turn.
        index = 0
        while index < len(turns) and turns[index].role is Role.OTHER:
            index += 1
        yield from self._open("user")
        yield Segment("\n\n".join(filter(None, [opening, _named(turns[:index])])), Part.CONTEXT)
        yield from self._close(Part.CONTEXT)
        while index < len(turns):
            first = index
            role = turns[first].role
            while index < len(turns) and turns[index].role is role:
                index += 1
            learned = role is Role.OWNER and first >= context
            yield from self._open("model" if role is Role.OWNER else "user")
            said = turns[first:index]
            text = "\n".join(map(_lines, said)) if role is Role.OWNER else _named(said)
            yield Segment(text, Part.WORDS if learned else Part.CONTEXT)
            yield from self._close(Part.SHAPE if learned else Part.CONTEXT)


def _lines(turn: Turn) -> str:
    # A message's own opening space would read as a line break within the one before.
    return "\n".join(escape(message).lstrip(" ") for message in turn.messages)


def _persona(speaker: str) -> str:
    name = line_name(speaker)
    return f"You are {name} in a chat. Write what {name} writes next."


def _named(turns: Sequence[Turn]) -> str:
    return "\n".join(f"{line_name(turn.name)}: {escape(message)}" for turn in turns for message in turn.messages)


class _DialogueReader(Reader):
    def __init__(self, end: str) -> None:
        self._end = end
        self._message = 0
        self._at_line_start = False

    def feed(self, text: str) -> Iterator[Piece]:
        # The closing mark is one token, so it never comes in halves.
        words, end, _ = text.partition(self._end)
        while words and not self.ended:
            if self._at_line_start:
                self._at_line_start = False
                if words[0] == " ":
                    yield Piece(self._message, "\n")
                    words = words[1:]
                else:
                    self._message += 1
                continue
            line, feed, words = words.partition("\n")
            if line:
                yield Piece(self._message, line)
            self._at_line_start = bool(feed)
        self.ended = self.ended or bool(end)

    def close(self) -> Iterator[Piece]:
        self.ended = True
        return iter(())


def template_for(vocabulary: Vocabulary, *, instruction_tuned: bool) -> Template:
    """The template of a base model. Gemma 4 names its turn marks differently from Gemma 1 to 3."""
    if not instruction_tuned:
        return Transcript()
    for start, end in (("<start_of_turn>", "<end_of_turn>"), ("<|turn>", "<turn|>")):
        if vocabulary.mark(start) is not None and vocabulary.mark(end) is not None:
            return Dialogue(start=start, end=end)
    raise ModelError("The vocabulary has no turn marks of Gemma. Use a Gemma 3 base model.")
