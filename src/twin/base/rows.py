"""Rows: tokenised examples packed side by side into a few fixed shapes, so that little is computed for nothing.

A row holds several examples, told apart by segment numbers that attention respects. A batch is a fixed number
of rows with the places whose next token is predicted; the output layer is computed at those places only.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from twin.base.models import Base
from twin.base.template import Part, encode
from twin.domain.examples import Example, Turn

Ints = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]

_POSITIONS = 32
"""Predicted places of a batch are padded to a multiple of this."""
_CROWDED = 0.05
"""Share of the batches of an epoch that may have more predicted places than are computed."""
_LONG = 4
"""Digits in a row that may be a secret: a PIN, a door code, an account."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of one example. `learned[i]` says that token i is predicted, `words[i]` that it is the owner's own."""

    tokens: Ints
    learned: Bools
    words: Bools


class Batch(NamedTuple):
    """Rows ready for the model. A tuple of arrays, so that compiled functions take it as it is.

    Attributes:
        tokens: (rows, length), 0 where nothing stands.
        segments: (rows, length), which example a token belongs to, from 1; 0 where nothing stands.
        places: (predicted,) index into the flattened rows of the hidden state that predicts.
        targets: (predicted,) the token to predict.
        learned: (predicted,) 1.0, or 0.0 for padding.
        words: (predicted,) 1.0 where the target is the owner's own word.
        owners: (predicted,) which sequence the target belongs to, by its index in the list given to `batches`.
    """

    tokens: Ints
    segments: Ints
    places: Ints
    targets: Ints
    learned: npt.NDArray[np.float32]
    words: npt.NDArray[np.float32]
    owners: Ints

    @property
    def size(self) -> int:
        """Tokens that stand in it."""
        return int((self.segments > 0).sum())


def measure(base: Base) -> Callable[[Turn], int]:
    """How many tokens a turn has under `base`, its names and marks included."""

    def tokens(turn: Turn) -> int:
        return len(base.template.tokens(base.template.example([turn], context=1), base.vocabulary)[0]) - 1

    return tokens


def sequence(base: Base, example: Example, *, longest: int) -> Tokens | None:
    """An example as tokens, at most `longest`; None where nothing in it is predicted.

    What follows the last predicted token is left out; where it is still too long, the oldest context goes first.
    Numbers of `_LONG` digits and more are read and never predicted: codes and the like must not be learnt, and nobody's
    way to write is in them.
    """
    segments = base.template.example(example.turns, context=example.context)
    ids, parts = base.template.tokens(segments, base.vocabulary)
    plain = ~_long_numbers(ids, base)
    learned = plain & [part is not Part.CONTEXT for part in parts]
    words = plain & [part is Part.WORDS for part in parts]
    if not learned.any():
        return None
    stop = int(np.flatnonzero(learned)[-1]) + 1
    start = max(stop - longest + 1, 1)
    tokens = np.array([base.vocabulary.bos, *ids[start:stop]], np.int32)
    kept = np.array([False, *learned[start:stop]])
    return Tokens(tokens, kept, np.array([False, *words[start:stop]])) if kept.any() else None


def _long_numbers(ids: Sequence[int], base: Base) -> Bools:
    """Which tokens are part of a number of `_LONG` digits and more."""
    found = np.zeros(len(ids), bool)
    for number, run in groupby(range(len(ids)), lambda place: ids[place] in base.vocabulary.digits):
        places = list(run)
        found[places] = number and sum(base.vocabulary.digits[ids[place]] for place in places) >= _LONG
    return found


def continuation(base: Base, turns: Sequence[Turn], *, longest: int, preamble: str = "") -> Tokens:
    """The last turn given the others, as tokens, for scoring; its words and how it ends are predicted."""
    before, last = turns[:-1], turns[-1]
    head, _ = base.template.tokens(base.template.prompt(before, speaker=last.name, preamble=preamble), base.vocabulary)
    ids: list[int] = []
    words: list[bool] = []
    for segment in base.template.reply(last):
        added = encode(segment, base.vocabulary)
        ids += added
        words += [segment.part is Part.WORDS] * len(added)
    start = max(len(head) + len(ids) - longest, 0)
    tokens = np.array([base.vocabulary.bos, *head[1 + start :], *ids], np.int32)
    before_count = len(tokens) - len(ids)
    learned = np.arange(len(tokens)) >= before_count
    return Tokens(tokens, learned, np.array([False] * before_count + words))


