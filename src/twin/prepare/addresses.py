"""Postal addresses: street and house number, in the word orders of many countries.

An address is only found with its number: a street's name alone leads to nobody.
"""

import re
from collections.abc import Iterator

_CAP = r"[^\W\d_a-zа-яёіїєґßäöüñçéèáíóúàâêô][\w'’.-]{0,30}"
_FLAT = r"(?:,? ?(?:#|apt|apartment|flat|unit|suite|ste|appt|apto|depto|piso|wohnung|кв|floor|room)\.? ?\w{1,5}\b)?"
_HOUSE = r"\d{1,5}(?:[-/]\d{1,4})?(?: ?[a-zA-Zа-яА-Я]\b)?"
# Postcode with or before a town, after a street.
_TOWN = (
    r"(?:,?\s+(?:\d{2,3}-?\d{2,3}|\d{4} ?[A-Z]{2}|[A-Z]{1,2}-\d{4,5})\s" + _CAP + r"(?:[ -]" + _CAP + r"){0,2}"
    r"|(?:,?\s+" + _CAP + r"){1,3},?\s+(?:[A-Z]{2},?\s)?\d{5,6}(?:-\d{4})?\b"
    r"|(?:,?\s+" + _CAP + r"){0,3},?\s+[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b"
    r"|(?:,?\s+" + _CAP + r"){0,2},?\s+[A-Z]\d[A-Z] ?\d[A-Z]\d\b)?"
)

# "12 Baker Street"
_AFTER = (
    "street|st|road|rd|avenue|ave|lane|ln|drive|dr|court|ct|boulevard|blvd|way|place|pl|square|sq|terrace|close|"
    "crescent|cres|gardens|grove|hill|row|parkway|pkwy|highway|hwy|circle|cir|trail|mews|marg|nagar|cross"
)
_PLAIN_AFTER = "street|road|avenue|lane|drive|boulevard|terrace|crescent|parkway"
# "12 rue de la Paix"
_NUMBER_BEFORE = "rue|avenue|av|boulevard|bd|place|allée|allee|chemin|impasse|quai|cours|route|square|passage|villa"
# "Calle Mayor 3": words that are nothing else, in any case
_BEFORE = (
    r"calle|c/|avenida|avda\.?|travesía|rua|travessa|praça|alameda|viale|piazza|vicolo|bulevardul|ul\.|ulica|aleja|jalan|jl\.|"
    r"улица|ул\.|проспект|пр-т|переулок|пер\.|бульвар|вулиця|вул\.|náměstí|ulice|οδός|λεωφόρος|شارع|רחוב|שדרות|רח'"
)
# and words that need a capital, and a name with one after them
_BEFORE_CAPITAL = (
    r"Av\.?|AV\.?|Plaza|Pza\.?|Paseo|Carrer|Camino|Carretera|Ronda|Carrera|Cra\.?|Cl\.|R\.|Estrada|Largo|Via|Corso|Strada|"
    r"Str\.|Calea|Ul|Al\.|Os\.|Plac|Pl\.|Rambla|Passeig"
)
# "Hauptstraße 5"
_SUFFIX = (
    "straße|strasse|str\\.|weg|allee|platz|gasse|damm|ufer|steig|chaussee|straat|laan|plein|gracht|dijk|"
    "gatan|vägen|gränd|veien|gata|gade|vej|katu|utca|körút"
)
# "Atatürk Caddesi No: 5"
_SUFFIX_WORD = "straße|strasse|str\\.|weg|allee|platz|straat|laan|utca|út|tér|körút|caddesi|cad\\.|sokağı|sokak|sok\\.|mahallesi|bulvarı"
_NR = r"(?i:n\.?[º°]\.? ?|no\.?:? ?|nr\.? ?|núm\.? ?|numero |número |#|s/|д\. ?|дом |буд\. ?)?"

HINT = re.compile(r"\d(?=\D)|\D\d|[号號番]")
"""What every address holds: a house number beside other text. Cheap to look for."""

