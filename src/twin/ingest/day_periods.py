"""Halves and parts of the day as the world writes them: AM, p. m., 오후, 凌晨; the tokens come from CLDR."""

import re
import unicodedata
from functools import cache

from babel import Locale

LOCALES = (
    "af", "am", "ar", "az", "be", "bg", "bn", "bs", "ca", "cs", "cy", "da", "de", "el", "en", "en_AU", "en_CA", "es",
    "es_MX", "et", "eu", "fa", "fi", "fil", "fr", "fr_CA", "ga", "gl", "gu", "he", "hi", "hr", "hu", "hy", "id", "is",
    "it", "ja", "ka", "kk", "km", "kn", "ko", "ky", "lo", "lt", "lv", "mk", "ml", "mn", "mr", "ms", "my", "nb", "ne",
    "nl", "pa", "pl", "ps", "pt", "pt_PT", "ro", "ru", "si", "sk", "sl", "sq", "sr", "sr_Latn", "sv", "sw", "ta",
    "te", "th", "tr", "uk", "ur", "uz", "vi", "zh", "zh_Hant", "zh_Hant_HK", "zu",
)  # fmt: skip
"""The languages that phones and platforms write exports in."""

# What phones still write and CLDR has dropped or never had.
_MORE = {
    "清晨": "morning1", "早晨": "morning1", "傍晚": "evening1", "深夜": "night1", "半夜": "night1",
    "قبلازظهر": "am", "ق.ظ": "am", "ب.ظ": "pm",
    'לפנה"צ': "am", 'אחה"צ': "pm",
}  # fmt: skip
_DROPPED = re.compile(r"[\s.\u200b-\u200f\u202a-\u202e\u2066-\u2069\u061c\ufeff'\u2019]")


def fold(token: str) -> str:
    """A token without what varies from phone to phone: case, dots, spaces, marks, the form of quotes."""
    return _DROPPED.sub("", unicodedata.normalize("NFKC", token).casefold()).replace("\u05f4", '"').replace("''", '"')


@cache
def _table() -> dict[str, tuple[str, set[str]]]:
    """Folded token → its period in CLDR's terms, and the spellings of all tokens of its languages."""
    table: dict[str, tuple[str, set[str]]] = {}
    for name in LOCALES:
        spellings: set[str] = set()
        for widths in Locale.parse(name).day_periods.values():
            for width, tokens in widths.items():
                for period, token in tokens.items():
                    key = fold(token)
                    # One Latin letter is no evidence; in other scripts ("م") it is the usual form.
                    if width == "narrow" and (len(key) < 2 and key.isascii()):
                        continue
                    spellings.add(token)
                    known = table.get(key)
                    if known is None or (period in {"am", "pm"} and known[0] not in {"am", "pm"}):
                        table[key] = (period, spellings)
    for token, period in _MORE.items():
        table.setdefault(fold(token), (period, {token}))
    return table


def period_of(token: str) -> str | None:
    """`am`, `pm`, `noon`, `morning1`, `night1`… in CLDR's terms; None for anything else."""
    key = fold(token)
    if key in {"am", "pm"}:
        return key
    if not key or len(key) > 24 or any(character.isdigit() for character in key):
        return None
    found = _table().get(key)
    return found and found[0]


def spellings(token: str) -> frozenset[str]:
    """Every token that may stand where `token` stands in the same file."""
    if fold(token) in {"am", "pm"}:
        return frozenset()
    found = _table().get(fold(token))
    more = {other for other in _MORE if fold(token) in {fold(name) for name in _MORE}}
    return frozenset({token} | (found[1] if found else set()) | more)


def hour_of_day(hour: int, period: str | None) -> int:
    """The hour from 0 to 23 of an hour from 1 to 12 in a period; hours over 12 stay."""
    if period is None or hour > 12:
        return hour
    if period.startswith(("am", "morning", "midnight")):
        return hour % 12
    if period.startswith("night"):  # 11 at night, 2 at night
        return hour + 12 if 5 < hour < 12 else hour % 12
    if period == "noon" and hour in {10, 11}:
        return hour
    return hour % 12 + 12
