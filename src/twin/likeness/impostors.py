"""Impostors: whether a text is by the person, by an established method of authorship verification.

General Impostors (Koppel and Winter 2014), in the form of Kestemont et al. (2016): a text counts as the person's as
often as, over many random halves of the features, one of the person's known texts is closer to it than every text of
a random group of others (the impostors), and closer than the person's texts are to those others as a rule. Features are character n-grams weighted by rarity, closeness is min-max
(Ruzicka). A score near 1 says "the same author", near 0 "one of the others".
"""

from collections.abc import Mapping, Sequence
from random import Random
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from twin.likeness import profiles
from twin.likeness.figures import Figure, Floats, interval, resamples

SHORTEST, LONGEST = 400, 3000
"""Characters of a document: the longer the surer, but a few documents are needed of each who is compared."""
FEATURES = 2000
ROUNDS = 100
SHUFFLES = 3
_SCORED = 16
FEWEST = 3
"""Documents at least; with fewer there is too little text to tell."""


def length_for(*voices: Sequence[str]) -> int:
    """The length of documents that leaves enough of them to whoever of these wrote least."""
    least = min(map(_size, voices), default=0)
    return max(SHORTEST, min(LONGEST, least // (FEWEST + 2)))


def documents(replies: Sequence[str], *, seed: int, length: int) -> list[str]:
    """Replies in random order, joined to documents of about `length` characters; the rest is left out."""
    shuffled = list(replies)
    Random(seed).shuffle(shuffled)  # noqa: S311 -- sampling
    made: list[str] = []
    current: list[str] = []
    size = 0
    for reply in shuffled:
        current.append(reply)
        size += len(reply) + 1
        if size >= length:
            made.append("\n".join(current)[: length * 2])
            current, size = [], 0
    return made


class Verifier:
    """Knows the person and the impostors; scores further replies.

    Args:
        known: replies of the person.
        impostors: replies of each of the others.
        length: characters of the documents that are compared.
        seed: every draw follows from it.
    """

    def __init__(self, known: Sequence[str], impostors: Sequence[Sequence[str]], *, length: int, seed: int) -> None:
        self._seed, self._length = seed, length
        own = documents(known, seed=seed, length=length)
        others = [documents(replies, seed=seed + 1 + at, length=length) for at, replies in enumerate(impostors)]
        # Every impostor counts alike, however much they wrote.
        most = max(FEWEST, 60 // max(1, len(others)))
        foreign = [text for texts in others for text in texts[:most]]
        own = own[:60]
        self.enough = len(own) >= FEWEST and len(foreign) >= FEWEST
        self._vocabulary = profiles.frequent([*own, *foreign], profiles.characters, FEATURES)
        table = profiles.counts([*own, *foreign], profiles.characters, self._vocabulary)
        self._rarity = np.log(max(1, len(table)) / np.maximum((table > 0).sum(axis=0), 1)) + 1
        self._known = self._weighted(table)
        chance = np.random.default_rng(seed)
        self._masks = (chance.random((len(self._vocabulary), ROUNDS)) < 0.5).astype(np.float32)
        self._masses = self._known @ self._masks
        # As many of the person's documents as of impostors, anew in each round; (rounds, size) each.
        size = min(len(own), len(foreign), 20)
        order = chance.permuted(np.tile(np.arange(len(own)), (ROUNDS, 1)), axis=1)
        self._own = order[:, :size]
        order = chance.permuted(np.tile(np.arange(len(foreign)), (ROUNDS, 1)), axis=1)
        self._foreign = order[:, :size] + len(own)
        nearest = [self._nearest(row)[0] for row in self._known[len(own) :]]
        self._usual = np.median(nearest, axis=0) if nearest else np.zeros(ROUNDS)

    def score(self, replies: Sequence[str]) -> Figure:
        """How often documents made of these replies pass as the person's; the interval resamples documents."""
        scores: list[float] = []
        count = 0
        if self.enough:
            for shuffle in range(SHUFFLES):
                made = documents(replies, seed=self._seed + 100 + shuffle, length=self._length)[:_SCORED]
                count = max(count, len(made))
                table = self._weighted(profiles.counts(made, profiles.characters, self._vocabulary))
                scores += map(self._passes, table)
        if count < FEWEST:
            return Figure(float(np.mean(scores)) if scores else float("nan"), 0.0, 1.0, count)
        values = np.array(scores)
        drawn = (resamples(len(values), seed=self._seed) @ values) / len(values)
        # The shuffles hold the same replies, so together they are worth the documents of one.
        wider = values.mean() + (drawn - values.mean()) * np.sqrt(len(values) / count)
        return interval(float(values.mean()), np.clip(wider, 0.0, 1.0), count)

    def _weighted(self, table: Floats) -> npt.NDArray[np.float32]:
        return (profiles.relative(table) * self._rarity).astype(np.float32)

    def _passes(self, row: npt.NDArray[np.float32]) -> float:
        """The share of rounds in which a document is the person's.

        The closest of the person's documents must beat the closest impostor. It must also be closer than the person's
        are to impostors usually: else gibberish, which is far from everybody, would pass in half of the rounds.
        """
        own, foreign = self._nearest(row)
        return float(np.mean(((own > foreign) + 0.5 * (own == foreign)) * (own > self._usual)))

    def _nearest(self, row: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
        """Min-max similarity to the closest of the person's documents and to the closest impostor, by round."""
        shared = np.minimum(row, self._known) @ self._masks
        closeness = (shared / np.maximum(row @ self._masks + self._masses - shared, 1e-12)).T
        return [
            np.take_along_axis(closeness, side, axis=1).max(axis=1, initial=0) for side in (self._own, self._foreign)
        ]


class Verified(NamedTuple):
    """Scores of the voices between another sender's (floor) and the person's own (ceiling)."""

    floor: Figure
    ceiling: Figure
    voices: dict[str, Figure]


def verify(
    known: Sequence[str],
    held_out: Sequence[str],
    others: Sequence[Sequence[str]],
    strangers: Sequence[Sequence[str]],
    voices: Mapping[str, Sequence[str]],
    *,
    seed: int,
) -> Verified:
    """Place voices between floor and ceiling.

    Args:
        known: the person's replies in the training part.
        held_out: the person's held-out replies; they give the ceiling.
        others: replies of each of the others in the training part; the impostors.
        strangers: replies of each of the others in the held-out part, claimed to be the person's; they give the
            floor. Where these are too few, the last quarter of what the others wrote in training.
        voices: replies of each speaker.
    """
    length = length_for(held_out, *(replies for replies in voices.values() if replies))
    strangers = [texts for texts in strangers if _size(texts) >= FEWEST * length][:4]
    if not strangers:
        cut = [3 * len(texts) // 4 for texts in others]
        strangers = [texts[at:] for texts, at in zip(others, cut, strict=True)][:4]
        others = [texts[:at] for texts, at in zip(others, cut, strict=True)]
    verifier = Verifier(known, others, length=length, seed=seed)
    floor = _mean([verifier.score(texts) for texts in strangers])
    return Verified(floor, verifier.score(held_out), {name: verifier.score(texts) for name, texts in voices.items()})


def _size(replies: Sequence[str]) -> int:
    return sum(map(len, replies)) + len(replies)


def position(voice: Figure, verified: Verified, *, seed: int) -> Figure:
    """Where a voice stands between floor (0) and ceiling (1)."""
    chance = np.random.default_rng(seed)
    bounds = (voice, verified.floor, verified.ceiling)
    value, floor, ceiling = (figure.value for figure in bounds)
    drawn = [chance.normal(figure.value, figure.width / 3.92, 2000) for figure in bounds]
    band = np.maximum(drawn[2] - drawn[1], 0.05)
    return interval((value - floor) / max(ceiling - floor, 0.05), (drawn[0] - drawn[1]) / band, voice.n)


def _mean(figures: Sequence[Figure]) -> Figure:
    """The mean of independent figures."""
    if not figures:
        return Figure(float("nan"), 0.0, 1.0, 0)
    value = float(np.mean([figure.value for figure in figures]))
    half = float(np.sqrt(sum(figure.width**2 for figure in figures))) / (2 * len(figures))
    return Figure(value, max(0.0, value - half), min(1.0, value + half), sum(figure.n for figure in figures))
