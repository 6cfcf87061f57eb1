"""Identifiers: what in a text leads to one person, apart from names.

Works on shapes and checksums, country by country for telephone numbers (libphonenumber's data through
`phonenumbers`). Numbers of seven and more digits count as identifiers unless they are clearly a date, an amount, a
version or the like: a phone number that slips through harms somebody, a replaced row count harms nobody.
"""

import ipaddress
import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from twin.prepare import addresses, numbers


class Identifier(StrEnum):
    """What kind of identifier a stretch of text is."""

    NAME = "name"
    EMAIL = "email"
    LINK = "link"
    ACCOUNT = "account"
    PHONE = "phone"
    CARD = "card"
    IBAN = "iban"
    NETWORK = "network"
    ADDRESS = "address"
    NUMBER = "number"
    SECRET = "secret"  # noqa: S105  the name of a kind


class Found(NamedTuple):
    """A stretch of text that identifies somebody. `key` is the same however the identifier is written."""

    start: int
    end: int
    kind: Identifier
    key: str


# What every identifier holds at least one of; most messages hold none.
_ANY = re.compile(r"[\d@=#]|:[^\s]|: ?\w*[^\w\s]|\w\.\w\w|[A-Za-z+/_-]{20}|dot[ )\]}]| \w{1,4} \w*[._]\w")

_AT = re.compile(r"@|[\[({ ]at[\])} ]", re.IGNORECASE)
_EMAIL = re.compile(
    r"[\w.+%'-]{1,64}(?:@|\s?[\[({]at[\])}]\s?)(?:[\w-]{1,64}(?:\.|\s?[\[({]dot[\])}]\s?))+[^\W\d_]{2,24}\b"
    r"|\b[\w.+-]{1,64} at (?:[\w-]{1,64} dot ){1,5}[a-z]{2,12}\b",
    re.IGNORECASE,
)

# Top-level domains that are not also words after a full stop without a space ("ok.so", "hola.es").
_TLD = (
    "com|net|org|info|biz|edu|gov|mil|int|io|dev|app|xyz|online|site|shop|club|blog|cloud|tech|page|live|link|wiki|"
    "email|chat|news|store|uk|ru|su|ua|pl|cz|sk|hu|jp|kr|cn|tw|hk|sg|nl|se|dk|fi|br|mx|cl|ar|ve|nz|za|ng|ke|gr|bg|hr|"
    "rs|lt|lv|ee|ie|pt|tr|il|ir|pk|bd|lk|np|ph|vn|th|ch|eu|tv|cat|рф"
)
_LINK = re.compile(
    r"\b[a-z][a-z0-9+.-]{1,15}://[^\s<>\"'`]+"
    r"|\bwww\.[^\s<>\"'`]+"
    r"|\b(?:mailto|tel|sms|magnet|spotify|bitcoin|xmpp|sip|whatsapp):[^\s<>\"'`]{5,}"
    r"|(?<![\w@./\\$-])(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+(?:" + _TLD + r")\b(?!\.\w|\()(?::\d{2,5})?(?:/[^\s<>\"'`]*)?"
    r"|(?<![\w@./\\$-])(?:[a-z0-9-]{1,63}\.)+(?:[a-z]{2})/[^\s<>\"'`]*"
    r"|(?<![\w@./\\$-])(?:[a-z0-9-]{2,63}\.){2,}(?:de|fr|es|it|at|be|no|is|in|me|to|us|ca|au|co|ly|gl|am|fm)\b"
    r"|(?<![\w@./\\$-])[a-z0-9-]{4,63}\.(?:de|fr)(?=[\s),;!?]|\.?$)",
    re.IGNORECASE,
)

_ROOMS = {"all", "everyone", "here", "channel", "home", "work", "media", "import", "override", "property", "param"}
_ACCOUNT = re.compile(
    r"(?<![\w@./+-])@(?P<handle>[^\W_][\w.-]{0,60}\w|_\w{2,60})"
    r"|(?<![\w/])u/(?P<reddit>[\w-]{3,24})\b"
    r"|(?<![\w#])(?P<tagged>[^\W\d][\w.]{1,31}#\d{4})\b"
    r"|\b(?:insta(?:gram)?|ig|snap(?:chat)?|twitter|tiktok|telegram|discord|skype|steam|twitch|psn|wechat|line id|kik)"
    r"(?: (?:id|name|user|username|handle|account))?\s?(?:[:=]|\b(?:is|es|ist|est|é|è)\b)\s?(?P<said>[\w.:-]*[\w-])",
    re.IGNORECASE,
)

