"""Redaction: third parties' names and identifiers become pseudonyms, consistently for one twin.

The only change ever made to anybody's words; training, memory and corrections all go through here. The same
identifier always becomes the same pseudonym, drawn from the twin's seed and kept in the mapping, so that later runs
agree. The mapping holds the real identifiers: it is as private as the chat, and is stored and deleted with it.
"""

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from random import Random
from typing import Any, Self

import regex

from twin.domain.messages import Message
from twin.errors import DataError
from twin.prepare import identifiers, lexicon, names, numbers, pseudonyms
from twin.prepare.identifiers import Found, Identifier

_MENTION = regex.compile("@\u2068~?\\s?([^\u2069\n]{1,60})\u2069")
_PIECE = regex.compile(r"[\p{L}\p{N}](?:\S*[\p{L}\p{M}\p{N}])?")
"""What one pseudonym stands for: a word of a name, a whole nickname; marks around it stay."""
_VERSION = 2


class Redactor:
    """Replaces third parties' identifiers by pseudonyms.

    Args:
        owners: every name under which the twin's person writes; these stay.
        seed: of the twin; the same seed and the same chat give the same pseudonyms.
        regions: countries whose national phone numbers are likely; `add` also infers them from the chat.
        enabled: False leaves every text as it is. For people who said so explicitly.

    Attributes:
        counts: how many stretches were replaced so far, by kind.
    """

    def __init__(
        self, *, owners: Sequence[str], seed: int = 0, regions: Sequence[str] = (), enabled: bool = True
    ) -> None:
        self.counts: Counter[Identifier] = Counter()
        self._owners = tuple(owners)
        words = {word.lower() for name in owners for word in names.words(names.displayed(name))}
        self._owner_words = words | {names.fold(word) for word in words} | {names.displayed(o).lower() for o in owners}
        self._seed = seed
        self._home = ""
        self._regions = tuple(regions)
        self._enabled = enabled
        self._pseudonyms: dict[Identifier, dict[str, str]] = {kind: {} for kind in Identifier}
        self._people: dict[str, str] = {}
        self._known: list[tuple[str, str]] = []
        self._chats: dict[str, str] = {}
        self._issued: set[str] = set()
        self._taken: set[str] = set()
        self._names = names.Names()
        self._stand_ins: dict[str, str] = {}

    @classmethod
    def learn(cls, messages: Iterable[Message], owners: Sequence[str], *, seed: int = 0, enabled: bool = True) -> Self:
        """A redactor that knows the names in these messages. Learns from the chat as it is, before any cutting."""
        redactor = cls(owners=owners, seed=seed, enabled=enabled)
        redactor.add(messages)
        return redactor

    def add(self, messages: Iterable[Message]) -> None:
        """Learn the names in more messages; what is known already keeps its pseudonym."""
        habits = names.Habits()
        people: Counter[str] = Counter()
        for message in messages:
            habits.add((message.text,) if message.reply_to is None else (message.text, message.reply_to))
            if message.sender is not None and message.sender_id not in self._owners:
                people[message.sender] += 1
            if "@\u2068" in message.text:
                people.update(_MENTION.findall(message.text))
        for person in self._owners:
            people.pop(person, None)
        self._regions = self._regions or numbers.regions_of(map(names.displayed, people))
        if not self._home:
            self._home = lexicon.home(habits.written)
        self._taken |= {word.lower() for word in (*habits.written, *map(names.displayed, people))} | self._owner_words
        # All get a pseudonym before parts of names do; whole-word senders first: how these are met matters more.
        new = [one for one in sorted(people, key=lambda name: (" " in name, name)) if self._introduce(one)]
        for person in new:
            self._meet(person, habits, people[person])
        for word in sorted(habits.mentioned()):
            if not self._is_owners(word) and word not in self._names:
                self._know(word, names.Where.ANYWHERE)

    def _introduce(self, person: str) -> bool:
        """Give a sender a pseudonym; False for one who has it already, or has no name."""
        name = names.displayed(person)
        if person in self._people or not name:
            return False
        if key := self._contact(name):
            self._people[person] = self._pseudonym(Identifier.NAME, key, "Anna")
            return False
        for index, piece in enumerate(_PIECE.findall(unicodedata.normalize("NFC", name))):
            self._stand_in(piece, surname=index > 0)
        self._people[person] = self._by_pieces(name)
        return True

    def _meet(self, person: str, habits: names.Habits, sent: int) -> None:
        """Learn the whole name of a sender, and those of its words that count as a name by themselves."""
        name = names.displayed(person)
        for chunk in dict.fromkeys((name, *name.split())):  # "Sean O'Brien" is also met as "O'Brien"
            if len(chunk) > 3 and not names.WORD.fullmatch(chunk):
                self._phrase(chunk)
        if names.WORD.fullmatch(name) and not self._is_owners(name) and (where := habits.where(name, sent=sent)):
            self._know(name, where)
        nickname = None if " " in name else _PIECE.search(unicodedata.normalize("NFC", name))
        for part, alone, later in names.parts(name):
            where = None if self._is_owners(part) else habits.where(part, sent=sent, later=later)
            if where and (alone or lexicon.surely_a_name(part) or habits.addressed[part.lower()]):
                if nickname and part.lower() not in self._pseudonyms[Identifier.NAME]:
                    self._stand_ins.setdefault(part.lower(), self._stand_in(nickname[0]))  # one person, however short
                self._know(part, where)

    def _contact(self, name: str) -> str | None:
        """The identifier that a sender without a saved name is shown by."""
        found = identifiers.find(name)
        if len(found) == 1 and found[0].end - found[0].start > 0.8 * len(name):
            return found[0].key if found[0].kind in {Identifier.PHONE, Identifier.EMAIL, Identifier.NUMBER} else None
        return None

    def _know(self, word: str, where: names.Where) -> None:
        """Have a word replaced wherever `where` says, in each of its forms."""
        pseudonym = self._by_pieces(word)
        for form, other in names.forms(word, pseudonym):
            self._names.add_word(form, form.lower(), where)
            self._known.append((form, where))
            if _PIECE.fullmatch(form):
                self._stand_ins.setdefault(form.lower(), other)
        if names.is_unspaced(word) and len(word) in (3, 4):
            given = word[-2:]
            self._stand_ins.setdefault(given, pseudonym[-2:])
            self._names.add_word(given, given, where)
            self._known.append((given, where))

    def _phrase(self, phrase: str) -> None:
        if not all(self._is_owners(word) for word in names.words(phrase)):
            self._names.add_phrase(phrase)
            self._known.append((phrase, ""))

    def _is_owners(self, word: str) -> bool:
        return word.lower() in self._owner_words or names.fold(word) in self._owner_words

    def text(self, text: str) -> str:
        """The text with every identifier of third parties replaced; nothing else is changed."""
        if not self._enabled or not text:
            return text
        found = identifiers.find(text, regions=self._regions)
        named = self._names.find(text)
        if not found and not named:
            return text
        pieces: list[str] = []
        done = 0
        for spot in self._together(found, named):
            stand_in = self._replacement(text[spot.start : spot.end], spot)
            if stand_in != text[spot.start : spot.end]:
                self.counts[spot.kind] += 1
            pieces += (text[done : spot.start], stand_in)
            done = spot.end
        return "".join((*pieces, text[done:]))

    def message(self, message: Message) -> Message:
        """The message with sender, chat, text and quoted text redacted; the owner's name stays."""
        if not self._enabled:
            return message
        sender, sender_id = message.sender, message.sender_id
        if sender is not None and not {sender, sender_id} & set(self._owners):
            if sender not in self._people:
                self.add((message,))
            sender = self._people.get(sender, sender)
            sender_id = None if sender_id is None else sender
        return message._replace(
            sender=sender,
            sender_id=sender_id,
            chat=self._chat(message.chat),
            text=self.text(message.text),
            reply_to=None if message.reply_to is None else self.text(message.reply_to),
        )

    def known(self, text: str) -> int:
        """How many names and other identifiers of this chat's third parties stand in a text; pseudonyms are none."""
        spots = self._together(identifiers.find(text, regions=self._regions), self._names.find(text))
        told = (s for s in spots if s.kind is Identifier.NAME or s.key in self._pseudonyms[s.kind])
        return sum(text[spot.start : spot.end] not in self._issued for spot in told)

    def _chat(self, chat: str) -> str:
        if chat not in self._chats:
            self._chats[chat] = self._people.get(chat) or self.text(chat)
        return self._chats[chat]

    def name(self, sender: str) -> str:
        """What a sender is called in redacted messages."""
        return sender if not self._enabled or sender in self._owners else self._people.get(sender, self.text(sender))

    def _together(self, found: list[Found], named: list[names.Span]) -> list[Found]:
        """Names and other identifiers in order. A name inside a link is part of the link; `@name` is a name."""
        known = {span.start: span for span in named}
        kept: list[Found] = []
        for spot in found:
            if spot.kind is Identifier.ACCOUNT:
                span = known.get(spot.start)
                if (span and span.end >= spot.end) or self._is_owners(spot.key):
                    continue
            kept.append(spot)
        for span in named:
            if all(span.end <= spot.start or span.start >= spot.end for spot in kept):
                kept.append(Found(span.start, span.end, Identifier.NAME, span.name))
        return sorted(kept)

    def _replacement(self, written: str, spot: Found) -> str:
        if spot.kind is Identifier.NAME:
            stretched = len(spot.key) < len(written) and written[-3:].lower() == written[-1].lower() * 3
            return self._by_pieces(spot.key.capitalize() if stretched else written, written)
        if written in self._issued:
            return written
        if spot.kind is Identifier.ACCOUNT and spot.key.isdigit():
            person = self._pseudonyms[Identifier.NAME].get(numbers.phone_key("+" + spot.key) or spot.key)
            if person:
                return person
        return self._pseudonym(spot.kind, spot.key, written)

    def _by_pieces(self, name: str, written: str | None = None) -> str:
        """A name with each of its words replaced; what stands between them stays."""

        def replace(match: "regex.Match[str]") -> str:
            piece = unicodedata.normalize("NFC", match[0])
            if piece.lower() in lexicon.KEPT and name.lower() != piece.lower():
                return piece
            return names.in_case_of(self._stand_in(piece), match[0] if written is None else written)

        return _PIECE.sub(replace, name)

    def _stand_in(self, piece: str, *, surname: bool = False) -> str:
        known = self._stand_ins.get(piece.lower())
        return known or self._pseudonym(Identifier.NAME, piece.lower(), piece, surname=surname)

    def _pseudonym(self, kind: Identifier, key: str, written: str, *, surname: bool = False) -> str:
        """The stand-in for an identifier, invented where there is none yet."""
        known = self._pseudonyms[kind].get(key)
        if known is None:
            chance = Random(f"{self._seed}:{kind}:{key}")  # noqa: S311 -- must be the same in each run

            if kind is Identifier.NAME:
                candidates = pseudonyms.people(written, chance, home=self._home or "en_US", surname=surname)
            else:
                candidates = (pseudonyms.invent(kind, written, chance) for _ in range(100))
            known = pseudonyms.unused(candidates, written, chance, lambda w: w in self._issued or w in self._taken)
            self._pseudonyms[kind][key] = known
            self._issued.add(known.lower())
            self._issued.add(known)
        return known

    def to_json(self) -> str:
        """Everything that later runs need to agree with this one. Private: it holds the real identifiers."""
        return json.dumps(
            {
                "version": _VERSION,
                "owners": self._owners,
                "seed": self._seed,
                "home": self._home,
                "regions": self._regions,
                "pseudonyms": {kind.value: known for kind, known in self._pseudonyms.items() if known},
                "people": self._people,
                "names": sorted(set(self._known)),
                "forms": self._stand_ins,
            },
            ensure_ascii=False,
        )

    @classmethod
    def from_json(cls, text: str, *, enabled: bool = True) -> Self:
        """The redactor that `to_json` described. Raises DataError."""
        try:
            data: dict[str, Any] = json.loads(text)
            if data["version"] != _VERSION:
                raise DataError(
                    f"The redaction mapping has version {data['version']}, not {_VERSION}. Run `prepare` anew."
                )
            redactor = cls(owners=data["owners"], seed=data["seed"], regions=data["regions"], enabled=enabled)
            redactor._home = data["home"]
            redactor._people = data["people"]
            redactor._stand_ins = data["forms"]
            for kind, known in data["pseudonyms"].items():
                redactor._pseudonyms[Identifier(kind)] = known
                redactor._issued |= {stand_in for name in known.values() for stand_in in (name, name.lower())}
            for form, where in data["names"]:
                if where:
                    redactor._names.add_word(form, form.lower(), names.Where(where))
                else:
                    redactor._names.add_phrase(form)
                redactor._known.append((form, where))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError("The redaction mapping is broken. Delete it and run `prepare` anew.") from error
        return redactor
