"""SQL databases: SQLite in a file, or PostgreSQL. Connects, migrates, and says in a sentence what fails.

The record store uses it, and so may whoever else keeps tables in the same database: each keeps its own migrations
under its own version table.
"""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, DateTime, Dialect, Engine, TypeDecorator, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError, OperationalError

from twin.errors import SettingsError, UnavailableError

KEPT = ".before-"
"""Stands in the name of a copy of an SQLite database between its own name and what it was before."""

WAIT_S = 60
"""How long a write waits for another process to let go of the database."""


class Instant(TypeDecorator[datetime]):
    """An aware time, kept in UTC; SQLite itself has no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        if value is not None and value.tzinfo is None:
            raise ValueError(f"a time without a zone: {value}")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """A database at an address: `sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/NAME`."""

    def __init__(self, address: str) -> None:
        try:
            url = make_url(address)
        except ArgumentError as error:
            raise SettingsError(
                "The database address is not of the form sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME."
            ) from error
        self.place = url.render_as_string(hide_password=True)
        with self._sentence():
            self._engine = _sqlite(url) if url.get_backend_name() == "sqlite" else _postgres(url, self.place)

    @contextmanager
    def read(self) -> Generator[Connection]:
        """A transaction that sees one state of the database. Raises UnavailableError."""
        with self._sentence(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Generator[Connection]:
        """A transaction that is committed as a whole. Raises UnavailableError."""
        with self._sentence(), self._engine.execution_options(twin_writes=True).begin() as connection:
            yield connection

    def migrate(self, folder: Path, *, head: str, version_table: str) -> None:
        """Bring the tables of Alembic's `folder` to revision `head`; one process at a time, whole or not at all."""
        with self.read() as connection:
            now = _revision(connection, version_table)
        if now == head:
            return
        if now is not None:
            self._keep(f"{version_table}-{now}")
        from alembic import command  # noqa: PLC0415  0.3 s, needed once in an installation's life
        from alembic.config import Config  # noqa: PLC0415
        from alembic.util import CommandError  # noqa: PLC0415

        with self.write() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": version_table})
            if _revision(connection, version_table) != head:
                config = Config()
                config.set_main_option("script_location", str(folder).replace("%", "%%"))
                config.attributes.update(connection=connection, version_table=version_table)
                try:
                    command.upgrade(config, head)
                except CommandError as error:
                    raise SettingsError(
                        f"The database {self.place} was made by a newer twin. Install that version again."
                    ) from error

    def _keep(self, name: str) -> None:
        """Keep an SQLite database as it is before its tables change; until something is deleted from it."""
        file = self._engine.url.database
        if self._engine.dialect.name != "sqlite" or not file:
            return
        kept = Path(f"{file}{KEPT}{name}")
        part = kept.with_name(f"{kept.name}.part")
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        connection = self._engine.raw_connection()
        try:
            connection.cursor().execute("VACUUM INTO ?", (str(part),))
        except sqlite3.Error as error:
            part.unlink()
            raise UnavailableError(
                f"The database {self.place} cannot be copied before it is brought up to date ({error}). Make room for "
                "a copy of it."
            ) from error
        finally:
            connection.close()
        part.replace(kept)

    def scrub(self) -> None:
        """Make what was deleted unreadable in the files too, copies from before an upgrade included."""
        if self._engine.dialect.name == "sqlite":
            if file := self._engine.url.database:
                for kept in Path(file).parent.glob(f"{Path(file).name}{KEPT}*"):
                    kept.unlink(missing_ok=True)
            # secure_delete has overwritten it in the database; the journal still holds old pages.
            with self._sentence(), self._engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _sentence(self) -> Generator[None]:
        try:
            yield
        except (DBAPIError, OSError) as error:
            # SQLite's plain DatabaseError is a file that is no database. All others are faults of ours.
            broken = isinstance(error, DBAPIError) and type(error.orig) is sqlite3.DatabaseError
            if not broken and not isinstance(error, OperationalError | InterfaceError | OSError):
                raise
            reason = str(error.orig if isinstance(error, DBAPIError) else error).splitlines()[0]
            if broken:
                raise UnavailableError(
                    f"{self.place} is no database of twin's ({reason}). Give another address with TWIN_RECORDS, or put a "
                    "backup in its place."
                ) from error
            raise UnavailableError(
                f"The database {self.place} does not answer ({reason}). See that it runs, that its disk is not full, "
                "and that TWIN_RECORDS is its address."
            ) from error


def _sqlite(url: URL) -> Engine:
    if url.database:
        path = Path(url.database)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
    # Connections beyond the pool's size are closed after each use, and a new one costs as much as a page.
    engine = create_engine(url.set(drivername="sqlite+pysqlite"), connect_args={"timeout": WAIT_S}, pool_size=32)

    def prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself: `begin` below does
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        connection.create_function("lower", 1, _lower, deterministic=True)  # SQLite's own knows ASCII only

    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes later could not wait for another writer.
        if connection.get_execution_options().get("twin_writes"):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:  # waits for nobody, so it needs nothing of what SQLAlchemy does around a statement
            connection.connection.cursor().execute("BEGIN")

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", begin)
    return engine


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _postgres(url: URL, place: str) -> Engine:
    if url.get_backend_name() != "postgresql":
        raise SettingsError(f"No database of twin is at {place}: the address begins with sqlite:/// or postgresql://.")
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+pg8000")
    try:
        return create_engine(url, pool_pre_ping=True, connect_args={"timeout": WAIT_S})
    except (ImportError, NoSuchModuleError) as error:
        raise SettingsError(f"{place} needs a driver that is not installed: pip install 'twin[postgres]'.") from error


def _revision(connection: Connection, version_table: str) -> str | None:
    if not inspect(connection).has_table(version_table):
        return None
    return connection.execute(text(f"SELECT version_num FROM {version_table}")).scalar()  # noqa: S608  a constant of ours