def batches(sequences: Sequence[Tokens], *, rows: int, length: int, seed: int | None = None) -> list[Batch]:
    """Pack sequences into batches of `rows` rows of `length` tokens, all with the same number of places.

    Sequences go into the fullest row that still takes them, longest first (best fit decreasing). Rows are dealt
    to batches so that each has about as many predicted places. `seed` shuffles the order of the batches and which
    rows meet, and leaves some places of the few most crowded batches out for this time, because all batches would pay
    for theirs; None keeps all, and the order.
    """
    packed = _pack(sequences, length=length)
    if seed is not None:
        np.random.default_rng(seed).shuffle(packed)  # type: ignore[arg-type]
    packed.sort(key=lambda row: -sum(int(sequences[index].learned.sum()) for index in row))
    count = -(-len(packed) // rows)
    dealt: list[list[list[int]]] = [[] for _ in range(count)]
    for number, row in enumerate(packed):
        turn, place = divmod(number, count)
        dealt[place if turn % 2 == 0 else count - 1 - place].append(row)
    counts = sorted(sum(int(sequences[index].learned.sum()) for row in group for index in row) for group in dealt)
    crowded = 0 if seed is None else int(_CROWDED * len(counts))
    places = -(-max(counts[: len(counts) - crowded], default=0) // _POSITIONS) * _POSITIONS
    random = np.random.default_rng(seed)
    made = [_batch(sequences, group, rows=rows, length=length, places=places, random=random) for group in dealt]
    if seed is not None:
        random.shuffle(made)  # type: ignore[arg-type]
    return made


def _pack(sequences: Sequence[Tokens], *, length: int) -> list[list[int]]:
    order = sorted(range(len(sequences)), key=lambda index: -len(sequences[index].tokens))
    rows: list[list[int]] = []
    # Rows by what is left in them; `length` is small, so a list of stacks is the quickest search.
    by_room: list[list[int]] = [[] for _ in range(length + 1)]
    for index in order:
        size = len(sequences[index].tokens)
        room = next((room for room in range(size, length + 1) if by_room[room]), None)
        if room is None:
            rows.append([])
            row, room = len(rows) - 1, length
        else:
            row = by_room[room].pop()
        rows[row].append(index)
        by_room[room - size].append(row)
    return rows


def _batch(
    sequences: Sequence[Tokens],
    group: Sequence[list[int]],
    *,
    rows: int,
    length: int,
    places: int,
    random: np.random.Generator,
) -> Batch:
    tokens = np.zeros((rows, length), np.int32)
    segments = np.zeros((rows, length), np.int32)
    found: dict[str, list[Any]] = {"places": [], "targets": [], "words": [], "owners": []}
    for number, row in enumerate(group):
        at = 0
        for segment, index in enumerate(row, 1):
            one = sequences[index]
            stop = at + len(one.tokens)
            tokens[number, at:stop] = one.tokens
            segments[number, at:stop] = segment
            targets = np.flatnonzero(one.learned)
            # The state at a token predicts the next one.
            found["places"].append(number * length + at + targets - 1)
            found["targets"].append(one.tokens[targets])
            found["words"].append(one.words[targets])
            found["owners"].append(np.full(len(targets), index))
            at = stop
    every = sum(map(len, found["targets"]))
    count = min(every, places)
    kept = np.sort(random.choice(every, count, replace=False))

    def padded(key: str, kind: Any) -> npt.NDArray[Any]:
        result = np.zeros(places, kind)
        if found[key]:
            result[:count] = np.concatenate(found[key])[kept]
        return result

    return Batch(
        tokens=tokens,
        segments=segments,
        places=padded("places", np.int32),
        targets=padded("targets", np.int32),
        learned=(np.arange(places) < count).astype(np.float32),
        words=padded("words", np.float32),
        owners=padded("owners", np.int32),
    )


def sequences(base: Base, examples: Iterable[Example], *, longest: int) -> Iterator[Tokens]:
    """`sequence` for each example that has one."""
    for example in examples:
        one = sequence(base, example, longest=longest)
        if one is not None:
            yield one
