"""Pseudonyms: invented stand-ins that look like what they stand for."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from random import Random

from twin.prepare import addresses, lexicon
from twin.prepare.identifiers import Identifier
from twin.prepare.lexicon import Kind

# Per script: vowels and consonants that may follow one another in any order and still be pronounced.
_ALPHABETS = (
    ("aeiouy", "bcdfghjklmnprstvz"),
    ("", "qwx"),
    ("áéíóúàèìòùâêîôûäëïöüãõåæøœāēīōūąęıăơư", "çñšžčćřłńśźżğşțșđßþð"),
    ("аеиоу", "бвгдзклмнпрстфх"),
    ("ёыэюяіїє", "жйцчшщъьґ"),
    ("αειου", "βγδζκλμνπρστφχ"),
    ("άέήίόύώηω", "ξψςθ"),
    ("", "אבגדהוזחטיכלמנסעפצקרשת"),
    ("اوي", "بتجحدرزسشطعفقكلمنه"),
    ("", "कखगचजटडतदनपबभमयरलवसह"),
    ("", "あいうえおかきくけこさしすせそたちつてとなにぬねのまみむめもやゆよらりるれろ"),
    ("", "アイウエオカキクケコサシスセソタチツテトナニヌネノマミムメモヤユヨラリルレロ"),
    ("", "ก ข ค ง จ ช ด ต ท น บ ป พ ม ย ร ล ว ส ห".replace(" ", "")),
)
_HAN = "安博成东方广海和华建江金兰立林明宁平青清荣山胜泰文祥新兴阳永远云志中"
_HANGUL = "가강고나노다도라로마미바보사서소수아영우원유이재정주준지진하현호"

# Letters that a plain alphabet replaces, so that nothing odd results from a random draw.
_PLAIN = {1: 0, 2: 0, 4: 3, 6: 5}


def _alphabet(letter: str) -> str:
    for index, pair in enumerate(_ALPHABETS):
        for part, group in enumerate(pair):
            if letter in group:
                return _ALPHABETS[_PLAIN.get(index, index)][part] or group
    code = ord(letter)
    if 0x3400 <= code <= 0x9FFF:
        return _HAN
    if 0xAC00 <= code <= 0xD7A3:
        return _HANGUL
    return "".join(_ALPHABETS[0])


def same_shape(text: str, chance: Random) -> str:
    """Another text with letters for letters (vowel for vowel, same case and script), digits for digits."""
    drawn: list[str] = []
    for c in text:
        if c.isdigit():
            zero = ord(c) - int(c) if c.isdecimal() else ord("0")
            drawn.append(chr(zero + chance.randrange(1, 10)))
        elif c.isalpha() and c not in "ºª":
            letter = chance.choice(_alphabet(c.lower()))
            drawn.append(letter.upper() if c.isupper() else letter)
        else:
            drawn.append(c)
    return "".join(drawn)


def people(name: str, chance: Random, *, home: str = "en_US", surname: bool = False) -> Iterator[str]:
    """Invented words for a word of a name, the most fitting first.

    A first name becomes one of the same country and sex, a surname one of `home`, a locale of Faker. Everything else
    (nicknames, words, letters with digits) becomes a short first name that many know: a model foretells these best.
    Nothing for digits, and for scripts whose names are not known.
    """
    script = _script(name)
    if not script:
        return
    if surname and len(name) > 2 and name.isalpha() and name.istitle():
        last = lexicon.names_of(Kind(home, "last_names"))
        yield from _from_anywhere([one for one in last if _script(one) == script and len(one) > 3], chance)
    if not surname and (kind := lexicon.kind_of(name)):
        alike = [one for one in lexicon.names_of(kind) if _script(one) == script and lexicon.surely_a_name(one)]
        yield from _from_anywhere([one for one in alike if lexicon.is_short(one)] or alike, chance)
    if script not in _UNSPACED:
        for names in _familiar(script, home, name.isascii()):
            yield from _from_anywhere(names, chance)


@cache
def _familiar(script: str, home: str, plain: bool) -> tuple[tuple[str, ...], ...]:
    """Short first names known to many at home, known to many anywhere, and all; `plain` ones without accents."""
    known = tuple(one for one in lexicon.familiar(script) if one.isascii() or not plain)
    at_home = lexicon.first_names(home)
    return tuple(one for one in known[:_WELL_KNOWN] if one in at_home), known[:_WELL_KNOWN], known


_WELL_KNOWN = 1000
"""So many of a script's first names count as known to many: of Latin ones, those that two countries share."""

_UNSPACED = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "LAO", "KHMER", "MYANMAR"})
"""Scripts without spaces, where a name of another length would not be met inside its text."""


def _script(name: str) -> str:
    """The script of the first letter, as Unicode names it; "" where there is no letter."""
    return next((unicodedata.name(c, "").split(" ")[0] for c in name if c.isalpha()), "")


def _from_anywhere(names: Sequence[str], chance: Random) -> Iterator[str]:
    """Names of a list, beginning anywhere; not all of a long one, since most are taken where these are."""
    if names:
        start = chance.randrange(len(names))
        yield from (names[(start + index) % len(names)] for index in range(min(len(names), 100)))


def invent(kind: Identifier, text: str, chance: Random) -> str:
    """A stand-in for an identifier other than a name.

    Mail addresses and links lead to `example.org`, telephone numbers to the range that is kept free for fiction,
    hosts to the range for documentation; bank numbers fail their checksum.
    """
    match kind:
        case Identifier.EMAIL:
            return f"{next(people('Anna', chance)).lower()}{chance.randrange(10, 100)}@example.org"
        case Identifier.LINK:
            return f"https://example.org/{same_shape('abab', chance)}{chance.randrange(10, 100)}"
        case Identifier.PHONE:
            return f"+1 {chance.choice(_AREAS)} 555 01{chance.randrange(100):02}"
        case Identifier.NETWORK if ":" in text or "-" in text:
            return "02:00:5e:" + ":".join(f"{chance.randrange(256):02x}" for _ in range(3))
        case Identifier.NETWORK:
            return f"{chance.choice(('192.0.2', '198.51.100', '203.0.113'))}.{chance.randrange(1, 255)}"
        case Identifier.IBAN:
            return f"{text[:2]}00{same_shape(text[4:], chance)}"
        case Identifier.CARD:
            return "0000" + same_shape(text[4:], chance) if text[:4].isdigit() else same_shape(text, chance)
        case Identifier.ADDRESS:
            return _address(text, chance)
        case _:
            return same_shape(text[:64], chance)


_AREAS = (202, 206, 212, 303, 305, 312, 404, 415, 503, 512, 602, 617, 702, 713, 808, 907)


def _address(text: str, chance: Random) -> str:
    """Another street and number; the words that say "street" stay."""
    pieces: list[str] = []
    for word in re.findall(r"[\u2e80-\ud7ff]|[^\W\u2e80-\ud7ff]+|\W+", text):
        stays = word.lower() in lexicon.KEPT or any(addresses.KEPT.fullmatch(form) for form in (word, word + "."))
        pieces.append(word if stays else same_shape(word, chance))
    return "".join(pieces)


def unused(candidates: Iterable[str], text: str, chance: Random, taken: Callable[[str], bool]) -> str:
    """The first that stands for nothing else yet, and does not hold what it stands for."""
    for made in chain(candidates, (same_shape(text, chance) for _ in range(100))):
        if not taken(made.lower()) and (text.lower() not in made.lower() or len(text) < 3):
            return made
    return f"{same_shape(text, chance)}{chance.randrange(10**6)}"
