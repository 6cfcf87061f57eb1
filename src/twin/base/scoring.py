"""How likely a model finds what somebody wrote: nats of the owner's words, for many examples at once."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
import numpy.typing as npt

from twin.base import codes
from twin.base import keras as base_keras
from twin.base.adapter import LoraAdapter
from twin.base.forward import predicted_nats
from twin.base.keras import keras
from twin.base.lora import merge
from twin.base.models import Base
from twin.base.rows import Batch, Tokens, batches, continuation, sequence
from twin.domain.examples import Example, Turn


class Scorer:
    """A base model that scores, with one adapter at a time merged into its kernels."""

    def __init__(self, base: Base, *, length: int = 512, rows: int = 2, dtype: str = "float32") -> None:
        """Load the base. `length` is the longest example in tokens; of longer ones the oldest context goes."""
        self._base = base
        self._length = length
        self._rows = rows
        self._backbone = base_keras.load(base, dtype=dtype)
        self._merged: LoraAdapter | None = None

        def nats(weights: Any, batch: Batch) -> Any:
            mapping = zip(self._backbone.variables, weights, strict=True)
            with keras.StatelessScope(state_mapping=list(mapping)):
                return predicted_nats(self._backbone, batch)

        self._nats = jax.jit(nats)

    def examples(
        self,
        examples: Sequence[Example],
        *,
        adapter: LoraAdapter | None,
        length: int | None = None,
        rows: int | None = None,
    ) -> list[float]:
        """Nats of the owner's counted words in each example; 0.0 where an example has none.

        `length` and `rows` may differ from the scorer's own; each pair of them is compiled once.
        """
        length = length or self._length
        tokens = [sequence(self._base, one, longest=length) for one in examples]
        return self._score(tokens, adapter, length, rows or self._rows)

    def replies(
        self, asked: Sequence[Sequence[Turn]], *, adapter: LoraAdapter | None, preambles: Sequence[str] = ()
    ) -> list[float]:
        """Nats of the last turn of each conversation, given the turns (and the preamble) before it."""
        before = preambles or [""] * len(asked)
        tokens = [
            continuation(self._base, turns, longest=self._length, preamble=preamble)
            for turns, preamble in zip(asked, before, strict=True)
        ]
        return self._score(tokens, adapter, self._length, self._rows)

    def codes(
        self, turns: Sequence[Turn], *, speaker: str, start: str, adapter: LoraAdapter | None
    ) -> npt.NDArray[np.float64]:
        """Log-likelihood of each code of four digits after `start`; see `codes.likelihoods`."""
        self._use(adapter)
        return codes.likelihoods(self._backbone, self._base, turns, speaker=speaker, start=start)

    def _score(
        self, tokens: Sequence[Tokens | None], adapter: LoraAdapter | None, length: int, rows: int
    ) -> list[float]:
        self._use(adapter)
        present = [index for index, one in enumerate(tokens) if one is not None]
        given = [one for one in tokens if one is not None]
        weights = [variable.value for variable in self._backbone.variables]
        totals = np.zeros(len(tokens))
        for batch in batches(given, rows=rows, length=length):
            nats = np.asarray(self._nats(weights, batch)) * batch.words
            np.add.at(totals, np.asarray(present)[batch.owners], nats)
        return totals.tolist()

    def _use(self, adapter: LoraAdapter | None) -> None:
        if adapter is self._merged:
            return
        if self._merged is not None:
            merge(self._backbone, self._merged, sign=-1)
        if adapter is not None:
            merge(self._backbone, adapter)
        self._merged = adapter
