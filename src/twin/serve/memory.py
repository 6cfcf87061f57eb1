"""What the owner said before: past exchanges, found by their words, dated, put before a conversation.

One SQLite file for each twin holds the owner's own sentences and what they answered to, nothing else. It is
written from redacted conversations, so that other people stand in it under their pseudonyms only.
"""

import json
import os
import sqlite3
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import regex

from twin.base.template import Transcript
from twin.domain.examples import Role, Turn
from twin.domain.messages import Conversation, Message
from twin.errors import DataError, NotFoundError

_HEARD = 3
"""Messages of others that an exchange keeps at most: the last ones before the owner's."""
_LONGEST = 400
"""Characters of an exchange on each side; the rest of a long one is left out."""
_TERMS = 12
"""Words of a question that are looked for: the rarest."""
_COMMON = 0.05
"""A word in more than this share of the exchanges says nothing about what is meant."""
_WEAK = 0.5
"""What fits less than this share as well as the best is left out."""

_WITHOUT_SPACES = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
_UNSPACED = regex.compile(_WITHOUT_SPACES)
_WORD = regex.compile(rf"{_WITHOUT_SPACES}+|[[\p{{L}}\p{{M}}\p{{N}}]--{_WITHOUT_SPACES}]+", regex.V1)
_SCHEMA = """
CREATE TABLE exchanges (id INTEGER PRIMARY KEY, at TEXT, moment REAL, heard TEXT NOT NULL, said TEXT NOT NULL);
CREATE VIRTUAL TABLE words USING fts5(heard, said, content='', tokenize="unicode61 categories 'L* M* N* Co'");
CREATE VIRTUAL TABLE frequencies USING fts5vocab(words, 'row');
"""


class Heard(NamedTuple):
    """A message of somebody else: under which (redacted) name, and the text."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the owner once said, to what, and when (None where the source has no times)."""

    at: datetime | None
    heard: tuple[Heard, ...]
    said: tuple[str, ...]

    def lines(self, speaker: str, *, dated: bool = True) -> str:
        """As a `Transcript` writes it, below the date."""
        date = f"[{self.at:%Y-%m-%d}]\n" if dated and self.at else ""
        heard = [
            Turn(Role.OTHER, name, tuple(line.text for line in lines))
            for name, lines in groupby(self.heard, key=lambda line: line.name)
        ]
        segments = Transcript().example([*heard, Turn(Role.OWNER, speaker, self.said)])
        return date + "".join(segment.text for segment in segments).strip("\n")


def exchanges(conversations: Iterable[Conversation], *, is_owner: Callable[[Message], bool]) -> Iterator[Exchange]:
    """The owner's exchanges in conversations that are redacted already."""
    for conversation in conversations:
        heard: list[Message] = []
        for own, group in groupby(conversation.messages, key=is_owner):
            messages = list(group)
            if own:
                said = _within([message.text for message in messages])
                last = _within([message.text for message in reversed(heard[-_HEARD:])])[::-1]
                names = [message.sender or "" for message in heard[len(heard) - len(last) :]]
                yield Exchange(messages[0].sent_at, tuple(map(Heard, names, last)), tuple(said))
            heard = messages