_SECRET = re.compile(
    r"(?P<sure>-----BEGIN [A-Z ]*(?:KEY|CERTIFICATE|MESSAGE|SIGNATURE)[A-Z ]*-----.*?(?:-----END [A-Z ]*-----|\Z)"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"
    r"|\b(?:sk|pk|rk|ghp|gho|ghu|ghs|github_pat|glpat|xox[abpsr]|hf|npm|pypi|AKIA|ASIA|AIza|ya29|SG|dop_v1)[-_.]?[\w-]{14,})"
    r"|\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"
    r"|\b(?:0x)?[0-9a-fA-F]{32,}\b"
    r"|\b(?:bc1|ltc1|tb1|addr1)[a-z0-9]{20,90}\b"
    r"|(?<![\w/.+=-])(?=[\w+=-]{0,90}\d)(?=[\w+=-]{0,90}[a-z])(?=[\w+=-]{0,90}[A-Z])[A-Za-z0-9_+=-]{20,}(?![\w/]|\.\w)",
    re.DOTALL,
)
_LABELLED = re.compile(
    r"\b(?P<word>pass(?:word|wort|wd|phrase|code)?|passwor[dt]|kennwort|contraseña|clave|senha|palavra-passe|"
    r"mot de passe|mdp|wachtwoord|hasło|şifre|lösenord|пароль|wifi key|api[ _-]?key|token|secret)\b"
    r"[^\S\n]{0,2}(?:[:=]|\b(?:is|es|ist|est|é|è|jest|to)\b)[^\S\n]{0,2}[\"'`]?(?P<pass>[^\s\"'`]{4,64})"
    r"|\b(?:pin|otp|code|código|codigo|codice|kod|код|tan|cvv|cvc|passport|pasaporte|passeport|reisepass|ausweis|dni|nie|nif|cif|"
    r"ssn|nhs|nino|cpf|rg|cnpj|curp|rfc|bsn|pesel|снилс|инн|паспорт|tax id|steuer-?id|plate|matrícula|matricula|"
    r"kennzeichen|immatriculation|targa|booking|reservation|reserva|pnr|tracking|order|pedido|customer|account|cuenta|"
    r"conto|konto|compte|sort code|routing|member|policy|licen[cs]e|phone|tel|telephone|teléfono|telefono|téléphone|"
    r"handy|móvil|movil|cell|mobile|тел|телефон)\b\.?"
    r"(?:[^\S\n]?(?:number|num|no|nr|nº|n°|id|code|reference|ref)\b\.?)?[^\S\n]?"
    r"(?:[:=#]|\b(?:is|es|ist|est|é|è)\b)?[^\S\n]{0,2}#?(?P<id>(?=(?:[\w-]{0,24}?\d){3})[\w-]{4,24})(?![\w.])",
    re.IGNORECASE,
)
_DOCUMENT = re.compile(
    r"\b(?:[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]"  # Italian tax code
    r"|[A-Z]{4}\d{6}[A-Z0-9]{3,8}"  # Mexican RFC and CURP
    r"|[A-Z]{5}\d{4}[A-Z]"  # Indian PAN
    r"|[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]"  # British national insurance
    r"|[XYZ]-?\d{7}-?[A-Z]|\d{8}-?[A-HJ-NP-TV-Z]"  # Spanish NIE and DNI
    r"|\d{2}\.?\d{3}\.?\d{3}-[\dkK]"  # Chilean RUT
    r"|(?=(?:[A-Z]*\d){6})(?=\d*[A-Z])[A-Z0-9]{8,20})\b"
)

