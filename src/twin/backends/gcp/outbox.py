"""An outbox before BigQuery: what is saved is safe in the web app's own database and goes on from there.

BigQuery takes a second for a row and may be away for an hour; a sign-up or a status change must neither wait for it
nor be lost. Rows keep the time at which they were saved, so that it does not matter when and how often they arrive.
"""

import random
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import JSON, BigInteger, Column, Integer, MetaData, Table, Text, delete, insert, or_, select, text

from twin.backends.local.database import Database, Instant
from twin.domain.ports import RecordStore
from twin.domain.runs import Run, RunState, Stage
from twin.domain.twins import Twin, User
from twin.errors import BusyError, NotFoundError, UnavailableError

BATCH = 500
PAUSE_S = 30.0
"""About how long to wait before trying again when BigQuery does not answer."""

OUTBOX = Table(
    "outbox",
    MetaData(),
    Column("number", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("record", JSON, nullable=False),
    Column("id", Text, nullable=False),
    Column("of", Text, nullable=False),
    Column("saved_at", Instant, nullable=False),
    sqlite_autoincrement=True,
)
"""`of` is whose record it is: a twin's owner, a run's twin, a user themselves."""


class Destination(RecordStore, Protocol):
    """A record store that takes many records at once, each with the time at which it became true."""

    def stamp(self) -> datetime: ...

    def save_all(self, records: Sequence[tuple[User | Twin | Run, datetime]]) -> None: ...


class OutboxRecordStore:
    """The record store of the web app in the cloud. What is read counts what has not arrived yet."""

    def __init__(self, database: Database, destination: Destination) -> None:
        self._database = database
        self._destination = destination
        self._wake = threading.Event()
        with database.write() as connection:
            if connection.dialect.name == "postgresql":  # of several processes that start, one makes the table
                connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('outbox'))"))
            OUTBOX.create(connection, checkfirst=True)

    def save(self, record: User | Twin | Run) -> None:
        row = {
            "kind": type(record).__name__,
            "record": _json(record),
            "id": record.id,
            "of": record.twin_id if isinstance(record, Run) else getattr(record, "owner", record.id),
            "saved_at": self._destination.stamp(),
        }
        with self._database.write() as connection:
            connection.execute(insert(OUTBOX).values(row))
        self._wake.set()

    def deliver(self) -> int:
        """Send everything that waits; how many records. Raises UnavailableError, and then nothing is lost."""
        sent = 0
        while rows := self._waiting():
            self._destination.save_all([(_record(row), row["saved_at"]) for row in rows])
            # A crash in between sends them again: the same row twice is the same row.
            with self._database.write() as connection:
                connection.execute(delete(OUTBOX).where(OUTBOX.c.number.in_([row["number"] for row in rows])))
            sent += len(rows)
        return sent

    def deliver_until(self, stop: threading.Event, *, pause_s: Callable[[], float] | None = None) -> None:
        """Send whatever comes until `stop` is set: the work of one thread."""
        pause = pause_s or (lambda: random.uniform(PAUSE_S / 2, PAUSE_S * 1.5))  # noqa: S311  jitter, not a secret
        while not stop.is_set():
            self._wake.clear()
            with suppress(UnavailableError, BusyError):
                self.deliver()
            self._wake.wait(pause())

    def twins(self, owner: str) -> list[Twin]:
        twins = {twin.id: twin for twin in self._destination.twins(owner)}
        for row in self._waiting(OUTBOX.c.kind == "Twin", OUTBOX.c.of == owner):
            twins[row["id"]] = _record(row)
        return sorted(twins.values(), key=lambda twin: (twin.created_at, twin.id))

    def twin(self, twin_id: str) -> Twin:
        if waiting := self._waiting(OUTBOX.c.kind == "Twin", OUTBOX.c.id == twin_id):
            return _record(waiting[-1])
        return self._destination.twin(twin_id)

    def runs(self, twin_id: str) -> list[Run]:
        runs = {run.id: run for run in self._destination.runs(twin_id)}
        for row in self._waiting(OUTBOX.c.kind == "Run", OUTBOX.c.of == twin_id):
            runs[row["id"]] = _later(runs.get(row["id"]), _record(row))
        return sorted(runs.values(), key=lambda run: (run.created_at, run.id))

    def run(self, run_id: str) -> Run:
        waiting = self._waiting(OUTBOX.c.kind == "Run", OUTBOX.c.id == run_id)
        try:
            arrived = self._destination.run(run_id)
        except NotFoundError:
            if not waiting:
                raise
            arrived = None
        return _later(arrived, _record(waiting[-1])) if waiting else arrived  # pyright: ignore[reportReturnType]

    def forget(self, *, twin_id: str | None = None, user_id: str | None = None) -> None:
        twins = [twin.id for twin in self.twins(user_id)] if user_id else []
        twins += [twin_id] if twin_id else []
        about_twins = OUTBOX.c.kind.in_(["Twin", "Run"]) & (OUTBOX.c.id.in_(twins) | OUTBOX.c.of.in_(twins))
        about_user = (OUTBOX.c.kind == "User") & (OUTBOX.c.id == user_id)
        with self._database.write() as connection:
            connection.execute(delete(OUTBOX).where(or_(about_twins, about_user)))
        self._database.scrub()
        for one in twins:
            self._destination.forget(twin_id=one)
        if user_id:
            self._destination.forget(user_id=user_id)

    def _waiting(self, *which: Any) -> list[Any]:
        with self._database.read() as connection:
            query = select(OUTBOX).where(*which).order_by(OUTBOX.c.number).limit(BATCH)
            return [dict(row) for row in connection.execute(query).mappings()]


def _later(arrived: Run | None, waiting: Run) -> Run:
    """The stages write to BigQuery themselves, so what has arrived may be newer than what waits here."""
    return arrived if arrived and arrived.updated_at > waiting.updated_at else waiting


def _json(record: User | Twin | Run) -> dict[str, Any]:
    row = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(record).items()}
    row.pop("email", None)
    return row


def _record(row: dict[str, Any]) -> Any:
    values: dict[str, Any] = {**row["record"]}
    for name in ("created_at", "updated_at"):
        if name in values:
            values[name] = datetime.fromisoformat(values[name])
    if row["kind"] == "User":
        return User(**values, email="")
    if row["kind"] == "Twin":
        values["speakers"] = tuple(values["speakers"])
        return Twin(**values)
    values["state"] = RunState(values["state"])
    values["stage"] = None if values["stage"] is None else Stage(values["stage"])
    return Run(**values)