_PATTERNS = [
    re.compile(pattern)
    for pattern in (
        rf"\b{_HOUSE},? (?:[NSEW]{{1,2}}\.? )?(?:{_CAP} ){{1,4}}(?i:{_AFTER})\b\.?(?: [NSEW]{{1,2}}\b)?(?i:{_FLAT}){_TOWN}",
        rf"(?i:\b{_HOUSE},? (?!(?:the|a|of|on|down|way|off|more|other|minute|min|hour)\b)[^\W\d_]+ (?:(?!the\b|down\b)[^\W\d_]+ )?(?:{_PLAIN_AFTER})\b{_FLAT}){_TOWN}",
        rf"\b{_HOUSE}(?: (?:bis|ter|quater))?,? (?i:{_NUMBER_BEFORE})\.? (?:(?:de la|de l['’]|du|des|de|d['’]|la|le|les|l['’]) ?)?{_CAP}(?:[ -](?:(?:de|du|des|la|le) )?{_CAP}){{0,4}}{_TOWN}",
        rf"(?i:(?<!\w)(?:{_BEFORE})\s?)(?<=[\s/.])(?:[^\W\d_][\w'’-]{{0,30}}\.?,? ){{0,4}}[^\W\d_][\w'’-]{{0,30}},?\s{_NR}{_HOUSE}(?!\.\d)(?i:{_FLAT}(?:,? ?\d{{1,2}}[ºª°] ?\w?\b)?){_TOWN}",
        rf"(?<!\w)(?:{_BEFORE_CAPITAL})\s(?:(?:de la|de los|de|del|della|delle|dei|do|da|dos|das|d['’])\s?)?{_CAP}(?:\s(?:(?:de la|de|del|da|do|y|e)\s)?{_CAP}){{0,3}},?\s{_NR}{_HOUSE}(?!\.\d)(?i:{_FLAT}(?:,? ?\d{{1,2}}[ºª°] ?\w?\b)?){_TOWN}",
        rf"\b[^\W\d_a-z][\w-]{{0,40}}(?i:{_SUFFIX})\s{{1,2}}(?i:n[ro]\.? ?)?{_HOUSE}{_TOWN}",
        rf"\b(?:[^\W\d_a-z][\w.]{{0,30}}[ -]){{1,3}}(?i:{_SUFFIX_WORD}),? (?i:n[ro][.:]{{0,2}} ?)?{_HOUSE}{_TOWN}",
        r"(?:[\u4e00-\u9fff]{1,6}[省市区县區縣鎮镇]){0,4}[\u4e00-\u9fff]{1,8}(?:大道|路|街|道|巷|弄)\s?\d{1,5}\s?[号號弄](?:\s?\d{1,4}\s?[室楼樓号號])?",
        r"(?:〒\s?\d{3}-?\d{4}\s*)?[\u4e00-\u9fff]{1,4}[都道府県][\u3040-\u30ff\u4e00-\u9fff]{1,16}[0-9０-９]{1,4}(?:(?:丁目|番地?|号|[-−ー‐])[0-9０-９]{0,4}){1,4}",
        r"〒\s?\d{3}-?\d{4}",
        r"[가-힣]+(?:시|도|구|군)\s(?:[가-힣]+\s){0,3}[가-힣0-9]+(?:로|길)\s?\d{1,4}(?:-\d{1,4})?",
        r"\b" + _CAP + r"(?: " + _CAP + r"){0,2}, [A-Z]{2},? \d{5}(?:-\d{4})?\b",
        r"(?<![\w-])(?!V\d)[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b",
        r"\b[ABCEGHJ-NPRSTVXY]\d[A-Z] \d[A-Z]\d\b",
        r"\b\d{4} ?[A-Z]{2} " + _CAP.replace("{0,", "{2,"),
        r"(?i:\bp\.? ?o\.? box|\bpostfach|\bapartado(?: de correos)?|\bcaixa postal|\bboîte postale) \d{1,6}",
        r"(?i:\bflat|\bapt\.?|\bapartment|\bsuite) \w{1,4}, (?=" + _HOUSE + r")",
    )
]


def find(text: str) -> Iterator[tuple[int, int]]:
    """Where addresses stand (start, end)."""
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            yield match.span()


KEPT = re.compile(
    rf"[NSEW]{{1,2}}|(?i:(?:{_AFTER}|{_NUMBER_BEFORE}|{_BEFORE}|{_BEFORE_CAPITAL}|{_SUFFIX_WORD}|apt|apartment|flat|unit|suite|floor|box|po|no|nr)\.?)|"
    r"大道|[路街道巷弄号號省市区县區縣都府県〒丁目番地시도구군로길]"
)
"""Words of an address that say what kind of thing it is; they may stay."""
