"""Links to others: shares to chat through, and blind tests to be fooled by."""

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, insert, select, update

from twin.backends.local.database import Database
from twin.web.store.tables import BLIND_TESTS, PICKS, SHARES


@dataclass(frozen=True, slots=True)
class Share:
    """A link through which others may chat with a twin, for `replies` replies in all."""

    token: str
    twin_id: str
    created_at: datetime
    expires_at: datetime
    replies: int
    used: int

    def open(self, now: datetime) -> bool:
        return now < self.expires_at and self.used < self.replies


class TestState(StrEnum):
    """Where a blind test stands."""

    __test__ = False  # for pytest, which takes every Test… for its own

    MAKING = "making"
    REVIEW = "review"
    OPEN = "open"
    CLOSED = "closed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class BlindTest:
    """A link where others tell real replies from the twin's.

    Attributes:
        items: `{"said": […], "real": […], "twin": […], "twin_first": bool}`: messages of each.
    """

    token: str
    twin_id: str
    state: TestState
    reason: str | None
    items: list[dict[str, Any]]
    created_at: datetime


class Invitations:
    """Shares and blind tests in a database. Tokens are secrets: who has one may use it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def share(self, twin_id: str, *, replies: int, expires_at: datetime, now: datetime) -> Share:
        share = Share(secrets.token_urlsafe(24), twin_id, now, expires_at, replies, 0)
        with self._database.write() as connection:
            connection.execute(insert(SHARES).values({name: getattr(share, name) for name in Share.__slots__}))
        return share

    def get_share(self, token: str) -> Share | None:
        with self._database.read() as connection:
            row = connection.execute(select(SHARES).where(SHARES.c.token == token)).first()
        return Share(*row) if row else None

    def shares(self, twin_id: str) -> list[Share]:
        query = select(SHARES).where(SHARES.c.twin_id == twin_id).order_by(SHARES.c.created_at)
        with self._database.read() as connection:
            return [Share(*row) for row in connection.execute(query)]

    def use(self, token: str) -> bool:
        """Count one reply; False where none is left."""
        left = (SHARES.c.token == token) & (SHARES.c.used < SHARES.c.replies)
        with self._database.write() as connection:
            return bool(connection.execute(update(SHARES).where(left).values(used=SHARES.c.used + 1)).rowcount)

    def end_share(self, token: str) -> None:
        with self._database.write() as connection:
            connection.execute(delete(SHARES).where(SHARES.c.token == token))

    def begin_test(self, twin_id: str, *, now: datetime) -> BlindTest:
        test = BlindTest(secrets.token_urlsafe(24), twin_id, TestState.MAKING, None, [], now)
        with self._database.write() as connection:
            connection.execute(insert(BLIND_TESTS).values({name: getattr(test, name) for name in BlindTest.__slots__}))
        return test

    def get_test(self, token: str) -> BlindTest | None:
        found = self._tests(BLIND_TESTS.c.token == token)
        return found[0] if found else None

    def tests(self, twin_id: str) -> list[BlindTest]:
        """Oldest first."""
        return self._tests(BLIND_TESTS.c.twin_id == twin_id)

    def unfinished(self) -> list[BlindTest]:
        return self._tests(BLIND_TESTS.c.state == TestState.MAKING)

    def set_test(
        self, token: str, state: TestState, *, items: list[dict[str, Any]] | None = None, reason: str | None = None
    ) -> None:
        values = {"state": state, "reason": reason} | ({} if items is None else {"items": items})
        with self._database.write() as connection:
            connection.execute(update(BLIND_TESTS).where(BLIND_TESTS.c.token == token).values(values))

    def delete_tests(self, tokens: Sequence[str]) -> None:
        with self._database.write() as connection:
            connection.execute(delete(PICKS).where(PICKS.c.token.in_(tokens)))
            connection.execute(delete(BLIND_TESTS).where(BLIND_TESTS.c.token.in_(tokens)))

    def pick(self, token: str, fooled: dict[int, bool]) -> None:
        """Keep what somebody picked: by item, whether they took the twin for the person."""
        rows = [{"token": token, "item": item, "fooled": wrong} for item, wrong in fooled.items()]
        with self._database.write() as connection:
            connection.execute(insert(PICKS), rows)

    def picks(self, token: str) -> Counter[bool]:
        """How often people were fooled (True) and were not."""
        with self._database.read() as connection:
            return Counter(connection.execute(select(PICKS.c.fooled).where(PICKS.c.token == token)).scalars())

    def _tests(self, where: Any) -> list[BlindTest]:
        with self._database.read() as connection:
            rows = connection.execute(select(BLIND_TESTS).where(where).order_by(BLIND_TESTS.c.created_at)).mappings()
            return [_test(dict(row)) for row in rows]


def _test(row: dict[str, Any]) -> BlindTest:
    row["state"] = TestState(row["state"])
    return BlindTest(**row)
