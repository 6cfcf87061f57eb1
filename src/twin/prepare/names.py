"""Names: which words of a chat are people, and where they stand in a text.

Names come from the senders, and from first names that the chat itself writes with a capital inside a sentence.
Whether a name may also be met in lower case, or is an everyday word ("will", "mark", a nickname such as "help"), is
judged by how the chat itself writes it.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

import regex

from twin.prepare import lexicon

WORD = regex.compile(r"[\p{L}\p{M}\p{N}_]+")
LETTERS = regex.compile(r"\p{L}[\p{L}\p{M}]*")
_INSIDE = regex.compile(r"(?<=[\p{Ll}\p{Lo},;:'’] |[@])\p{Lu}[\p{Ll}\p{M}]+\b")
_ADDRESSED = regex.compile(r"(?:^[@+%]?|@)([\p{L}\p{M}\p{N}_]+)(?=\S{0,3}[:,]\s)|@([\p{L}\p{M}\p{N}_]+)")
_STRETCHED = regex.compile(r"(\p{L})\1\1(?!\w)")
# Scripts that put no space between words, or add endings without one.
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]{2,}")
_NOISE = regex.compile(r"[\p{Cf}\p{So}\p{Sk}\uFE0F]|^\s*[~@]+\s*")
_SENTENCE_START = regex.compile(r"(?:^|[.!?…\n]\s*|[\"“«(¿¡*_-]\s?)$")
_CALLED = regex.compile(r"\s?(?:[,:!]|['’]s\b)")


class Where(StrEnum):
    """Where a name counts as one."""

    ANYWHERE = "anywhere"
    CAPITAL = "capital"
    CALLED = "called"


class Span(NamedTuple):
    """A stretch of text that is a name. `name` is the known name, in lower case."""

    start: int
    end: int
    name: str


def fold(name: str) -> str:
    """Without case and accents, in composed form: what two spellings of one name share."""
    if name.isascii():
        return name.lower()
    plain = "".join(c for c in unicodedata.normalize("NFD", name.lower()) if not "\u0300" <= c <= "\u036f")
    return unicodedata.normalize("NFC", plain)


def displayed(name: str) -> str:
    """A sender's name without the marks of the platform (`~`, invisible characters) and without emoji."""
    return _NOISE.sub("", name).replace("\u202f", " ").strip()


def is_unspaced(word: str) -> bool:
    """Whether a word is of a script that puts no space around words, or puts endings right behind a name."""
    return _UNSPACED.fullmatch(word) is not None


class Habits:
    """How a chat writes its words: counts as written, inside a sentence with a capital, and as an address."""

    def __init__(self) -> None:
        self.written: Counter[str] = Counter()
        self.inside: Counter[str] = Counter()
        self.addressed: Counter[str] = Counter()

    def add(self, texts: Iterable[str]) -> None:
        for text in texts:
            self.written.update(WORD.findall(text))
            if not text.islower():
                self.inside.update(_INSIDE.findall(text))
            if "@" in text or ":" in text or "," in text:
                self.addressed.update((a or b).lower() for a, b in _ADDRESSED.findall(text))

    def mentioned(self) -> Iterator[str]:
        """First names that the chat writes with a capital inside sentences, and hardly ever in lower case."""
        for word, capital in self.inside.items():
            if self.written[word.lower()] * 2 < capital and lexicon.surely_a_name(word):
                yield word

    def where(self, word: str, *, sent: int, later: bool = False) -> Where | None:
        """Where a word of a sender's name counts as that name; None: nowhere by itself.

        Args:
            sent: messages of that sender. Who writes little is not spoken of all the time: then it is a word.
            later: not the first word of the name, but a surname or a remark of whoever keeps the address book.
        """
        low = word.lower()
        if low in lexicon.KEPT or (later and len(word) < 3):
            return None
        if any(c.isdigit() or c == "_" for c in word):
            return Where.ANYWHERE
        if len(word) < 2:
            return Where.CALLED
        if lexicon.surely_a_name(low) and len(word) > 2:
            return Where.ANYWHERE
        everyday, capital = lexicon.is_word(low), word[0].isupper()
        if everyday and capital:
            return Where.CAPITAL
        lower, inside, addressed = self.written[low], self.inside[low.capitalize()], self.addressed[low]
        others = (lower if capital else lower + self.written[low.capitalize()]) - addressed
        known = addressed + (inside if capital else 0)
        if others > 2 * known and others > sent and (others >= 5 or everyday):
            return Where.CAPITAL if capital and inside and not later else Where.CALLED
        # Where the chat hardly writes it in lower case, a wrong replacement is rare and a missed one gives somebody away.
        return Where.CAPITAL if len(word) < 3 or (later and lower > 2 + known) else Where.ANYWHERE


# Case endings, so that "Анне" is met where "Анна" is known: ending of the name → endings it may take instead.
_ENDINGS = {
    "а": ("а", "ы", "и", "е", "у", "ой", "ою"),
    "я": ("я", "и", "е", "ю", "ей", "ею"),
    "й": ("й", "я", "ю", "ем", "е"),
    "": ("", "а", "у", "ом", "ем", "е"),
}
_CYRILLIC = regex.compile(r"\p{Cyrillic}{3,}")


