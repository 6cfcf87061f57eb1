"""Profiles: how often somebody uses each sequence of characters and each function word.

What authorship studies call style: what a text is about hardly shows in it. Vectors are relative frequencies.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import regex

from twin.likeness.figures import Figure, Floats, resamples

_WORD = regex.compile(r"[\p{L}\p{M}'’]+|[^\p{L}\p{M}\p{N}\s]")
_DIGIT = regex.compile(r"\p{N}")

Features = Callable[[str], Counter[str]]


def characters(text: str, *, shortest: int = 2, longest: int = 4) -> Counter[str]:
    """Character n-grams of a text, line breaks and spaces included; every digit counts as 0."""
    text = _DIGIT.sub("0", " " + unicodedata.normalize("NFC", text) + " ")
    grams: Counter[str] = Counter()
    for n in range(shortest, longest + 1):
        grams.update(text[at : at + n] for at in range(len(text) - n + 1))
    return grams


def words(text: str) -> Counter[str]:
    """Words and marks of a text, in lower case."""
    return Counter(_WORD.findall(unicodedata.normalize("NFC", text).lower()))


def frequent(texts: Iterable[str], features: Features, most: int) -> list[str]:
    """The most frequent features over all texts; of words these are, in any language, function words and marks."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(features(text))
    return [feature for feature, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]]


def counts(texts: Sequence[str], features: Features, vocabulary: Sequence[str]) -> Floats:
    """How often each feature stands in each text; (texts, features)."""
    places = {feature: at for at, feature in enumerate(vocabulary)}
    table = np.zeros((len(texts), len(vocabulary)))
    for row, text in enumerate(texts):
        for feature, count in features(text).items():
            if (at := places.get(feature)) is not None:
                table[row, at] = count
    return table


def relative(table: Floats) -> Floats:
    """Counts as shares of each row."""
    return table / np.maximum(table.sum(axis=-1, keepdims=True), 1)


class Profile:
    """The person's profile against those of the others, to compare further texts with.

    Similarity is cosine delta (Smith and Aldridge 2011; Evert et al. 2017): the cosine between standardised relative
    frequencies, 1 for the same profile, 0 for an unrelated one.

    Args:
        own: replies of the person.
        others: replies of each other person.
    """

    def __init__(self, own: Sequence[str], others: Sequence[Sequence[str]], *, features: Features, most: int) -> None:
        everybody = [own, *others]
        self._features = features
        self._vocabulary = frequent((text for texts in everybody for text in texts), features, most)
        people = np.stack([relative(self._sum(texts)) for texts in everybody])
        self._centre = people.mean(axis=0)
        # With few people, a feature's spread between them is little known: the spread of chance is added.
        chance = np.sqrt(self._centre / max(1.0, float(self._sum(own).sum())))
        self._spread = people.std(axis=0) + chance + 1e-9
        self._own = self._standardised(people[0])

    def likeness(self, replies: Sequence[str], *, seed: int) -> Figure:
        """Cosine delta between replies and the person; the interval resamples replies."""
        if not replies:
            return Figure(float("nan"), float("-inf"), float("inf"), 0)
        table = counts(replies, self._features, self._vocabulary)
        whole = self._cosine(table.sum(axis=0, keepdims=True))[0]
        drawn = self._cosine(resamples(len(replies), seed=seed, times=500) @ table)
        # Resampling blurs a profile and so lowers every cosine: only the spread of what it gives is used.
        half = 1.96 * float(drawn.std())
        return Figure(float(whole), float(whole) - half, float(whole) + half, len(replies))

    def _sum(self, texts: Sequence[str]) -> Floats:
        total: Counter[str] = Counter()
        for text in texts:
            total.update(self._features(text))
        return np.array([total[feature] for feature in self._vocabulary], float)

    def _standardised(self, shares: Floats) -> Floats:
        return (shares - self._centre) / self._spread

    def _cosine(self, table: Floats) -> Floats:
        other = self._standardised(relative(table))
        norms = np.linalg.norm(other, axis=1) * np.linalg.norm(self._own)
        return (other @ self._own) / np.maximum(norms, 1e-12)
