"""Measuring how alike a twin is, with the model that answers for it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from twin.base.models import Base
from twin.domain.events import Watcher, nobody
from twin.domain.examples import Example, Role, Turn
from twin.domain.ports import ChatModel, Sampling
from twin.likeness import Account, Extent, Model, Report, Sampled, Scored, Subjects, measure
from twin.likeness.models import characters
from twin.prepare import identifiers
from twin.prepare.redact import Redactor
from twin.serve.voice import messages

ENDS_WITHIN = 120
"""Tokens. A reply that takes more has not ended by itself."""


def evaluate(
    examples: Sequence[Example],
    *,
    chat: ChatModel,
    base: Base,
    adapter: str,
    speaker: str,
    extent: Extent,
    redactor: Redactor | None = None,
    watch: Watcher = nobody,
) -> Report:
    """Compare the twin with the untouched base on what was held out.

    Args:
        redactor: knows the third parties of the chats, to notice where the twin names one.

    Raises:
        DataError: nothing is held out.
    """
    subjects = Subjects(
        base=model(chat, base, None, speaker=speaker),
        twin=model(chat, base, adapter, speaker=speaker),
        identifiers=lambda text: len(identifiers.find(text)),
        known=None if redactor is None else _counter(redactor),
    )
    return measure(examples, subjects, extent=extent, base_name=base.name, watch=watch)


def with_history(report: Report, *, prepared: dict[str, Any], trained: str) -> Report:
    """The report with what became of the messages, and with the curve of the training (`train.json`)."""
    account = Account(
        messages=prepared["messages"],
        kept=prepared["kept"],
        owner_messages=prepared["owner_messages"],
        dropped=prepared["dropped"],
        replaced=prepared["redacted"],
    )
    return replace(report, account=account, curve=tuple(json.loads(trained)["curve"]))


def model(chat: ChatModel, base: Base, adapter: str | None, *, speaker: str) -> Model:
    """A base with or without an adapter, as the measures see it."""

    def score(examples: Sequence[Example]) -> list[Scored]:
        scored: list[Scored] = []
        for example in examples:
            nats = 0.0
            for index, turn in enumerate(example.turns):
                if index >= example.context and turn.role is Role.OWNER:
                    nats -= chat.score(example.turns[: index + 1], adapter=adapter)
            scored.append(Scored(nats, characters(example)))
        return scored

    def reply(turns: Sequence[Turn], seed: int) -> Sampled:
        sampling = Sampling(seed=seed, max_tokens=ENDS_WITHIN + 8)
        said = tuple(messages(chat.reply(turns, speaker=speaker, adapter=adapter, sampling=sampling)))
        return Sampled(said, ended=len(base.vocabulary.encode("\n".join(said))) <= ENDS_WITHIN)

    return Model(score, reply)


def _counter(redactor: Redactor) -> Callable[[str], int]:
    def count(text: str) -> int:
        before = redactor.counts.total()
        redactor.text(text)
        return redactor.counts.total() - before

    return count
