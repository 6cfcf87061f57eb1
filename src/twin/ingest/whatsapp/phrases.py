"""What WhatsApp itself writes, by language. The words stand in `phrases.toml`; this finds them in bodies."""

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

_MARKS = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\u061c\ufeff]")
_SPACES = re.compile("[ \u00a0\u202f]+")
OPENING = 20
"""Characters by which a notice is recognised although somebody seems to have written it."""
NOTHING = "null"
"""What stands, in these letters, for a body that the phone does not have; "NULL" and "Null" are people's."""
_EDGES = " \t<>.。:：\u00a0\u202f"


class Phrase(NamedTuple):
    """A category of `phrases.toml`, the languages that write it so, and its forms with capitals as they are written."""

    category: str
    locales: frozenset[str]
    forms: frozenset[str]


class Phrases(NamedTuple):
    """All phrases, folded.

    `whole` are whole bodies or tails; `calls` are the beginnings of call records and `call_parts` parts of notices
    about calls; `words` stand before a colon or in brackets; `notices` are parts of lines that nobody wrote, `openings` their beginnings; `you` are the person's own name in WhatsApp Web; `files` name the exported file,
    `%s` being the chat's partner.
    """

    whole: dict[str, Phrase]
    calls: tuple[str, ...]
    call_parts: tuple[str, ...]
    words: dict[str, dict[str, frozenset[str]]]
    notices: tuple[tuple[str, str], ...]
    openings: frozenset[str]
    you: frozenset[str]
    files: frozenset[str]


_WHOLE = ("media", "deleted", "deleted_me", "edited", "live", "contact", "waiting", "call")
_WORDS = ("attached", "beside", "location", "poll")


def fold(text: str) -> str:
    """A phrase without marks, brackets, case, closing full stop and unusual spaces."""
    return _SPACES.sub(" ", _MARKS.sub("", text)).strip(_EDGES).lower()


@cache
def phrases() -> Phrases:
    """The table, read once."""
    table = tomllib.loads((files("twin.ingest.whatsapp") / "phrases.toml").read_text("utf-8"))
    whole: dict[str, Phrase] = {}
    words: dict[str, dict[str, frozenset[str]]] = {category: {} for category in _WORDS}
    notices: list[tuple[str, str]] = []
    for locale, categories in table.items():
        for category in _WHOLE:
            for form in categories.get(category, ()):
                text = fold(form)
                known = whole.get(text, Phrase(category, frozenset(), frozenset()))
                whole[text] = Phrase(known.category, known.locales | {locale}, known.forms | {form})
        for category in _WORDS:
            for text in map(fold, categories.get(category, ())):
                words[category][text] = words[category].get(text, frozenset[str]()) | {locale}
        notices += [(fold(text), locale) for text in categories.get("notice", ())]
    calls = sorted((text for text, phrase in whole.items() if phrase.category == "call"), key=len, reverse=True)
    return Phrases(
        whole=whole,
        calls=tuple(calls),
        call_parts=tuple(fold(text) for categories in table.values() for text in categories.get("call_part", ())),
        words=words,
        notices=tuple(notices),
        openings=frozenset(text[:OPENING] for text, _ in notices if len(text) >= OPENING),
        files=frozenset(text.lower() for categories in table.values() for text in categories.get("file", ())),
        you=frozenset(fold(text) for categories in table.values() for text in categories.get("you", ())),
    )


@cache
def bare() -> frozenset[str]:
    """Bodies that nobody types, as phones write them: recognised without brackets or marks around them.

    Of calls only those that say more than what a person might type alone: `Missed voice call`, not `Voice call`.
    """
    table = phrases()
    safe = {
        form
        for folded, phrase in table.whole.items()
        if phrase.category not in {"call", "edited"} or any(call in folded and call != folded for call in table.calls)
        for form in (folded, folded[:1].upper() + folded[1:], *phrase.forms)
    }
    return frozenset({NOTHING, *(form + end for form in safe for end in ("", ".", "。"))})


def notice_in(text: str) -> frozenset[str]:
    """The languages of the first notice that a text holds; empty where it holds none."""
    folded = fold(text)
    return next((frozenset({locale}) for part, locale in phrases().notices if part in folded), frozenset[str]())