def forms(name: str, pseudonym: str) -> Iterator[tuple[str, str]]:
    """A name and its pseudonym, side by side in each form that the name may take in a text."""
    yield name, pseudonym
    if _CYRILLIC.fullmatch(name):
        ending, other = (n[-1] if n[-1] in _ENDINGS else "" for n in (name, pseudonym))
        stem, other_stem = name.removesuffix(ending), pseudonym.removesuffix(other)
        for mine, theirs in zip(_ENDINGS[ending], _ENDINGS[other], strict=False):
            yield stem + mine, other_stem + theirs
    elif len(name) > 3 and lexicon.surely_a_name(name) and not name.endswith("s"):
        yield name + "s", pseudonym + "s"
    if (plain := fold(name)) != name.lower():
        yield plain, pseudonym


class Names:
    """Known names, ready to be found."""

    def __init__(self) -> None:
        self._words: dict[str, tuple[str, Where]] = {}
        self._phrases: dict[str, list[str]] = {}
        self._firsts: set[str] = set()
        self._unspaced: regex.Pattern[str] | None = None
        self._run: set[str] = set()

    def __contains__(self, word: str) -> bool:
        return word.lower() in self._words

    def add_word(self, form: str, name: str, where: Where) -> None:
        """A single word that stands for `name`."""
        low = form.lower()
        if is_unspaced(form):
            self._run.add(low)
            self._unspaced = regex.compile("|".join(map(regex.escape, sorted(self._run, key=len, reverse=True))))
        elif low not in self._words or self._words[low][1] is not Where.ANYWHERE:
            self._words[low] = (name, where)
            self._firsts.add(low)

    def add_phrase(self, phrase: str) -> None:
        """A name of several words, or with marks in it, that counts wherever it stands as a whole."""
        low = phrase.lower()
        if (first := WORD.search(low)) and low not in self._phrases.setdefault(first[0], []):
            self._phrases[first[0]].append(low)
            self._phrases[first[0]].sort(key=len, reverse=True)
            self._firsts.add(first[0])

    def find(self, text: str) -> list[Span]:
        """The names in a text, in order, none overlapping another."""
        low = text.lower()
        unspaced = self._unspaced is not None and not low.isascii()
        words = WORD.findall(low if low.isascii() else low + " " + unicodedata.normalize("NFC", low))
        if self._firsts.isdisjoint(words) and not unspaced and not _STRETCHED.search(low):
            return []
        if len(low) != len(text):  # a letter that grows in lower case: positions would shift
            low = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
        spans = [Span(*m.span(), m[0]) for m in self._unspaced.finditer(low)] if unspaced and self._unspaced else []
        done = 0
        for match in WORD.finditer(low):
            if match.start() < done:
                continue
            if span := self._phrase_at(low, match.start(), match[0]) or self._word_at(text, match):
                spans.append(span)
                done = span.end
        return sorted(spans)

    def _phrase_at(self, low: str, at: int, word: str) -> Span | None:
        for phrase in self._phrases.get(word, ()):
            start = at - phrase.index(word)
            end = start + len(phrase)
            if (
                start >= 0
                and low.startswith(phrase, start)
                and not (phrase[-1].isalnum() and low[end : end + 1].isalnum())
            ):
                return Span(start, end, phrase)
        return None

    def _word_at(self, text: str, match: "regex.Match[str]") -> Span | None:
        word = match[0]
        known = self._words.get(word) or (
            self._words.get(unicodedata.normalize("NFC", word)) if not word.isascii() else None
        )
        if known is None and len(word) > 4 and word[-1] == word[-2] == word[-3]:
            known = self._words.get(word.rstrip(word[-1]) + word[-1])
        start, end = match.span()
        if known is None or (text[start - 1 : start] == "/" and not text[: start - 1][-1:].strip()):
            return None  # "/dev" is a path
        name, where = known
        if where is Where.ANYWHERE or _is_called(text, start, end):
            return Span(start, end, name)
        capital = where is Where.CAPITAL and text[start].isupper() and not text[start + 1 : end].isupper()
        return Span(start, end, name) if capital and not _SENTENCE_START.search(text, endpos=start) else None


def _is_called(text: str, start: int, end: int) -> bool:
    """Whether the position says that this is a name: `@name`, or `name:` and `name,` at the start."""
    if text[start - 1 : start] == "@":
        return True
    return not text[:start].strip(" *_~>") and bool(_CALLED.match(text, end)) and text[end : end + 3] != "://"


def in_case_of(pseudonym: str, written: str) -> str:
    """The pseudonym in the case in which the name was written."""
    if written.islower():
        return pseudonym.lower()
    return pseudonym.upper() if written.isupper() and len(written) > 1 else pseudonym


def words(name: str) -> list[str]:
    """The words of a displayed name, in composed form."""
    return [unicodedata.normalize("NFC", word) for word in LETTERS.findall(name)]


class Part(NamedTuple):
    """A word of a displayed name by which somebody may be called: surely meant to stand `alone`, and not the first."""

    word: str
    alone: bool
    later: bool


def parts(name: str) -> list[Part]:
    """The words by which somebody may be called for short; none for a name of one word."""
    if " " in name:
        told = [part for word in name.split() if WORD.fullmatch(part := word.strip(".,()[]\"'"))]
        telling = [word for word in told if word.lower() not in lexicon.KEPT]
        return [Part(word, alone=True, later=index > 0) for index, word in enumerate(telling)]
    told, base = words(name), name.rstrip("0123456789_`^|-")
    telling = [word for word in told if word.lower() not in lexicon.KEPT]  # "Dr_Moss" is met as "Moss"
    found = [Part(word, alone=len(telling) == 1, later=True) for word in telling] if len(told) > 1 else []
    return [*found, Part(base, alone=True, later=True)] if WORD.fullmatch(base) and base != name else found
