"""Measuring how alike a stored twin is: its base and its adapter as the measures see them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

from twin.base import models
from twin.base.adapter import LoraAdapter
from twin.base.models import Base
from twin.base.scoring import Scorer
from twin.domain.examples import Example, Split, Turn
from twin.domain.jsonl import read_examples
from twin.domain.ports import ChatModel, Sampling
from twin.domain.runs import Stage
from twin.errors import NotFoundError
from twin.likeness import Account, Extent, Model, Report, Sampled, Scored, Subjects, exchanges, instant, measure, people
from twin.likeness.models import characters
from twin.pipeline import keys, message_lines
from twin.pipeline.work import Work
from twin.prepare import identifiers
from twin.prepare.redact import Redactor
from twin.serve.voice import messages

ENDS_WITHIN = 120
"""Tokens. A reply that takes more has not ended by itself."""

SHORT, LONGEST = 256, 1024
"""Tokens of an example, alone and with past exchanges before it."""

SHOWN = 2400
"""Characters of past exchanges that the base is shown, to compare the twin with."""

SEED = 17


def evaluate(work: Work, extent: Extent) -> Report:
    """Measure the twin of a run that is converted, on what was held out, and store the report.

    Raises:
        DataError: nothing is held out.
    """
    examples = list(read_examples(work.fetch(keys.EXAMPLES)))
    adapter = work.fetch(keys.ADAPTER)
    base = models.find(work.twin.base, folder=work.bases)
    # Only where the base is shown past exchanges are examples long; short rows cost less attention.
    scorer = Scorer(base, length=LONGEST, rows=1) if extent.compared else Scorer(base, length=SHORT, rows=4)
    answers = work.chat(work.twin.base)
    speaker = work.twin.speakers[0]
    untouched = Model(scores(scorer, None), replies(answers, base, None, speaker))
    twin = Model(scores(scorer, LoraAdapter.load(adapter)), replies(answers, base, work.run.id, speaker))
    training = [example for example in examples if example.split is Split.TRAIN]
    subjects = Subjects(
        base=untouched,
        twin=twin,
        few_shot=instant(untouched, exchanges(training, characters=SHOWN, seed=SEED)) if extent.compared else None,
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


def scores(scorer: Scorer, adapter: LoraAdapter | None) -> Callable[[Sequence[Example]], list[Scored]]:
    """A model of the measures that scores with an adapter, or with the untouched base."""

    def score(examples: Sequence[Example]) -> list[Scored]:
        nats = scorer.examples(examples, adapter=adapter)
        return [Scored(one, characters(example)) for one, example in zip(nats, examples, strict=True)]

    return score


def replies(chat: ChatModel, base: Base, adapter: str | None, speaker: str) -> Callable[[Sequence[Turn], int], Sampled]:
    """A model of the measures that answers as it is served, in the voice of an adapter or of the untouched base."""

    def reply(turns: Sequence[Turn], seed: int) -> Sampled:
        sampling = Sampling(seed=seed, max_tokens=ENDS_WITHIN + 8)
        said = tuple(messages(chat.reply(turns, speaker=speaker, adapter=adapter, sampling=sampling)))
        return Sampled(said, ended=len(base.vocabulary.encode("\n".join(said))) <= ENDS_WITHIN)

    return reply


def _third_parties(work: Work) -> Callable[[str], int] | None:
    """Counts the third parties of the twin's chats in a text."""
    mapping = work.scratch / "redaction.json"
    try:
        work.objects.get(keys.redaction(work.twin.id), mapping)
    except NotFoundError:
        return None
    return Redactor.from_json(mapping.read_text("utf-8")).known


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
