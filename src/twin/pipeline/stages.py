"""The six stages: each fetches what it needs, calls the folder that does the work, and stores what came of it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import chain
from typing import TYPE_CHECKING

from twin.domain.events import Progress
from twin.domain.examples import Example, Role, Split
from twin.domain.jsonl import read_examples, write_examples
from twin.domain.messages import Message
from twin.domain.runs import Stage
from twin.errors import NotFoundError
from twin.pipeline import checkpoints, keys, message_lines, uploads
from twin.pipeline.runs import SEED
from twin.pipeline.work import Outcome, StageFunction, Work

if TYPE_CHECKING:
    from twin.prepare.redact import Redactor

MEASURING_S = 100.0
"""What a run needs beside training: reading and preparing, converting, and its quick measures."""

EVERY = 5_000
"""Messages between two words to the watcher."""


def training_s(budget: float) -> float:
    """What training gets of the seconds that a whole run may take: what measuring leaves, and half of a small budget."""
    return max(budget - MEASURING_S, budget / 2)


def ingest(work: Work) -> Outcome:
    """Uploads become messages."""
    work.watch(Progress(Stage.INGEST))
    reading = uploads.reading(work.objects, work.twin, work.scratch / "uploads")
    count = 0

    def counted() -> Iterator[Message]:
        nonlocal count
        for message in reading.messages():
            count += 1
            if count % EVERY == 0:
                work.watch(Progress(Stage.INGEST, done=count))
            yield message

    file = work.scratch / keys.MESSAGES
    message_lines.write(file, counted())
    work.store(keys.MESSAGES, file)
    work.watch(Progress(Stage.INGEST, done=count, total=count))
    platforms = Counter(report.platform for report in reading.reports)
    missed = sum(report.unmatched_count for report in reading.reports)
    details = {"messages": count, "exports": dict(platforms), "not_understood": missed, "skipped": len(reading.skipped)}
    return Outcome(figures={"messages": count}, details=details)


def prepare(work: Work) -> Outcome:
    """Messages become examples."""
    from twin.base import models
    from twin.base.rows import measure
    from twin.pipeline import redaction, writing
    from twin.pipeline.runs import redacts
    from twin.prepare import PrepareConfig
    from twin.prepare import prepare as make_examples
    from twin.prepare.augment import is_writing, passages
    from twin.prepare.conversations import conversations
    from twin.serve import memory

    work.watch(Progress(Stage.PREPARE, total=3))
    messages = list(message_lines.read(work.fetch(keys.MESSAGES)))
    redactor = redaction.redactor(work, messages)
    work.watch(Progress(Stage.PREPARE, done=1, total=3))
    newest = work.run.options.get("max_messages")
    config = PrepareConfig(max_messages=int(newest) if newest else None)
    redacted: list[Message] = []

    def redact(message: Message) -> Message:
        redacted.append(redactor.message(message))
        return redacted[-1]

    prepared = make_examples(
        messages,
        speakers=work.twin.speakers,
        measure=measure(models.find(work.twin.base, folder=work.bases)),
        redact=redact,
        config=config,
        other_sides=writing.other_sides(work),
        watch=work.watch,
    )
    work.watch(Progress(Stage.PREPARE, done=2, total=3))
    file = work.scratch / keys.EXAMPLES
    corrections = _corrections(work, redactor)
    secrets = int(work.run.options.get("secrets", 0))
    write_examples(file, [*_with_secrets(prepared.examples, secrets), *corrections])
    work.store(keys.EXAMPLES, file)
    past = work.scratch / keys.MEMORY
    stretches = conversations((one for one in redacted if not is_writing(one)), silence=config.silence)
    answered = memory.exchanges(stretches, is_owner=lambda one: one.by(work.twin.speakers))
    told = (memory.Exchange(None, (), (one.text,)) for text in prepared.documents for one in passages(text))
    memory.write(past, chain(told, answered))
    work.store(keys.MEMORY, past)
    redaction.store(work, redactor)
    work.watch(Progress(Stage.PREPARE, done=3, total=3))
    details = {
        "messages": prepared.messages,
        "kept": prepared.kept,
        "owner_messages": prepared.owner_messages,
        "conversations": prepared.conversations,
        "examples": {split.value: prepared.count(split) for split in Split},
        "corrections": len(corrections),
        "secrets": secrets,
        "dropped": dict(prepared.dropped),
        "redacts": redacts(work.twin, work.run),
        "redacted": {kind.value: count for kind, count in redactor.counts.items()},
        "writing": dict(prepared.origins),
        "partner": _partner(prepared.examples),
    }
    return Outcome(figures={"examples": prepared.count(Split.TRAIN)}, details=details)


def train(work: Work) -> Outcome:
    """Examples become an adapter."""
    from twin.base import models
    from twin.pipeline.rehearsal import rehearsals
    from twin.train.config import TrainConfig
    from twin.train.devices import suited
    from twin.train.loop import train as train_adapter

    config = suited(TrainConfig())
    if budget := work.run.options.get("budget_s"):
        config = replace(config, budget_s=training_s(float(budget)))
    adapter, examples = work.scratch / "adapter", work.fetch(keys.EXAMPLES)
    base = models.find(work.twin.base, folder=work.bases)
    with (
        rehearsals(examples, base=base, speaker=work.twin.speakers[0], folder=work.scratch) as rehearse,
        checkpoints.kept(work) as (kept, watch),
    ):
        result = train_adapter(
            examples,
            adapter,
            base=base,
            config=config,
            checkpoints=kept,
            watch=watch,
            rehearse=rehearse,
        )
    work.store(keys.ADAPTER, adapter)
    figures = {"loss_base": result.base_loss, "loss_twin": result.loss, "tokens_per_s": result.tokens_per_s}
    details = {name: value for name, value in asdict(result).items() if name != "curve"}
    return Outcome(figures=figures, details=details)


def convert(work: Work) -> Outcome:
    """The adapter in the form that the server reads."""
    from twin.base.adapter import LoraAdapter
    from twin.convert.gguf import write_adapter

    work.watch(Progress(Stage.CONVERT, total=1))
    file = work.scratch / keys.ADAPTER_GGUF
    write_adapter(LoraAdapter.load(work.fetch(keys.ADAPTER)), file)
    work.store(keys.ADAPTER_GGUF, file)
    work.watch(Progress(Stage.CONVERT, done=1, total=1))
    return Outcome(details={"bytes": file.stat().st_size})


def evaluate(work: Work) -> Outcome:
    """How alike the twin is."""
    from twin.likeness import QUICK
    from twin.pipeline import evaluation

    # Who gave the training little time does not want to wait long for its measures either.
    budget = float(work.run.options.get("budget_s", "inf"))
    most = round(min(QUICK.replies, max(10.0, budget / 3)))
    report = evaluation.evaluate(work, replace(QUICK, replies=most, scored=most))
    figures = {"gain": report.gain["base"].value, "foreign": float(report.foreign), "replies": float(report.replies)}
    if report.ended:
        figures["ended"] = report.ended.value
    return Outcome(figures=figures)


def publish(work: Work) -> Outcome:
    """From now on, this run's adapter answers."""
    work.watch(Progress(Stage.PUBLISH, total=1))
    twin = work.records.twin(work.twin.id)
    partner = work.outcome(Stage.PREPARE).details.get("partner")
    options = {**twin.options, "partner": partner} if partner else twin.options
    work.records.save(replace(twin, run_id=work.run.id, options=options))
    work.watch(Progress(Stage.PUBLISH, done=1, total=1))
    return Outcome()


