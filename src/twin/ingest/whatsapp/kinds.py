"""What a body is: words that somebody typed, or something that WhatsApp put there.

Structure decides first, because it is the same in every language: iPhones begin such bodies with an invisible mark,
Android puts them in angle brackets, the same for every sender. The phrases of each language come second.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable

from twin.domain.messages import Kind
from twin.ingest.whatsapp.phrases import NOTHING, OPENING, bare, fold, notice_in, phrases

MARKS = "\u200e\u200f"
BEGINS = frozenset({"", "<", "[", "\n", *MARKS})
ENDS = frozenset(">)\n")
ODD_LINES = re.compile(r"[>):：]\r?\n|\.\w{1,5}\r?\n|\n {2,}- |\r")
HINTS = ("\u200e", "maps", "foursquare", *phrases().words["beside"])
"""What a body that is nothing but words seldom has: at its beginning, its end, the ends of its lines, anywhere."""

_CATEGORY = {
    "media": Kind.MEDIA,
    "deleted": Kind.DELETED,
    "deleted_me": Kind.DELETED,
    "live": Kind.LOCATION,
    "contact": Kind.CONTACT,
    "waiting": Kind.EMPTY,
    "call": Kind.CALL,
}
_BARE = bare()
_LONGEST = 5000
_LONGEST_TAIL = 80
_WA_FILE = r"(?:(?:IMG|VID|PTT|AUD|STK|DOC|GIF)-\d{8}-WA\d{4}\.?\w*|\d{4,8}-[A-Z_]+-\d{4}(?:-\d\d){5}\.\w+|\d{4}(?:-\d\d)+-[A-Z]+-\d+\.\w+)"
_FILE = r"[^\n/<>\u200e]{1,250}\.\w{1,5}"
# `IMG-20210428-WA0001.jpg (file attached)`, with a caption on the next line or, from WhatsApp Web, on the same.
_ATTACHED = re.compile(
    rf"(?P<file>{_WA_FILE}|{_FILE}) \((?P<words>[^()\n]{{2,40}})\)(?P<same> [^\n]*)?(?:\n(?P<next>.*))?", re.S
)
# `<attached: f>`, `< pièce jointe : f >`, `<f eklendi>`, `f <allegato>`
_BRACKETED = re.compile(
    rf"(?P<head>.*?)(?:<\s?(?P<words>[^<>:：\n]{{2,40}}?)\s?[:：] ?(?P<file>{_FILE})\s?>"
    rf"|<(?P<file2>{_FILE}) (?P<words2>[^<>.\n]{{2,30}})>|(?P<file3>{_WA_FILE}) <(?P<words3>[^<>\n]{{2,30}})>)\s*\Z",
    re.S,
)
_COORDINATES = re.compile(
    r"[^:：\n]{2,40} ?[:：] ?(?:.{0,80}[ \n])?https?://(?:maps\.google\.\w+|www\.google\.\w+/maps|maps\.app\.goo\.gl)/?\S*"
    r"-?\d{1,3}\.\d+,-?\d{1,3}\.\d+\S*"
)
_MAP = re.compile(r"https?://(?:maps\.google\.|www\.google\.\w+/maps|maps\.app\.goo\.gl|goo\.gl/maps|maps\.apple\.com)")
_VENUE = re.compile(r"[^\n]{1,200} \([^\n]{0,200}\): https?://(?:\w+\.)?foursquare\.com/v/\S+")
_OPTION = re.compile(
    r"^[\u200e\u200f]?(?P<word>[^\s:][^:\n]{1,20}): ?[^\n]* \([\u200e\u200f]?\d+ ?[^()\n]*\)[\u200e\u200f]?$", re.M
)
_WEB_POLL = re.compile(r"(?P<word>[^:\n]{2,20}): [^\n]+(?:\n {2,}- [^\n]*)+\Z")
_PLACEHOLDER = re.compile(r"<[^<>\n/=]{3,80}>\Z")
_FORWARDED = re.compile(r"\[(?:Forwarded|Forwarded many times)\] ")
_FILE_NAME = re.compile(rf"{_FILE}(?: •.*)?", re.S)


class Kinds:
    """Types the bodies of one file, and counts what they tell about its language and its owner.

    Attributes:
        locales: how often a phrase of each language was met.
        own: who wrote the messages that the exporter deleted.
    """

    def __init__(self, *, apple: bool, chat: str, attachments: Collection[str] = ()) -> None:
        self.locales: Counter[str] = Counter()
        self.own: Counter[str] = Counter()
        self._apple = apple
        self._chat = chat
        self._attachments = attachments
        self._placeholders: frozenset[str] = frozenset()
        self._tails: frozenset[str] = frozenset()
        self._groups: frozenset[str | None] = frozenset()
        self._seen: dict[str, tuple[Kind, str, frozenset[str]]] = {}

    def learn(self, bodies: Iterable[tuple[str | None, str]]) -> None:
        """Note in a sample what shows by its structure.

        Angle-bracketed bodies that several senders share to the letter stand for media; angle-bracketed tails after
        several different texts say that these were edited; whoever sends different marked bodies and nothing else is a group.
        """
        whole: dict[str, set[str | None]] = {}
        tails: dict[str, set[str]] = {}
        typing: set[str | None] = set()
        marked: dict[str | None, set[str]] = {}
        for sender, body in bodies:
            if body[:1] and body[0] in MARKS:
                marked.setdefault(sender, set()).add(body)
            else:
                typing.add(sender)
            if body[-1:] == ">" and (found := _PLACEHOLDER.search(body, max(len(body) - _LONGEST_TAIL, 0))):
                if found.start():
                    tails.setdefault(found[0], set()).add(body[: found.start()])
                else:
                    whole.setdefault(body, set()).add(sender)
        self._placeholders = frozenset(body for body, names in whole.items() if len(names) > 1)
        self._tails = frozenset(tail for tail, heads in tails.items() if len(heads) > 2) - self._placeholders
        self._groups = frozenset(name for name, notices in marked.items() if len(notices) > 1) - typing

    def notice(self, text: str) -> tuple[Kind, str]:
        """The kind of a line without a sender."""
        self._heard(notice_in(text))
        folded = fold(text)
        call = folded.startswith(phrases().calls) or any(part in folded for part in phrases().call_parts)
        return (Kind.CALL if call else Kind.SYSTEM), text.strip(MARKS + " ")

    def type(self, sender: str, body: str) -> tuple[Kind, str]:
        """The kind of a body, and the words in it: a caption, or all of it."""
        if (seen := self._seen.get(body)) is not None:
            self._heard(seen[2])
            return seen[:2]
        marked = body[:1] in MARKS if body else False
        text = body.strip(MARKS + " \n")
        if not text or text == NOTHING:
            return Kind.EMPTY, ""
        folded = fold(text)
        known = self._phrase(sender, folded, marked or text[0] == "<")
        if known is not None:
            text = "" if known in {Kind.MEDIA, Kind.EMPTY, Kind.CONTACT} else text
            if known is not Kind.DELETED:  # whose sender counts
                self._seen[body] = known, text, phrases().whole[folded].locales
            return known, text
        if (forwarded := _FORWARDED.match(text)) is not None:
            return Kind.FORWARD, text[forwarded.end() :]
        if len(text) > _LONGEST:
            return self._tail(sender, text) or (Kind.TEXT, body.strip("\n"))
        for look in (self._attachment, self._tail, self._place):
            if (found := look(sender, text)) is not None:
                return found
        if "\n" in text and self._is_poll(text):
            return Kind.POLL, text
        if text in self._placeholders or (text[0] == "<" and self._is_placeholder(text)):
            return Kind.MEDIA, ""
        if marked and self._apple:
            return self._by_app(sender, text, folded)
        if folded[:OPENING] in phrases().openings and notice_in(text):
            self._heard(notice_in(text))
            return Kind.SYSTEM, text
        return Kind.TEXT, body.strip("\n")

    def _heard(self, locales: Iterable[str]) -> None:
        for locale in locales:
            self.locales[locale] += 1

    def _phrase(self, sender: str, folded: str, framed: bool) -> Kind | None:
        phrase = phrases().whole.get(folded)
        if phrase is None or phrase.category == "edited" or not (framed or folded in _BARE):
            return None
        self._heard(phrase.locales)
        if phrase.category == "deleted_me":
            self.own[sender] += 1
        return _CATEGORY[phrase.category]

    def _attachment(self, _sender: str, text: str) -> tuple[Kind, str] | None:
        words = phrases().words["attached"]
        for end, pattern in ((")", _ATTACHED), (">", _BRACKETED)):
            found = pattern.fullmatch(text) if end in text else None
            if found is None:
                continue
            part = {name: value or "" for name, value in found.groupdict().items()}
            file = part["file"] or part.get("file2", "") or part.get("file3", "")
            word = fold(part["words"] or part.get("words2", "") or part.get("words3", ""))
            file = file.strip(MARKS + " ")
            if word in words:
                self._heard(words[word])
            elif not (re.fullmatch(_WA_FILE, file) or file in self._attachments):
                continue
            caption = part.get("head") or "\n".join(filter(None, (part.get("same", "").strip(), part.get("next", ""))))
            return _kind_of(file), _caption(caption)
        first, _, caption = text.partition("\n")
        for word, locales in phrases().words["beside"].items():
            file = first.removeprefix(word).removesuffix(word)
            if file != first and re.fullmatch(_FILE, file.strip()):
                self._heard(locales)
                return _kind_of(file), caption
        return None

    def _tail(self, sender: str, text: str) -> tuple[Kind, str] | None:
        """`words <This message was edited>`, `caption ‎image omitted`, `<image omitted> caption`."""
        whole = phrases().whole
        head, mark, tail = text.rpartition("<" if text[-1] == ">" else "\u200e")
        if not mark and text[0] != "<":
            return None
        if len(tail) > _LONGEST_TAIL:
            return None
        phrase = whole.get(fold(tail)) if mark else None
        if phrase is not None and head:
            self._heard(phrase.locales)
            if phrase.category == "edited":
                return Kind.EDITED, head.rstrip(" \n" + MARKS)
            kind = _CATEGORY[phrase.category]
            return (kind, _caption(head)) if kind in {Kind.MEDIA, Kind.CONTACT} else None
        opening = re.match(r"<([^<>\n]{4,60})>[ \n](.*)", text, re.S)
        if opening and (first := self._phrase(sender, fold(opening[1]), framed=True)) is Kind.MEDIA:
            return first, opening[2].strip()
        if mark == "<" and head and mark + tail in self._placeholders:
            return Kind.MEDIA, _caption(head)
        if mark == "<" and head and mark + tail in self._tails:
            return Kind.EDITED, head.rstrip(" \n" + MARKS)
        return None

    def _place(self, _: str, text: str) -> tuple[Kind, str] | None:
        if "://" not in text:
            return None
        word = fold(re.split("[:：]", text, maxsplit=1)[0])
        places = phrases().words["location"]
        if word in places and _MAP.search(text):
            self._heard(places[word])
            return Kind.LOCATION, text
        if _VENUE.fullmatch(text) or _COORDINATES.fullmatch(text):
            return Kind.LOCATION, text
        return None

    def _is_poll(self, text: str) -> bool:
        options = [found["word"] for found in _OPTION.finditer(text)]
        if len(options) > 1 and len(set(options)) == 1:
            return True
        polls = phrases().words["poll"]
        first = text.partition("\n")[0]
        if fold(first) in polls and first.rstrip(MARKS + " ").endswith(":"):
            return True
        found = _WEB_POLL.fullmatch(text)
        return found is not None and fold(found["word"]) in polls

    def _is_placeholder(self, text: str) -> bool:
        """One angle-bracketed body in a language without known phrases: words, no markup."""
        if self.locales or not re.fullmatch(r"<[^<>\n=/\"&]{5,60}>", text):
            return False
        return " " in text or not text.isascii()

    def _by_app(self, sender: str, text: str, folded: str) -> tuple[Kind, str]:
        """A body that an iPhone marked as its own, in words that are not known."""
        if folded.startswith(phrases().calls):
            return Kind.CALL, text
        notices = notice_in(text)
        self._heard(notices)
        if _MAP.search(text):
            return Kind.LOCATION, text
        if notices or sender == self._chat or sender in self._groups or len(text) > 45:
            return Kind.SYSTEM, text
        return Kind.MEDIA, ""


def _kind_of(file: str) -> Kind:
    return Kind.CONTACT if file.lower().endswith(".vcf") else Kind.MEDIA


def _caption(text: str) -> str:
    """A caption; the name and size of a document are none."""
    text = text.strip(" \n" + MARKS)
    return "" if _FILE_NAME.fullmatch(text) else text
