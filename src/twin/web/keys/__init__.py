"""API keys: each opens one twin, is stored as a hash only, and can be revoked."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Column, Integer, MetaData, Table, Text, delete, insert, select, update

from twin.backends.local.database import Database, Instant
from twin.errors import NotFoundError

MIGRATIONS = Path(__file__).parent / "migrations"
HEAD = "0001"
VERSION_TABLE = "keys_version"

PREFIX = "twin-"
"""What every key begins with, so that people and scanners for secrets recognise it."""

KEYS = Table(
    "api_keys",
    MetaData(),
    Column("id", Text, primary_key=True),
    Column("twin_id", Text, nullable=False, index=True),
    Column("label", Text, nullable=False),
    Column("digest", Text, nullable=False, unique=True),
    Column("per_minute", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)


@dataclass(frozen=True, slots=True)
class Key:
    """A key to one twin, without its secret.

    Attributes:
        label: what its owner calls it.
        per_minute: requests that it may make in a minute.
        revoked_at: since when it opens nothing any more; None while it does.
    """

    id: str
    twin_id: str
    label: str
    per_minute: int
    created_at: datetime
    revoked_at: datetime | None


class Keys:
    """API keys in a database; their table is made or brought up to date when it is opened."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.migrate(MIGRATIONS, head=HEAD, version_table=VERSION_TABLE)

    def make(self, twin_id: str, *, label: str, now: datetime, per_minute: int = 60) -> tuple[Key, str]:
        """A new key and its secret, which is shown this once and never stored."""
        secret = PREFIX + secrets.token_urlsafe(32)
        key = Key(uuid4().hex, twin_id, label, per_minute, now, None)
        values = {name: getattr(key, name) for name in Key.__slots__}
        with self._database.write() as connection:
            connection.execute(insert(KEYS).values(**values, digest=_digest(secret)))
        return key, secret

    def find(self, secret: str) -> Key | None:
        """The key of a secret; None where there is none or it is revoked."""
        with self._database.read() as connection:
            row = connection.execute(_KEY.where(KEYS.c.digest == _digest(secret), KEYS.c.revoked_at.is_(None))).first()
        return Key(*row) if row else None

    def listed(self, twin_id: str) -> list[Key]:
        """A twin's keys, oldest first, revoked ones among them."""
        with self._database.read() as connection:
            rows = connection.execute(_KEY.where(KEYS.c.twin_id == twin_id).order_by(KEYS.c.created_at)).all()
        return [Key(*row) for row in rows]

    def revoke(self, key_id: str, *, twin_id: str, now: datetime) -> None:
        """Make a key of this twin useless at once. Raises NotFoundError where the twin has no such key."""
        mine = (KEYS.c.id == key_id) & (KEYS.c.twin_id == twin_id)
        with self._database.write() as connection:
            if not connection.execute(update(KEYS).where(mine).values(revoked_at=now)).rowcount:
                raise NotFoundError("There is no such key. It may have been removed with its twin.")

    def forget(self, twin_id: str) -> None:
        """Remove every key of a twin."""
        with self._database.write() as connection:
            connection.execute(delete(KEYS).where(KEYS.c.twin_id == twin_id))
        self._database.scrub()


_KEY = select(*(KEYS.c[name] for name in Key.__slots__))


def _digest(secret: str) -> str:
    # The secret is 256 random bits: nobody can try them all, so no slow hash is needed.
    return hashlib.sha256(secret.encode()).hexdigest()