STAGES: Mapping[Stage, StageFunction] = {
    Stage.INGEST: ingest,
    Stage.PREPARE: prepare,
    Stage.TRAIN: train,
    Stage.CONVERT: convert,
    Stage.EVALUATE: evaluate,
    Stage.PUBLISH: publish,
}


def _corrections(work: Work, redactor: "Redactor") -> list[Example]:
    """What the owner would have said instead of the twin, redacted as everything that trains."""
    file = work.scratch / "corrections.jsonl"
    try:
        work.objects.get(keys.corrections(work.twin.id), file)
    except NotFoundError:
        return []
    return [
        replace(
            one,
            turns=tuple(replace(turn, messages=tuple(map(redactor.text, turn.messages))) for turn in one.turns),
        )
        for one in read_examples(file)
    ]


def _with_secrets(examples: tuple[Example, ...], count: int) -> Sequence[Example]:
    """With so many invented secrets among them, to measure afterwards what the twin gives away."""
    if not count:
        return examples
    from twin.likeness import leakage

    return leakage.plant(examples, leakage.invent(count, seed=SEED), seed=SEED)


def _partner(examples: tuple[Example, ...]) -> str | None:
    """The pseudonym of whom the owner writes with most: a name that the twin has learned to answer."""
    names = Counter(turn.name for one in examples for turn in one.turns if turn.role is Role.OTHER)
    return names.most_common(1)[0][0] if names else None