def write(path: Path, found: Iterable[Exchange]) -> int:
    """Write a memory, whole or not at all; how many exchanges it holds."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with closing(sqlite3.connect(partial)) as database:
            database.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; {_SCHEMA}")
            count = 0
            for count, exchange in enumerate(found, 1):  # the last one is the number of all
                heard, said = json.dumps(exchange.heard), json.dumps(exchange.said)
                at = exchange.at.isoformat() if exchange.at else None
                database.execute(
                    "INSERT INTO exchanges VALUES (?, ?, ?, ?, ?)", (count, at, _moment(exchange.at), heard, said)
                )
                indexed = (_indexed(line.text for line in exchange.heard), _indexed(exchange.said))
                database.execute("INSERT INTO words (rowid, heard, said) VALUES (?, ?, ?)", (count, *indexed))
            database.commit()
        partial.replace(path)
    except sqlite3.OperationalError as error:
        raise DataError(f"The twin's memory cannot be written ({error}). Free some space on the disk.") from error
    finally:
        partial.unlink(missing_ok=True)
    return count


class Memory:
    """A written memory. Thread-safe; the file may be deleted at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def recall(self, text: str, k: int = 3, *, before: datetime | None = None) -> list[Exchange]:
        """The `k` past exchanges whose words fit best, the best one first; none where only common words fit.

        Args:
            text: what was just said.
            before: only what was said earlier; for judging a twin by conversations that it also remembers.

        Raises:
            NotFoundError: the memory was deleted.
        """
        with closing(self._open()) as database:
            terms = self._telling(database, text)
            if not terms:
                return []
            rows = database.execute(
                "SELECT at, exchanges.heard, exchanges.said, bm25(words) FROM words "
                "JOIN exchanges ON exchanges.id = words.rowid "
                "WHERE words MATCH ? AND (? IS NULL OR moment < ?) ORDER BY bm25(words), exchanges.id DESC LIMIT ?",
                (" OR ".join(f'"{term}"' for term in terms), _moment(before), _moment(before), k),
            )
            scored = [(score, _exchange((at, heard, said))) for at, heard, said, score in rows]
            return [exchange for score, exchange in scored if score <= scored[0][0] * _WEAK]

    def latest(self, k: int, *, before: datetime | None = None) -> list[Exchange]:
        """The `k` newest exchanges in which the owner answered somebody, oldest first. Raises NotFoundError."""
        with closing(self._open()) as database:
            rows = database.execute(
                "SELECT at, heard, said FROM exchanges WHERE heard != '[]' AND (? IS NULL OR moment < ?) "
                "ORDER BY moment DESC, id DESC LIMIT ?",
                (_moment(before), _moment(before), k),
            )
            return [_exchange(row) for row in rows][::-1]

    def _open(self) -> sqlite3.Connection:
        try:
            return sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        except sqlite3.OperationalError:
            raise NotFoundError("The twin's memory is not there any more. Prepare the twin again.") from None

    def _telling(self, database: sqlite3.Connection, text: str) -> list[str]:
        terms = list(dict.fromkeys(_terms(text)))
        marks = ",".join("?" * len(terms))
        (count,) = database.execute("SELECT count(*) FROM exchanges").fetchone()
        rows = database.execute(f"SELECT term, doc FROM frequencies WHERE term IN ({marks})", terms)  # noqa: S608  question marks only
        rare = [(doc, term) for term, doc in rows if doc <= max(3, _COMMON * count)]
        return [term for _, term in sorted(rare)[:_TERMS]]


def opening(found: Sequence[Exchange], *, speaker: str) -> str:
    """Exchanges as they stand before a conversation, the best one last, next to what is being said."""
    return "\n\n".join(exchange.lines(speaker) for exchange in reversed(found))


def _exchange(row: tuple[str | None, str, str]) -> Exchange:
    at, heard, said = row
    lines = tuple(Heard(*line) for line in json.loads(heard))
    return Exchange(datetime.fromisoformat(at) if at else None, lines, tuple(json.loads(said)))


def _within(texts: list[str]) -> list[str]:
    """As many of the first texts as fit, but one in any case, cut where it alone is too long."""
    kept: list[str] = []
    for text in texts:
        if kept and sum(map(len, kept)) + len(text) > _LONGEST:
            break
        kept.append(text[:_LONGEST])
    return kept


def _indexed(texts: Iterable[str]) -> str:
    return " ".join(term for text in texts for term in _terms(text))


def _terms(text: str) -> Iterator[str]:
    """Words without case and accents; scripts that are written without spaces by pairs of letters."""
    plain = "".join(mark for mark in unicodedata.normalize("NFKD", text.casefold()) if not "\u0300" <= mark <= "\u036f")
    for match in _WORD.finditer(unicodedata.normalize("NFC", plain)):
        word = match[0]
        if _UNSPACED.match(word) and len(word) > 2:
            yield from (word[index : index + 2] for index in range(len(word) - 1))
        else:
            yield word


def _moment(at: datetime | None) -> float | None:
    """Seconds since 1970, to order by; a wall clock is read as UTC."""
    return None if at is None else (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
