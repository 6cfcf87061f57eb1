"""A data folder of the first version opens in this one, with a copy of how it was."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from twin.backends.local.database import KEPT, Database
from twin.backends.local.records import SqlRecordStore
from twin.domain.runs import RunState, Stage
from twin.errors import SettingsError, UnavailableError
from twin.web.keys import Keys
from twin.web.store import Store
from twin.web.store.tables import HEAD

FIRST = Path(__file__).with_name("first_version.sql").read_text("utf-8")
AT = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "twin.db"
    database = sqlite3.connect(file)
    database.executescript(FIRST)
    database.close()
    return file


def copies(file: Path) -> list[Path]:
    return sorted(file.parent.glob(f"*{KEPT}*"))


def test_everything_of_the_first_version_is_there(file: Path) -> None:
    assert HEAD > "0001", "there is something to upgrade"
    database = Database(f"sqlite:///{file}")
    records, store = SqlRecordStore(database), Store(database)
    Keys(database)
    (twin,) = records.twins("local")
    (run,) = records.runs("t1")
    assert (twin.name, twin.speakers, twin.run_id, twin.created_at) == ("mira", ("Mira Holt",), "r1", AT)
    assert (run.state, run.stage, run.figures) == (RunState.DONE, Stage.PUBLISH, {"loss_twin": 2.5})
    account = store.accounts.by_email("mira@example.org")
    assert account
    assert (account.id, account.admin) == ("local", True)
    (talk,) = store.conversations.listed("t1", "local")
    assert [one.bubbles for one in store.conversations.messages(talk.id).values()] == [
        ("is the kettle on",),
        ("always",),
    ]
    store.forget_twin("t1")
    records.forget(twin_id="t1")
    assert records.twins("local") == []
    database.close()


def test_a_copy_is_kept_from_before(file: Path) -> None:
    for _ in range(2):
        database = Database(f"sqlite:///{file}")
        Store(database)
        database.close()
    (kept,) = copies(file)
    assert kept.stat().st_mode & 0o777 == 0o600
    before = sqlite3.connect(kept)
    assert before.execute("SELECT version_num FROM web_version").fetchall() == [("0001",)]
    assert before.execute("SELECT count(*) FROM web_messages").fetchone() == (2,)
    before.close()
    # Back, as docs/operations.md says: the copy takes the place of the database.
    for name in ("twin.db-wal", "twin.db-shm"):
        file.with_name(name).unlink(missing_ok=True)
    kept.replace(file)
    database = Database(f"sqlite:///{file}")
    assert len(Store(database).conversations.listed("t1", "local")) == 1
    database.close()


def test_what_is_deleted_is_deleted_from_the_copy_too(file: Path) -> None:
    database = Database(f"sqlite:///{file}")
    store = Store(database)
    assert copies(file)
    store.forget_twin("t1")
    assert copies(file) == []
    database.close()


def test_a_new_installation_has_nothing_to_copy(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/twin.db")
    SqlRecordStore(database)
    Store(database)
    assert copies(tmp_path / "twin.db") == []
    database.close()


def test_without_room_for_a_copy_nothing_is_changed(file: Path) -> None:
    (file.with_name(f"{file.name}{KEPT}web_version-0001.part")).mkdir()
    database = Database(f"sqlite:///{file}")
    with pytest.raises((UnavailableError, OSError)):
        Store(database)
    database.close()
    before = sqlite3.connect(file)
    assert before.execute("SELECT version_num FROM web_version").fetchone() == ("0001",)
    before.close()


def test_a_newer_database_is_not_touched(file: Path) -> None:
    newer = sqlite3.connect(file)
    newer.execute("UPDATE web_version SET version_num = '9999'")
    newer.commit()
    newer.close()
    database = Database(f"sqlite:///{file}")
    with pytest.raises(SettingsError, match="newer twin"):
        Store(database)
    database.close()
