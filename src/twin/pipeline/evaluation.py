"""Measuring how alike a stored twin is: its base and its adapter as the measures see them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from twin.base import models
from twin.base.adapter import LoraAdapter
from twin.base.models import Base
from twin.base.scoring import Scorer
from twin.domain.events import Progress
from twin.domain.examples import Example, Role, Split, Turn
from twin.domain.jsonl import read_examples
from twin.domain.ports import ChatModel, Sampling
from twin.domain.runs import Stage
from twin.errors import DataError, NotFoundError
from twin.likeness import (
    Account,
    Extent,
    Model,
    Report,
    Sampled,
    Scored,
    Secrets,
    Subjects,
    exchanges,
    instant,
    leakage,
    measure,
    people,
)
from twin.likeness.models import characters
from twin.pipeline import keys, message_lines, redaction
from twin.pipeline.runs import SEED
from twin.pipeline.work import Work

if TYPE_CHECKING:
    from twin.pipeline.comparison import OtherTwin
from twin.prepare import identifiers
from twin.serve.voice import messages

ENDS_WITHIN = 120
"""Tokens. A reply that takes more has not ended by itself."""

PATIENCE_S = 900.0
"""Nobody waits for a reply that is only measured: a busy machine must not end a run."""

SHORT, LONGEST = 256, 1024
"""Tokens of an example, alone and with past exchanges before it."""

SHOWN = 2400
"""Characters of past exchanges that the base is shown, to compare the twin with."""


def evaluate(work: Work, extent: Extent, *, other_s: float = 0) -> Report:
    """Measure the twin of a run that is converted, on what was held out, and store the report.

    Args:
        other_s: seconds in which a twin of somebody else of the same chats is trained, to compare with; 0 for none.

    Raises:
        DataError: nothing is held out.
    """
    examples = list(read_examples(work.fetch(keys.EXAMPLES)))
    adapter = work.fetch(keys.ADAPTER)
    base = models.find(work.twin.base, folder=work.bases)
    trained = LoraAdapter.load(adapter)
    others = _other_twin(work, base, other_s) if other_s else None
    scorer = Scorer(base, length=SHORT, rows=4)
    answers = work.chat(work.twin.base)
    speaker = work.twin.speakers[0]
    untouched = Model(scores(scorer, None), replies(answers, base, None, speaker))
    training = [example for example in examples if example.split is Split.TRAIN]
    planted = int(work.run.options.get("secrets", 0))
    subjects = Subjects(
        base=untouched,
        twin=Model(scores(scorer, trained), replies(answers, base, work.run.id, speaker)),
        few_shot=shown(scorer, untouched, training) if extent.compared else None,
        other_twin=others and Model(scores(scorer, others.adapter), replies(answers, base, others.id, others.speaker)),
        secrets=secrets(scorer, trained, training, planted if extent.compared else 0),
        identifiers=lambda text: len(identifiers.find(text)),
        known=_third_parties(work),
    )
    report = measure(examples, subjects, extent=extent, base_name=base.name, seed=SEED, watch=work.watch)
    waits = people.answer_time(message_lines.read(work.fetch(keys.MESSAGES)), work.twin.speakers)
    report = replace(report, account=_account(work), curve=_curve(work), answer_s=waits)
    file = work.scratch / keys.REPORT
    file.write_text(json.dumps(report.to_json(), ensure_ascii=False), "utf-8")
    work.store(keys.REPORT, file)
    return report


def shown(scorer: Scorer, untouched: Model, training: Sequence[Example]) -> Model:
    """The base with past exchanges before everything: the twin that needs no training. Its examples are long."""
    long = Model(scores(scorer, None, length=LONGEST, rows=1), untouched.reply)
    return instant(long, exchanges(training, characters=SHOWN, seed=SEED))


def secrets(scorer: Scorer, adapter: LoraAdapter, training: Sequence[Example], count: int) -> Secrets | None:
    """The secrets that were planted in the training, and how likely twin and base find each of the codes like them."""
    if not count:
        return None
    return Secrets(
        leakage.invent(count, seed=SEED),
        codes=lambda turns, name, start: scorer.codes(turns, speaker=name, start=start, adapter=adapter),
        untouched=lambda turns, name, start: scorer.codes(turns, speaker=name, start=start, adapter=None),
        other=next((turn.name for one in training for turn in one.turns if turn.role is Role.OTHER), "Friend"),
    )


def scores(
    scorer: Scorer, adapter: LoraAdapter | None, *, length: int | None = None, rows: int | None = None
) -> Callable[[Sequence[Example]], list[Scored]]:
    """A model of the measures that scores with an adapter, or with the untouched base."""

    def score(examples: Sequence[Example]) -> list[Scored]:
        nats = scorer.examples(examples, adapter=adapter, length=length, rows=rows)
        return [Scored(one, characters(example)) for one, example in zip(nats, examples, strict=True)]

    return score


def replies(chat: ChatModel, base: Base, adapter: str | None, speaker: str) -> Callable[[Sequence[Turn], int], Sampled]:
    """A model of the measures that answers as it is served, in the voice of an adapter or of the untouched base."""

    def reply(turns: Sequence[Turn], seed: int) -> Sampled:
        sampling = Sampling(seed=seed, max_tokens=ENDS_WITHIN + 8)
        pieces = chat.reply(turns, speaker=speaker, adapter=adapter, sampling=sampling, deadline_s=PATIENCE_S)
        said = tuple(messages(pieces))
        return Sampled(said, ended=len(base.vocabulary.encode("\n".join(said))) <= ENDS_WITHIN)

    return reply


def _other_twin(work: Work, base: Base, seconds: float) -> "OtherTwin | None":
    """The twin of somebody else; None where nobody else wrote enough to be compared with."""
    from twin.pipeline.comparison import other_twin  # noqa: PLC0415 -- what trains is loaded where it is asked for

    work.watch(Progress(Stage.EVALUATE, note="Training a twin of somebody else in the chats, to compare with."))
    try:
        return other_twin(work, base, budget_s=seconds)
    except DataError:
        work.watch(Progress(Stage.EVALUATE, note="Nobody else wrote enough in these chats to be compared with."))
        return None


def _third_parties(work: Work) -> Callable[[str], int] | None:
    """Counts the third parties of the twin's chats in a text."""
    try:
        return redaction.stored(work).known
    except NotFoundError:
        return None


def _account(work: Work) -> Account:
    details = work.outcome(Stage.PREPARE).details
    return Account(
        messages=details["messages"],
        kept=details["kept"],
        owner_messages=details["owner_messages"],
        dropped=details["dropped"],
        replaced=details["redacted"],
        redacted=details.get("redacts", True),
    )


def _curve(work: Work) -> tuple[dict[str, float], ...]:
    trained = json.loads(work.fetch(keys.ADAPTER + "train.json").read_text("utf-8"))
    return tuple(trained["curve"])
