"""The SQL record store, where it is more than the contract."""

import os
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, text

from twin.backends.local import records
from twin.backends.local.database import Database
from twin.backends.local.records import SqlRecordStore
from twin.domain.runs import Run, RunState
from twin.domain.twins import Twin
from twin.errors import SettingsError, UnavailableError

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
TWIN = Twin(id="t1", owner="u1", name="Zaphodine", speakers=("Quillfeather",), base="b", created_at=NOON)


@pytest.fixture
def address(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/deep/twin.db"


def test_the_file_is_for_its_owner_only(address: str, tmp_path: Path) -> None:
    SqlRecordStore(Database(address)).save(TWIN)
    assert (tmp_path / "deep").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "deep/twin.db").stat().st_mode & 0o777 == 0o600


def test_forgotten_names_are_in_no_file(address: str, tmp_path: Path) -> None:
    database = Database(address)
    store = SqlRecordStore(database)
    for number in range(50):
        store.save(replace(TWIN, id=f"t{number}"))
        store.save(replace(TWIN, id=f"t{number}", name="Other" * 400))

    def found() -> bool:
        files = [path.read_bytes() for path in (tmp_path / "deep").iterdir()]
        return any(b"Zaphodine" in content or b"Quillfeather" in content for content in files)

    assert found()
    store.forget(user_id="u1")
    assert not found()


def test_the_constants_agree_with_the_migrations(address: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(records.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [records.HEAD]
    database = Database(address)
    SqlRecordStore(database)
    ours = MetaData()
    for table in (records.USERS, records.TWINS, records.RUNS):
        table.to_metadata(ours)
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": records.VERSION_TABLE})
        # Indexes and NOT NULL stand in the migration alone: reading and writing need neither.
        differences = [entry for entry in compare_metadata(context, ours) if isinstance(entry, tuple)]
    assert [entry[0] for entry in differences if entry[0] != "remove_index"] == []


def test_many_processes_open_a_new_installation_at_once(address: str) -> None:
    script = (
        "import sys; from twin.backends.local.database import Database\n"
        "from twin.backends.local.records import SqlRecordStore\n"
        "SqlRecordStore(Database(sys.argv[1]))\n"
    )
    children = [subprocess.Popen([sys.executable, "-c", script, address]) for _ in range(3)]
    assert [child.wait() for child in children] == [0, 0, 0]


def test_many_threads_save_at_once(address: str) -> None:
    store = SqlRecordStore(Database(address))
    run = Run(id="r", twin_id="t1", state=RunState.RUNNING, created_at=NOON, updated_at=NOON)
    threads = [
        threading.Thread(target=lambda name=name: [store.save(replace(run, id=f"{name}-{i}")) for i in range(20)])
        for name in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.runs("t1")) == 80


def test_a_write_waits_for_another_writer(address: str) -> None:
    store, other = SqlRecordStore(Database(address)), Database(address)
    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        with other.write() as connection:
            connection.execute(text("DELETE FROM runs"))
            holding.set()
            done.wait(0.3)

    thread = threading.Thread(target=hold)
    thread.start()
    holding.wait()
    store.save(TWIN)
    thread.join()
    assert store.twins("u1") == [TWIN]


def test_a_failed_migration_leaves_nothing(address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "migrations"
    (broken / "versions").mkdir(parents=True)
    (broken / "env.py").write_text((records.MIGRATIONS / "env.py").read_text("utf-8"), "utf-8")
    (broken / "versions" / "0001_broken.py").write_text(
        "from alembic import op\nimport sqlalchemy as sa\nrevision = '0001'\ndown_revision = None\n"
        "def upgrade():\n    op.create_table('users', sa.Column('id', sa.Text))\n    raise RuntimeError('killed')\n",
        "utf-8",
    )
    monkeypatch.setattr(records, "MIGRATIONS", broken)
    with pytest.raises(RuntimeError, match="killed"):
        SqlRecordStore(Database(address))
    monkeypatch.undo()
    SqlRecordStore(Database(address)).save(TWIN)


@pytest.mark.parametrize("address", ["nonsense", "mysql://u:secret@h/d", "postgresql+nodriver://u:secret@h/d"])
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Database(address)
    assert "secret" not in str(caught.value)


def test_a_database_that_does_not_answer_is_one_sentence() -> None:
    with pytest.raises(UnavailableError, match="does not answer") as caught:
        SqlRecordStore(Database("postgresql://u:secret@127.0.0.1:1/d"))
    assert "secret" not in str(caught.value)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match=os.fspath(tmp_path)):
        Database(f"sqlite:///{tmp_path}/file/twin.db")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "twin.db").write_text("a list of what to buy, and of what not to buy\n" * 40)
    with pytest.raises(UnavailableError, match="not a database"):
        SqlRecordStore(Database(f"sqlite:///{tmp_path}/twin.db"))