_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[A-Z0-9]{11,30}|(?:[ -][A-Z0-9]{1,5}){3,8})\b")
_MAC = re.compile(
    r"(?<![\w:-])[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}(?![\w:-])|\b(?:[0-9a-fA-F]{4}\.){2}[0-9a-fA-F]{4}\b"
)
_IPV4 = re.compile(r"(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
_HARMLESS_IP = re.compile(r"127\.|0\.0\.0\.0|255\.|(?:8\.8\.(?:8\.8|4\.4)|1\.1\.1\.1|1\.0\.0\.1)$")
_HOST_BEFORE = re.compile(r"ip|addr|host|ping|ssh|server|inet|dns|gateway|router|://|@", re.IGNORECASE)
_VERSION_BEFORE = re.compile(r"(?:version|kernel|release|build|firmware|\bv)\s?$", re.IGNORECASE)

_GPS = re.compile(r"(?<![\w.])[-+]?\d{1,2}\.\d{4,}°?\s?[NS]?\s?[,; ]\s?[-+]?\d{1,3}\.\d{4,}°?\s?[EWO]?(?!\w|\.\d)")


def find(text: str, *, regions: Sequence[str] = ()) -> list[Found]:
    """The identifiers in a text, in order, none overlapping another.

    Args:
        regions: countries (ISO 3166, two letters) whose national telephone numbers are likely, likeliest first.
    """
    if not _ANY.search(text):
        return []
    found: list[Found] = []
    for spot in _candidates(text, tuple(regions)):
        if all(spot.end <= other.start or spot.start >= other.end for other in found):
            found.append(spot)
    return sorted(found)


def _candidates(text: str, regions: tuple[str, ...]) -> Iterator[Found]:
    """What might identify, the surest shapes first: of two that overlap, the first one counts."""
    for match in _SECRET.finditer(text):
        if match["sure"] or _like_chance(match[0]):
            yield Found(*match.span(), Identifier.SECRET, match[0])
    for match in _EMAIL.finditer(text) if _AT.search(text) else ():
        yield Found(*match.span(), Identifier.EMAIL, match[0].lower())
    for match in _LINK.finditer(text):
        link = _trim_link(match[0])
        yield Found(match.start(), match.start() + len(link), Identifier.LINK, link)
    for match in _ACCOUNT.finditer(text):
        name = match.lastgroup or ""
        handle = match[name]
        if handle.lower() not in _ROOMS and (name != "said" or _like_account(handle)):
            yield Found(*match.span(name), Identifier.ACCOUNT, handle.lower())
    for match in _LABELLED.finditer(text):
        name = "pass" if match["pass"] else "id"
        if name == "id" or re.search(r"\d|[^\w.,;:!?)]|[a-z][A-Z]", match[name]):
            yield Found(*match.span(name), Identifier.SECRET, match[name])
    for match in _IBAN.finditer(text):
        if end := _iban_end(match[0]):
            yield Found(match.start(), match.start() + end, Identifier.IBAN, re.sub(r"\W", "", match[0][:end]))
    for match in _MAC.finditer(text):
        yield Found(*match.span(), Identifier.NETWORK, match[0].lower())
    for pattern in (_IPV4, _IPV6):
        for match in pattern.finditer(text):
            if _is_address_of_host(match[0]) and not _is_version(text, match):
                yield Found(*match.span(), Identifier.NETWORK, match[0].lower())
    for match in _GPS.finditer(text):
        yield Found(*match.span(), Identifier.ADDRESS, match[0])
    for start, end in addresses.find(text) if addresses.HINT.search(text) else ():
        yield Found(start, end, Identifier.ADDRESS, re.sub(r"\W+", " ", text[start:end].lower()))
    for match in _DOCUMENT.finditer(text):
        yield Found(*match.span(), Identifier.NUMBER, re.sub(r"\W", "", match[0]))
    for start, end, what, key in numbers.find(text, regions):
        yield Found(start, end, Identifier(what), key)


def _iban_end(text: str) -> int:
    """How far an IBAN reaches: the longest beginning whose checksum (ISO 7064) holds, or all if it is mostly digits."""
    for end in range(len(text), 14, -1):
        if text[end - 1].isalnum():
            plain = re.sub(r"\W", "", text[:end])
            if 15 <= len(plain) <= 34 and int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1:
                return end
    plain = re.sub(r"\W", "", text)
    return len(text) if 15 <= len(plain) <= 34 and sum(c.isdigit() for c in plain) >= 12 else 0


def _is_address_of_host(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if address.version == 6:
        return len(re.sub(r"\W", "", text)) > 4
    return not _HARMLESS_IP.match(text)


def _is_version(text: str, match: re.Match[str]) -> bool:
    """Whether four numbers with dots are a version: called so, or small at the start and nowhere near a host."""
    before = text[max(0, match.start() - 20) : match.start()]
    small = re.match(r"\d\.1?\d\.", match[0]) is not None
    return bool(_VERSION_BEFORE.search(before)) or (small and not _HOST_BEFORE.search(before))


def _like_chance(token: str) -> bool:
    """Whether a long token looks drawn at random: hyphenated or camel-case words with a digit are not."""
    words = re.findall(r"[A-Za-z][a-z]{3,}|[A-Z]{4,}", token)
    return sum(map(len, words)) < 0.6 * len(token) and len(set(token)) > 4


def _like_account(handle: str) -> bool:
    return bool(re.search(r"[\d._:-]", handle)) and len(handle) > 2


def _trim_link(link: str) -> str:
    """Without the punctuation of the sentence around it."""
    while link and (
        link[-1] in ".,;:!?'*_~>|" or (link[-1] in ")]}" and link.count(link[-1]) > link.count(_OPEN[link[-1]]))
    ):
        link = link[:-1]
    return link


_OPEN = {")": "(", "]": "[", "}": "{"}
