"""What a person wrote in a mail, without what they answer, their signature, and what programs add."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import takewhile

from twin.ingest.extras import formats_extra

_LONGEST = 100_000
_LONGEST_HEADER = 250  # the library's expressions take time with the cube of the length
_QUOTED = re.compile(r"\s{0,3}>")
_SIGNATURE = re.compile(r"--\s?$|\s*_{2,}\s*$|\s*-{20,}\s*$")
# In any language: `---- Original message ----`, and header lines one below the other.
_SEPARATOR = re.compile(r"\s*-{3,}\s?[^-\s].{2,150}[^-\s]\s?-{3,}\s*$|\s*\[?Original Message processed by david")
_FIELD = re.compile(r"[*\s]*([^\W\d_][\w '’/-]{0,25}?)\s?:")
_FIELDS = frozenset(
    [
        "from",
        "sent",
        "to",
        "subject",
        "date",
        "cc",
        "von",
        "gesendet",
        "an",
        "betreff",
        "datum",
        "de",
        "enviado",
        "para",
        "asunto",
        "fecha",
        "envoyé",
        "à",
        "objet",
        "da",
        "inviato",
        "a",
        "oggetto",
        "data",
        "van",
        "verzonden",
        "aan",
        "onderwerp",
        "od",
        "wysłano",
        "do",
        "temat",
        "odesláno",
        "komu",
        "předmět",
        "från",
        "skickat",
        "till",
        "ämne",
        "fra",
        "sendt",
        "til",
        "emne",
        "dato",
        "lähettäjä",
        "lähetetty",
        "vastaanottaja",
        "aihe",
        "kimden",
        "gönderme",
        "kime",
        "konu",
        "feladó",
        "küldve",
        "címzett",
        "tárgy",
        "от",
        "отправлено",
        "кому",
        "тема",
        "差出人",
        "送信日時",
        "宛先",
        "件名",
        "发件人",
        "发送时间",
        "收件人",
        "主题",
        "寄件者",
        "收件者",
        "主旨",
    ]
)
_ADDRESS = re.compile(r"\S@\S")
_CLOCK = re.compile(r"\d{1,2}[:.h]\d{2}")
_FORWARD = re.compile(
    r"\s*(?:Begin forwarded message|Anfang der weitergeleiteten (?:Nachricht|E-Mail)|Début du message réexpédié"
    r"|Inicio del mensaje reenviado|Inizio messaggio inoltrato)\s?:\s*$",
    re.I,
)
_CLOSING = re.compile(
    r"(?:(?:best|kind|warm|many|with|my) )*(?:regards|wishes|thanks|cheers|sincerely|best|love|yours(?: truly| sincerely| faithfully)?)"
    r"|thank you|all the best|(?:viele|liebe|beste|herzliche|schöne|mit (?:freundlichen|besten|lieben)) (?:grüße|grüßen|gruß|gruss)"
    r"|mfg|lg|vg|(?:un )?(?:cordial )?saludos?(?: cordiales)?|un abrazo|atentamente|gracias|cordialement|(?:bien )?à (?:toi|vous)"
    r"|amicalement|bises|merci|cordiali saluti|un saluto|saluti|grazie|abraços?|atenciosamente|obrigad[oa]"
    r"|(?:met )?(?:vriendelijke|hartelijke) groet(?:en)?|groeten|pozdrawiam|z poważaniem|с уважением|med vänlig(?:a)? hälsning(?:ar)?"
    r"|(?:bästa )?hälsningar|(?:med )?venlig hilsen|(?:med )?vennlig hilsen|hilsen|mvh|terveisin|saygılarımla",
    re.I,
)
_CONTACT = re.compile(r"@|https?://|www\.|\+?\d[\d ()/.-]{6,}|\||(?:Tel|Phone|Mobile|Fax|Direct|Mobil|Telefon)\b", re.I)
_DISCLAIMER = re.compile(
    r"[*\s]*(?:CAUTION|Disclaimer|Warning|Confidential\w*|(?:Privileged|Confidential|Private|Important) (?:Notice|Note|Information)"
    r"|(?:Wichtiger )?Hinweis|Achtung|Upozornění|Avvertenza|Aviso|Advertencia|Waarschuwing)\b[*:\s]",
    re.I,
)
_ABOUT_MAIL = re.compile(r"e-?mail|recipient|confidential|vertraulich|confidencial|confidentiel|attachment", re.I)


def own_words(text: str) -> str:
    """The person's own lines, as they wrote them; "" where a mail is only quoted or forwarded.

    Answers between quoted lines stay. "On … wrote:" and "Sent from my …" in 13 languages
    come from mail-parser-reply.
    """
    lines = text[:_LONGEST].replace("\r\n", "\n").replace("\xa0", " ").split("\n")
    lines = _without_quotes(lines)
    lines = _without_disclaimers(lines)
    lines = list(takewhile(lambda line: not _SIGNATURE.match(line), lines))
    lines = _without_footer(lines)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in lines)).strip("\n")


@cache
def _phrases() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What stands before a quoted mail, and what a phone adds at the end."""
    with formats_extra("Reading mail"):
        from mailparser_reply.constants import MAIL_LANGUAGES  # noqa: PLC0415
    wrote, sent_from = (
        "|".join(phrases[key] for phrases in MAIL_LANGUAGES.values() if phrases.get(key))
        for key in ("wrote_header", "sent_from")
    )
    return (
        re.compile(wrote, re.I | re.M),
        re.compile(rf"\s*(?:{sent_from}|Sent (?:from|via))\b[\w .'’®™:/<>?=-]{{1,80}}$", re.I),
    )


