"""The twin's voice on this machine: llama.cpp in child processes, one base in memory, adapters on top."""

import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from types import TracebackType

from twin.base.models import Base
from twin.domain.examples import Turn
from twin.domain.ports import Piece, Sampling
from twin.serve.adapters import check
from twin.serve.drawing import draw, parted
from twin.serve.fleet import Fleet
from twin.serve.server import LlamaServer


class LlamaChat:
    """A `ChatModel` over llama.cpp. Thread-safe; loads nothing until it is asked or told to `load`."""

    def __init__(
        self,
        base: Base,
        *,
        locate: Callable[[str], Path],
        threads: int | None = None,
        context: int = 2048,
        slots: int = 8,
        waiting: int = 8,
        adapters: int = 128,
    ) -> None:
        """
        Args:
            locate: the GGUF file of an adapter id; raises NotFoundError. Asked for every reply, so that a deleted
                twin falls silent at once.
            threads: that compute; by default the cores, or half of the logical ones where there are many.
            context: tokens of one conversation, prompt and reply.
            slots: conversations that are kept in memory, and replies of one twin at once.
            waiting: replies that may wait for each twin before it is busy.
            adapters: in memory at most; the least recently used are dropped.
        """
        self._base = base
        self._context = context

        def start(files: Sequence[Path]) -> LlamaServer:
            return LlamaServer(
                base.path, files, threads=threads or _threads(), context=context, slots=slots, waiting=waiting
            )

        self._fleet = Fleet(start, check=lambda path: check(path, base.model), locate=locate, limit=adapters)

    def load(self, *adapters: str) -> None:
        """Begin to load the base and these adapters; returns at once. Call it when a twin is published."""
        self._fleet.load(*adapters)

    def forget(self, adapter: str) -> None:
        """Drop an adapter from memory. Call it when a twin is deleted."""
        self._fleet.forget(adapter)

    def close(self) -> None:
        """Wait for the replies under way and free the memory."""
        self._fleet.close()

    def __enter__(self) -> "LlamaChat":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def reply(
        self,
        turns: Sequence[Turn],
        *,
        speaker: str,
        adapter: str | None,
        sampling: Sampling,
        preamble: str = "",
        deadline_s: float = 60.0,
    ) -> Iterator[Piece]:
        """See `ChatModel.reply`. Nothing happens until the first piece is asked for."""
        deadline = time.monotonic() + deadline_s

        def texts(tokens: list[int], drawing: Sampling) -> Generator[str]:
            with self._fleet.lease(adapter, deadline=deadline) as (server, index):
                yield from server.generate(tokens, adapter=index, name=speaker, sampling=drawing, deadline=deadline)

        yield from draw(
            turns,
            texts,
            base=self._base,
            speaker=speaker,
            sampling=sampling,
            preamble=preamble,
            context=self._context,
        )

    def score(
        self, turns: Sequence[Turn], *, adapter: str | None, preamble: str = "", deadline_s: float = 60.0
    ) -> float:
        """Log-likelihood, in nats, of the last turn given the others: all that stands after its name."""
        deadline = time.monotonic() + deadline_s
        tokens, target = parted(turns, base=self._base, preamble=preamble, context=self._context)
        with self._fleet.lease(adapter, deadline=deadline) as (server, index):
            found = server.log_probabilities(
                tokens,
                target,
                letter=self._base.vocabulary.encode("a")[0],
                adapter=index,
                name=turns[-1].name,
                deadline=deadline,
            )
            return sum(found)


def _threads() -> int:
    cores = os.cpu_count() or 1
    # Beyond a few, the logical processors are mostly pairs that share a core.
    return cores if cores <= 4 else cores // 2
