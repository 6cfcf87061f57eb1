"""Numbers: which of them lead to a person.

Telephone numbers are judged country by country with libphonenumber's data. Any other number of seven and more digits
counts as well, unless it is clearly a date, an amount, a version or the like: a number that slips through harms
somebody, a replaced row count harms nobody.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import phonenumbers

# Digits are taken whole and every further group needs a separator, so that no text takes long to match.
_NUMBER = re.compile(
    r"(?<![\w.@%=-])\+?(?:\d{1,3}[ .-])?(?:\(\d{1,5}\)[ .-]?)?\d++"
    r"(?:(?:[ \u00a0\u2009\u202f][.\-\u2010\u2011\u2013/]?|[.\-\u2010\u2011\u2013/])[ \u00a0\u202f]?\d++)*(?!\w)"
)
_CURRENCY = re.compile(r"[$€£¥₹₽₺₩₪฿]\s?$")
_UNIT = re.compile(
    r"\s?(?:[$€£¥₹₽₺₩₪฿%°]|(?:[kKMGT]i?[bB]|bytes?|bits?|ms|sec|km|kg|mm|cm|kW|MHz|GHz|USD|EUR|GBP|euros?|dollars?|"
    r"pesos|yen|rows|lines|items|times|people|years|blocks|sectors|inodes|kB/s)\b)"
)
_DATE = re.compile(
    r"(?:(?:19|20)\d\d[-./](?:0?[1-9]|1[0-2])[-./](?:0?[1-9]|[12]\d|3[01])"
    r"|(?:0?[1-9]|[12]\d|3[01])(?P<sep>[-./ ])(?:0?[1-9]|[12]\d|3[01])(?P=sep)(?:(?:19|20)\d\d|(?<! )\d\d)"
    r"|(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:\d{4}|\d{6})?"
    r"|(?:19|20)\d\d ?[-\u2013/] ?(?:19|20)\d\d)(?=$|[ \u00a0\u202f-])"
)
_GROUP = re.compile(r"\d+")

# Where nothing in the chat says which country, numbers in small groups are tried in these.
_LIKELY_REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "BR", "IN", "MX", "NL", "PL", "RU", "TR", "DK", "NO", "CH", "SE")


def find(text: str, regions: tuple[str, ...]) -> Iterator[tuple[int, int, str, str]]:
    """Start, end, kind (`phone`, `card`, `number`) and key of each number that leads to a person."""
    for match in _NUMBER.finditer(text):
        number, start, end = match[0], match.start(), match.end()
        if not number.startswith("+") and (_CURRENCY.search(text, 0, start) or _UNIT.match(text, end)):
            continue
        if judged := judge(number, regions):
            yield start, end, *judged


@lru_cache(maxsize=4096)
def judge(number: str, regions: tuple[str, ...] = ()) -> tuple[str, str] | None:
    """What kind of identifier a number is, and its key; None for dates, amounts, versions and small numbers."""
    number = "".join(str(unicodedata.digit(c)) if c.isdigit() else c for c in number)
    groups = [str(group) for group in _GROUP.findall(number)]
    digits = "".join(groups)
    international = number.startswith("+") or (digits.startswith("00") and len(digits) > 9)
    if len(digits) < (6 if digits[0] == "0" and len(groups) > 1 else 7):
        return None
    if len(digits) >= 13 and (_luhn(digits) or [len(g) for g in groups] == [4, 4, 4, 4]):
        return "card", digits
    if key := phone_key(number, regions):
        sure = international or regions
        if sure and not _DATE.match(number):
            return "phone", key
    if not international and _harmless(number, groups, digits):
        return None
    if international or (len(groups) > 1 and len(digits) <= 12):
        return "phone", key or digits
    return "number", digits


def phone_key(number: str, regions: Sequence[str] = ()) -> str | None:
    """The number in E.164 form if it is a valid telephone number anywhere (with +) or in one of the regions."""
    international = number.startswith("+") or (number.startswith("00") and "+" + number[2:])
    tries = [("+" + number.lstrip("+0"), None)] if international else [(number, region) for region in regions]
    for attempt, region in tries:
        try:
            parsed = phonenumbers.parse(attempt, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(parsed):
            return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return None


def region_of(number: str) -> str | None:
    """The country of a number in international form."""
    key = phone_key(number) if number.startswith("+") else None
    return phonenumbers.region_code_for_number(phonenumbers.parse(key)) if key else None


def _harmless(number: str, groups: list[str], digits: str) -> bool:
    """Whether a number of seven digits or more is a date, amount, version, list or laughter (Thai 5555555)."""
    date = _DATE.match(number)
    if date and sum(c.isdigit() for c in number[date.end() :]) < 7:
        return True
    if len(set(digits)) == 1 or (len(groups) == 1 and len(digits.rstrip("0")) <= 2):
        return True
    if len(groups) == 1:
        return False
    separators = set(re.sub(r"\d", "", number))
    if "." in separators and (len(groups) == 2 or separators & set("/\u2013") or "- " in number):
        return True  # a decimal, or several
    if len(groups) == 2 and len(groups[0]) == len(groups[1]) and 0 < int(groups[1]) - int(groups[0]) < 100:
        return True  # a range
    amount = len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:]) and len(separators) == 1
    if amount and not separators & set("-()/") and groups[0][0] != "0" and (len(groups[0]) < 3 or groups[-1] == "000"):
        return True
    if "." in separators and (groups[0] == "0" or (separators == {"."} and min(map(len, groups)) == 1)):
        return True  # a version
    if all(len(group) == 1 for group in groups):
        return True
    if all(len(group) <= 2 for group in groups):
        return not (digits[0] == "0" and len(digits) >= 9) and not phone_key(number, _LIKELY_REGIONS)
    return "/" in separators and number.count("/") > 1


def _luhn(digits: str) -> bool:
    doubled = (sum(divmod(2 * int(d), 10)) for d in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0 and len(set(digits)) > 1


def regions_of(people: Iterable[str]) -> tuple[str, ...]:
    """The countries of people who are shown by their number, the most frequent first."""
    found = Counter(region for name in people if (region := region_of(name)))
    return tuple(region for region, _ in found.most_common(3))