def _without_quotes(lines: list[str]) -> list[str]:
    lines = lines[: _first_earlier_mail(lines)]
    headers = set[int]()
    for first, last in _headers(lines):
        after = next((line for line in lines[last + 1 :] if line.strip()), "")
        if not _QUOTED.match(after):  # the mail below is not marked line by line: all of it is quoted
            lines = lines[:first]
            break
        headers.update(range(first, last + 1))
    own = list[str]()
    above = ""
    for number, line in enumerate(lines):
        # A long quoted line that was broken goes on without its mark.
        broken = len(above) > 60 and line[:1].islower() and _QUOTED.match(above)
        if number not in headers and not _QUOTED.match(line) and not broken:
            own.append(line)
        above = line
    return own


def _first_earlier_mail(lines: list[str]) -> int:
    """The line from which on everything is an earlier mail: a separator, or header lines one below the other.

    Two lines with known names are a header, and three of any name with an address and a time among them.
    """
    fields = list[str]()
    for number, line in enumerate(lines):
        if _SEPARATOR.match(line) or _FORWARD.match(line):
            return number
        field = _FIELD.match(line)
        fields = [*fields[-9:], line] if field else []
        if len(fields) < 2:
            continue
        known = sum(1 for other in fields if (name := _FIELD.match(other)) and name[1].casefold() in _FIELDS)
        block = "\n".join(fields)
        if known > 1 or (len(fields) > 2 and _ADDRESS.search(block) and _CLOCK.search(block)):
            start = number - len(fields) + 1
            while start and not lines[start - 1].strip(" =_-*"):
                start -= 1
            return start
    return len(lines)


def _headers(lines: list[str]) -> Iterator[tuple[int, int]]:
    """First and last line of each "On … wrote:", which may be broken into three.

    In 13 languages by the words; in any by a time of day and an address before the last colon.
    """
    for last, line in enumerate(lines):
        if line.rstrip().endswith((":", "：")) and not _QUOTED.match(line):
            for first in range(last, max(last - 3, -1), -1):
                header = "\n".join(part.strip() for part in lines[first : last + 1])
                if len(header) > _LONGEST_HEADER or not lines[first].strip():
                    break
                if (_ADDRESS.search(header) and _CLOCK.search(header)) or _phrases()[0].fullmatch(header):
                    yield first, last
                    break


def _without_disclaimers(lines: list[str]) -> list[str]:
    """A warning at the top is one paragraph; from one further down, everything is the company's."""
    kept = list[str]()
    paragraph = list[str]()
    for line in [*lines, ""]:
        if line.strip():
            paragraph.append(line)
            continue
        whole = "\n".join(paragraph)
        if paragraph and _DISCLAIMER.match(f"{whole} "):
            if any(other.strip() for other in kept):
                return kept
            if _ABOUT_MAIL.search(whole):
                paragraph = []
        kept += [*paragraph, line]
        paragraph = []
    return kept


def _without_footer(lines: list[str]) -> list[str]:
    """Without "Sent from my phone", and without address and numbers below a closing line and a name."""
    filled = [number for number, line in enumerate(lines) if line.strip()]
    while filled and _phrases()[1].match(lines[filled[-1]]):
        filled.pop()
    for number in filled[-12:]:
        if _CLOSING.fullmatch(lines[number].strip(" \t,.!*")):
            below = [other for other in filled if other > number]
            named = list(
                takewhile(lambda other: len(lines[other]) < 40 and not _CONTACT.search(lines[other]), below[:2])
            )
            rest = below[len(named) :]
            if any(_CONTACT.search(lines[other]) for other in rest) and not re.match(r"\W*P\.?S\b", lines[rest[0]]):
                filled = [other for other in filled if other <= number] + named
            break
    return lines[: filled[-1] + 1] if filled else []
