"""Messages become conversations, and conversations become examples."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from twin.domain.events import Watcher, nobody
from twin.domain.examples import Example, Role, Split, Turn
from twin.domain.messages import Message
from twin.errors import DataError
from twin.prepare.augment import Document, OtherSide, augment, documents, is_writing
from twin.prepare.conversations import conversations, newest, spoken
from twin.prepare.windows import split_by_time, turns, windows

FEWEST = 20
"""Messages that an owner must have written at least."""


@dataclass(frozen=True, slots=True)
class PrepareConfig:
    """How messages are cut into examples.

    Attributes:
        silence: a longer pause begins another conversation.
        window: tokens of an example at most.
        context: tokens before its first counted reply at most.
        longest: characters of a message at most; longer ones were pasted. `longest_paragraph` of a diary or letter.
        held_out: share of the owner's messages, the latest of each chat, that never trains.
        max_messages: only the newest so many messages; None for all.
    """

    silence: timedelta = timedelta(hours=2)
    window: int = 124
    context: int = 64
    longest: int = 2000
    longest_paragraph: int = 20_000
    held_out: float = 0.1
    max_messages: int | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """Examples, and the account of what became of every message.

    Attributes:
        messages: how many were read.
        kept: how many stand in conversations that became examples; `messages` is `kept` and the `dropped`.
        owner_messages: how many of the kept are the owner's; each counts in exactly one example.
        conversations: how many became examples, after the cut in time.
        dropped: why the others were not kept.
        documents: what the owner wrote to nobody in particular, redacted.
        origins: of how many passages of these the other side came from where (`plain`: from nowhere).
    """

    examples: tuple[Example, ...]
    messages: int
    kept: int
    owner_messages: int
    conversations: int
    dropped: Counter[str] = field(default_factory=Counter[str])
    documents: tuple[Document, ...] = ()
    origins: Counter[str] = field(default_factory=Counter[str])

    def count(self, split: Split) -> int:
        return sum(example.split is split for example in self.examples)


def prepare(
    messages: Iterable[Message],
    *,
    speakers: tuple[str, ...],
    measure: Callable[[Turn], int],
    redact: Callable[[Message], Message] | None = None,
    config: PrepareConfig | None = None,
    other_sides: Sequence[OtherSide] = (),
    watch: Watcher = nobody,
) -> Prepared:
    """Make examples of what `speakers` wrote.

    Args:
        speakers: names or ids under which the owner writes; the twin speaks under the first.
        measure: the tokens of a turn under the base model that will train.
        redact: replaces what identifies third parties; the only change to anybody's words.
        other_sides: find what was said before the passages of diaries and letters.
        watch: told of these passages.

    Raises:
        DataError: the owner wrote too little.
    """
    config = config or PrepareConfig()
    names = frozenset(speakers)

    def is_owner(message: Message) -> bool:
        return message.by(names)

    dropped: Counter[str] = Counter()
    everything = list(messages)
    writing = [message for message in everything if is_writing(message) and is_owner(message)]
    chats = [message for message in everything if not is_writing(message)]
    paragraphs = list(spoken(writing, longest=config.longest_paragraph, dropped=dropped))
    recent = newest(list(spoken(chats, longest=config.longest, dropped=dropped)), config.max_messages)
    if others := len(everything) - len(writing) - len(chats):
        dropped["texts of others"] = others
    if older := len(everything) - dropped.total() - len(recent) - len(paragraphs):
        dropped[f"older than the newest {config.max_messages}"] = older
    own = sum(map(is_owner, recent)) + len(paragraphs)
    if own < FEWEST:
        raise DataError(
            f"{speakers[0]} wrote {own} messages that can be learned from; at least {FEWEST} are needed. "
            "Add more chats, or check the name with `twin parse`."
        )
    stretches = list(conversations(map(redact, recent) if redact else recent, silence=config.silence))
    examples: list[Example] = []
    used = kept = 0
    for conversation, split in split_by_time(stretches, is_owner=is_owner, share=config.held_out):
        source = f"{conversation.platform}:{conversation.chat}"
        lines = turns(conversation, is_owner=is_owner, owner_name=speakers[0])
        cut = windows(lines, window=config.window, context=config.context, measure=measure, split=split, source=source)
        before = len(examples)
        examples += cut
        if len(examples) > before:
            used += 1
            kept += len(conversation.messages)
    if unused := len(recent) - kept:
        dropped["in conversations without the owner"] = unused
    texts = documents(map(redact, paragraphs) if redact else paragraphs)
    partner = Counter(turn.name for one in examples for turn in one.turns if turn.role is Role.OTHER).most_common(1)
    augmented = augment(
        texts,
        owner=speakers[0],
        other_sides=other_sides,
        other=partner[0][0] if partner else "Friend",
        held_out=config.held_out,
        watch=watch,
    )
    return Prepared(
        (*examples, *augmented.examples),
        len(everything),
        kept + len(paragraphs),
        own,
        used,
        dropped,
        tuple(texts),
        augmented.origins,
    )
