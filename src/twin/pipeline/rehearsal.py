"""Rehearsals: what a twin in training answers by now, so that whoever watches hears it change."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from twin.base.adapter import LoraAdapter
from twin.base.models import Base
from twin.convert.gguf import write_adapter
from twin.domain.examples import Split
from twin.domain.jsonl import read_examples
from twin.domain.ports import Sampling
from twin.errors import TwinError
from twin.likeness.sampling import moments
from twin.serve.llama import LlamaChat
from twin.serve.voice import messages

SHARE = 0.1
"""How much of the training's time rehearsals may take."""

SHORT = 120
"""Characters of what is answered at most: it has to fit a line."""

DEADLINE_S = 30.0


@contextmanager
def rehearsals(
    examples: Path, *, base: Base, speaker: str, folder: Path, clock: Callable[[], float] = time.monotonic
) -> Generator[Callable[[LoraAdapter], str | None]]:
    """Answers one held-out message with whatever adapter it is given: always the same message, drawn alike.

    What is given says nothing where another rehearsal would take too much time, or where this machine cannot draw
    replies: a training does not fail because nobody hears it.

    Args:
        folder: for the adapter in the form that the server reads.
    """
    held_out = [example for example in read_examples(examples) if example.split is Split.HELD_OUT]
    asked = next(
        (one.before for one in moments(held_out, most=50, seed=0) if len(" / ".join(one.before[-1].messages)) <= SHORT),
        None,
    )
    file = folder / "rehearsal.gguf"
    chat = LlamaChat(base, locate=lambda _: file, slots=1, context=512, adapters=1)
    ended, took = -1e9, 0.0

    def rehearse(adapter: LoraAdapter) -> str | None:
        nonlocal ended, took
        began = clock()
        if asked is None or took > SHARE * (began - ended):
            return None
        try:
            write_adapter(adapter, file)
            sampling = Sampling(seed=1, max_tokens=48)
            pieces = chat.reply(asked, speaker=speaker, adapter="now", sampling=sampling, deadline_s=DEADLINE_S)
            said = " / ".join(messages(pieces))
        except TwinError:
            said = ""
        ended = clock()
        took = ended - began
        return f"{asked[-1].name}: {' / '.join(asked[-1].messages)} → {speaker}: {said}" if said else None

    try:
        yield rehearse
    finally:
        chat.close()
        file.unlink(missing_ok=True)
