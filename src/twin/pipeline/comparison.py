"""A twin of somebody else in the same chats, to see how much better the owner's twin foretells its own person."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from twin.base.adapter import LoraAdapter
from twin.base.models import Base
from twin.base.rows import measure
from twin.convert.gguf import write_adapter
from twin.domain.events import Progress
from twin.domain.jsonl import write_examples
from twin.domain.runs import Stage
from twin.errors import NotFoundError
from twin.pipeline import keys, message_lines, redaction
from twin.pipeline.work import Work
from twin.prepare import PrepareConfig
from twin.prepare.strangers import stranger
from twin.train.config import TrainConfig
from twin.train.devices import suited
from twin.train.loop import train

_NAME = "speaker.txt"


class OtherTwin(NamedTuple):
    """Who it is of (a pseudonym), its weights, and the id under which it is served."""

    speaker: str
    adapter: LoraAdapter
    id: str


def other_twin(work: Work, base: Base, *, budget_s: float) -> OtherTwin:
    """The twin of whoever else wrote most, trained for `budget_s` seconds unless an earlier call did so.

    Raises:
        DataError: nobody else wrote enough.
    """
    try:
        speaker = work.fetch(keys.OTHER + _NAME).read_text("utf-8")
    except NotFoundError:
        speaker = _train(work, base, budget_s)
    adapter = LoraAdapter.load(work.fetch(keys.OTHER + keys.ADAPTER))
    return OtherTwin(speaker, adapter, f"{work.run.id}/{keys.OTHER.rstrip('/')}")


def _train(work: Work, base: Base, budget_s: float) -> str:
    folder = work.scratch / keys.OTHER
    folder.mkdir(parents=True, exist_ok=True)
    messages = list(message_lines.read(work.fetch(keys.MESSAGES)))
    redactor = redaction.redactor(work, messages)
    newest = work.run.options.get("max_messages")
    speaker, examples = stranger(
        map(redactor.message, messages),
        speakers=work.twin.speakers,
        measure=measure(base),
        config=PrepareConfig(max_messages=int(newest) if newest else None),
    )
    write_examples(folder / keys.EXAMPLES, examples)
    train(
        folder / keys.EXAMPLES,
        folder / keys.ADAPTER,
        base=base,
        config=replace(suited(TrainConfig()), budget_s=budget_s),
        checkpoints=folder / "checkpoints",
        watch=_told(work),
    )
    work.store(keys.OTHER + keys.ADAPTER, folder / keys.ADAPTER)
    write_adapter(LoraAdapter.load(folder / keys.ADAPTER), folder / keys.ADAPTER_GGUF)
    work.store(keys.OTHER + keys.ADAPTER_GGUF, folder / keys.ADAPTER_GGUF)
    (folder / _NAME).write_text(speaker, "utf-8")
    work.store(keys.OTHER + _NAME, folder / _NAME)  # last: its presence says that the twin is whole
    return speaker


def _told(work: Work) -> Callable[[Progress], None]:
    """Progress of the training as part of the evaluation; what the other twin says meanwhile is nobody's business."""
    return lambda told: work.watch(replace(told, stage=Stage.EVALUATE, note=None))
