"""Users, twins and runs in an SQL database. Rows are only ever added; the newest row of an id is how it stands."""

from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
)

from twin.backends.local.database import Database, Instant
from twin.domain.runs import Run, RunState, Stage
from twin.domain.twins import Twin, User
from twin.errors import NotFoundError

MIGRATIONS = Path(__file__).parent / "migrations"
HEAD = "0001"
VERSION_TABLE = "records_version"


def _table(name: str, *columns: Column[Any]) -> Table:
    number = Column("row", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True)
    return Table(name, MetaData(), number, *columns, sqlite_autoincrement=True)


USERS = _table("users", Column("id", Text), Column("email", Text), Column("created_at", Instant))

TWINS = _table(
    "twins",
    Column("id", Text),
    Column("owner", Text),
    Column("name", Text),
    Column("speakers", JSON),
    Column("base", Text),
    Column("created_at", Instant),
    Column("run_id", Text),
    Column("options", JSON),
)

RUNS = _table(
    "runs",
    Column("id", Text),
    Column("twin_id", Text),
    Column("state", Text),
    Column("created_at", Instant),
    Column("updated_at", Instant),
    Column("stage", Text),
    Column("error", Text),
    Column("options", JSON),
    Column("figures", JSON),
)


class SqlRecordStore:
    """A record store in a database; its tables are made or brought up to date when it is opened."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.migrate(MIGRATIONS, head=HEAD, version_table=VERSION_TABLE)

    def save(self, record: User | Twin | Run) -> None:
        table = {User: USERS, Twin: TWINS, Run: RUNS}[type(record)]
        with self._database.write() as connection:
            connection.execute(insert(table).values(asdict(record)))

    def twins(self, owner: str) -> list[Twin]:
        return [_twin(row) for row in self._rows(_newest(TWINS, "owner"), owner)]

    def twin(self, twin_id: str) -> Twin:
        for row in self._rows(_newest(TWINS, "id"), twin_id):
            return _twin(row)
        raise NotFoundError(f"There is no twin with the id {twin_id}.")

    def runs(self, twin_id: str) -> list[Run]:
        return [_run(row) for row in self._rows(_newest(RUNS, "twin_id"), twin_id)]

    def run(self, run_id: str) -> Run:
        for row in self._rows(_newest(RUNS, "id"), run_id):
            return _run(row)
        raise NotFoundError(f"There is no run with the id {run_id}.")

    def forget(self, *, twin_id: str | None = None, user_id: str | None = None) -> None:
        with self._database.write() as connection:
            twins = select(TWINS.c.id).where((TWINS.c.id == twin_id) | (TWINS.c.owner == user_id))
            connection.execute(delete(RUNS).where((RUNS.c.twin_id == twin_id) | RUNS.c.twin_id.in_(twins)))
            connection.execute(delete(TWINS).where((TWINS.c.id == twin_id) | (TWINS.c.owner == user_id)))
            connection.execute(delete(USERS).where(USERS.c.id == user_id))
        self._database.scrub()

    def _rows(self, query: Select[Any], wanted: str) -> list[dict[str, Any]]:
        with self._database.read() as connection:
            return [dict(row) for row in connection.execute(query, {"wanted": wanted}).mappings()]


@cache
def _newest(table: Table, by: str) -> Select[Any]:
    """The newest row of each id that has `wanted` in the column `by`, the id that came first first. Built once."""
    other = table.alias()
    newest = select(func.max(other.c.row)).where(other.c.id == table.c.id).scalar_subquery()
    columns = [column for column in table.c if column.name != "row"]
    found = select(*columns).where(table.c.row == newest, table.c[by] == bindparam("wanted"))
    return found.order_by(table.c.created_at, table.c.id)


def _twin(row: dict[str, Any]) -> Twin:
    row["speakers"] = tuple(row["speakers"])
    return Twin(**row)


def _run(row: dict[str, Any]) -> Run:
    row["state"] = RunState(row["state"])
    row["stage"] = row["stage"] and Stage(row["stage"])
    return Run(**row)
