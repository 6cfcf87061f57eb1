"""Corrections: what an owner would have said instead of what the twin said."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from twin.backends.local.database import Database
from twin.web.store.tables import CORRECTIONS


@dataclass(frozen=True, slots=True)
class Correction:
    """Instead of a reply.

    Attributes:
        message_id: the reply.
        turns: the conversation before it: `{"role", "name", "messages"}`.
        used_at: when a training took it in; None while it waits.
    """

    message_id: str
    twin_id: str
    turns: list[dict[str, Any]]
    text: str
    created_at: datetime
    used_at: datetime | None = None


class Corrections:
    """Corrections in a database; the newest of a reply counts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, correction: Correction) -> None:
        values = {name: getattr(correction, name) for name in Correction.__slots__}
        with self._database.write() as connection:
            connection.execute(delete(CORRECTIONS).where(CORRECTIONS.c.message_id == correction.message_id))
            connection.execute(insert(CORRECTIONS).values(values))

    def of_twin(self, twin_id: str) -> list[Correction]:
        """Oldest first."""
        query = select(CORRECTIONS).where(CORRECTIONS.c.twin_id == twin_id).order_by(CORRECTIONS.c.created_at)
        with self._database.read() as connection:
            return [Correction(*row) for row in connection.execute(query)]

    def texts(self, twin_id: str) -> dict[str, str]:
        """What was said instead, by the id of the reply."""
        return {one.message_id: one.text for one in self.of_twin(twin_id)}

    def waiting(self, twin_id: str) -> int:
        """How many no training has taken in yet."""
        query = select(func.count()).where(CORRECTIONS.c.twin_id == twin_id, CORRECTIONS.c.used_at.is_(None))
        with self._database.read() as connection:
            return connection.execute(query).scalar_one()

    def use(self, twin_id: str, *, of: datetime) -> None:
        """Note that a training takes in all that waited at a time."""
        waiting = (CORRECTIONS.c.twin_id == twin_id) & CORRECTIONS.c.used_at.is_(None)
        with self._database.write() as connection:
            connection.execute(update(CORRECTIONS).where(waiting, CORRECTIONS.c.created_at <= of).values(used_at=of))
