"""The records of the web app in the cloud: its own database, from which everything goes on to BigQuery.

BigQuery takes a second for a row or a question and may be away for an hour; neither a page nor a sign-up must wait for
it, and no status may be lost. So what is saved stands in the database and in its outbox, rows keep the time at which
they were saved, and it does not matter when and how often they arrive. The stages write to BigQuery themselves: while
a twin has a run that is not over, it is asked for news.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import JSON, BigInteger, Column, Integer, MetaData, Table, Text, delete, insert, or_, select, text

from twin.backends.local.database import Database, Instant
from twin.backends.local.records import SqlRecordStore
from twin.domain.ports import RecordStore
from twin.domain.runs import Run, RunState, Stage
from twin.domain.twins import TRAINS_BY_INBOX, Twin, User
from twin.errors import BusyError, NotFoundError, TwinError, UnavailableError

log = logging.getLogger(__name__)

BATCH = 500
PAUSE_S = 30.0
"""About how long to wait before trying again when BigQuery does not answer."""

FORGOTTEN = "Forgotten"
"""The kind of a row that says that a twin was deleted; the others are records."""

ASK_S = 3.0
"""The pause between two questions to BigQuery about the same twin."""

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
    """A record store that answers from `database` and tells `destination` everything."""

    def __init__(
        self,
        database: Database,
        destination: Destination,
        *,
        news: RecordStore | None = None,
        sign_up: Callable[[User], None] | None = None,
        forgotten: Callable[[str, datetime], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            news: the same records for those who do not wait long, i.e. pages; None asks the destination.
            sign_up: tells of a new user whoever records them then; None writes them to the destination.
            forgotten: tells that a twin was deleted, and when; None tells nobody.
            clock: seconds, for the pauses between questions.
        """
        self._database = database
        self._news = news or destination
        self._sign_up = sign_up
        self._forgotten = forgotten
        self._local = SqlRecordStore(database)
        self._destination = destination
        self._clock = clock
        self._asked: dict[str, float] = {}
        self._away_until = float("-inf")
        self._lock = threading.Lock()
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
        self._local.save(record)
        self._wake.set()

    def deliver(self) -> int:
        """Send everything that waits; how many records. Raises UnavailableError, and then nothing is lost."""
        sent = 0
        while rows := self._waiting():
            told = [row for row in rows if row["kind"] == FORGOTTEN or (row["kind"] == "User" and self._sign_up)]
            direct = [row for row in rows if row not in told]
            self._destination.save_all([(_record(row), row["saved_at"]) for row in direct])
            self._sent(direct)
            for row in told:
                self._tell(row)
                self._sent([row])
            sent += len(rows)
        return sent

    def deliver_until(self, stop: threading.Event, *, pause_s: Callable[[], float] | None = None) -> None:
        """Send whatever comes until `stop` is set: the work of one thread."""
        pause = pause_s or (lambda: random.uniform(PAUSE_S / 2, PAUSE_S * 1.5))  # noqa: S311  jitter, not a secret
        while not stop.is_set():
            self._wake.clear()
            try:
                self.deliver()
            except (UnavailableError, BusyError):
                pass
            except TwinError as error:  # a right that is missing, say: once it is there, what waits goes out
                log.warning("Records wait for BigQuery: %s", error)
            self._wait(stop, pause())

    def twins(self, owner: str) -> list[Twin]:
        for twin in self._local.twins(owner):
            self._ask_for_news(twin)
        return self._local.twins(owner)

    def twin(self, twin_id: str) -> Twin:
        self._ask_for_news(self._local.twin(twin_id))
        return self._local.twin(twin_id)

    def runs(self, twin_id: str) -> list[Run]:
        with suppress(NotFoundError):
            self._ask_for_news(self._local.twin(twin_id))
        return self._local.runs(twin_id)

    def run(self, run_id: str) -> Run:
        with suppress(NotFoundError):
            self._ask_for_news(self._local.twin(self._local.run(run_id).twin_id))
        return self._local.run(run_id)

    def forget(self, *, twin_id: str | None = None, user_id: str | None = None) -> None:
        twins = [twin.id for twin in self._local.twins(user_id)] if user_id else []
        twins += [twin_id] if twin_id else []
        about_twins = OUTBOX.c.kind.in_(["Twin", "Run"]) & (OUTBOX.c.id.in_(twins) | OUTBOX.c.of.in_(twins))
        about_user = (OUTBOX.c.kind == "User") & (OUTBOX.c.id == user_id)
        with self._database.write() as connection:
            connection.execute(delete(OUTBOX).where(or_(about_twins, about_user)))
        # Where BigQuery does not answer, the twin is still here, and can be deleted again.
        self._destination.forget(twin_id=twin_id, user_id=user_id)
        self._local.forget(twin_id=twin_id, user_id=user_id)
        if self._forgotten and twins:
            at = self._destination.stamp()
            gone = [{"kind": FORGOTTEN, "record": {}, "id": one, "of": one, "saved_at": at} for one in twins]
            with self._database.write() as connection:
                connection.execute(insert(OUTBOX), gone)
            self._wake.set()

    def _tell(self, row: dict[str, Any]) -> None:
        if row["kind"] == FORGOTTEN and self._forgotten:
            self._forgotten(row["id"], row["saved_at"])
        elif row["kind"] == "User" and self._sign_up:
            self._sign_up(_record(row))

    def _wait(self, stop: threading.Event, seconds: float) -> None:
        """Until something is saved, the pause is over, or it is time to stop."""
        until = time.monotonic() + seconds
        while not stop.is_set() and not self._wake.wait(min(0.5, max(0.0, until - time.monotonic()))):
            if time.monotonic() >= until:
                return

    def _ask_for_news(self, twin: Twin) -> None:
        """Take over what the stages wrote about a twin; keep what is known where BigQuery does not answer."""
        known = {run.id: run for run in self._local.runs(twin.id)}
        if all(run.state.final for run in known.values()) and twin.options.get(TRAINS_BY_INBOX) != "yes":
            return
        with self._lock:
            now = self._clock()
            if now < max(self._away_until, self._asked.get(twin.id, float("-inf")) + ASK_S):
                return
            self._asked[twin.id] = now
        try:
            news = [
                run
                for run in self._news.runs(twin.id)
                if run.id not in known or run.updated_at > known[run.id].updated_at
            ]
            there = self._news.twin(twin.id) if any(run.state is RunState.DONE for run in news) else None
            here = self._local.twin(twin.id)  # renamed, or deleted, while we asked
            if there:
                self._local.save(replace(here, run_id=there.run_id, options={**here.options, **there.options}))
            for run in news:
                self._local.save(run)
        except NotFoundError:
            pass
        except (UnavailableError, BusyError):
            self._away_until = self._clock() + PAUSE_S  # one page waited in vain; the next ones need not

    def _waiting(self) -> list[Any]:
        with self._database.read() as connection:
            query = select(OUTBOX).order_by(OUTBOX.c.number).limit(BATCH)
            return [dict(row) for row in connection.execute(query).mappings()]

    def _sent(self, rows: Sequence[Any]) -> None:
        # A crash before this sends them again: the same row twice is the same row.
        with self._database.write() as connection:
            connection.execute(delete(OUTBOX).where(OUTBOX.c.number.in_([row["number"] for row in rows])))


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
