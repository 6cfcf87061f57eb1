"""What every record store does."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from tests.gcp import backends as gcp

from twin.backends.local.database import Database
from twin.backends.local.records import SqlRecordStore
from twin.domain.ports import RecordStore
from twin.domain.runs import Run, RunState, Stage
from twin.domain.twins import Twin, User
from twin.errors import NotFoundError

NOON = datetime(2026, 1, 2, 12, 0, 0, 123456, tzinfo=UTC)
ANA = User(id="u1", email="ana@example.org", created_at=NOON)
TWIN = Twin(
    id="t1", owner="u1", name="Ana's twin 🎉", speakers=("Ana Pérez", "آنا"), base="gemma3-270m", created_at=NOON
)
RUN = Run(id="r1", twin_id="t1", state=RunState.QUEUED, created_at=NOON, updated_at=NOON, options={"budget_s": "60"})


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL server that was started for these tests. It drops root's rights by itself."""
    pgserver = pytest.importorskip("pgserver", reason="pgserver, which brings PostgreSQL, is not installed")
    try:
        server = pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    except Exception as error:  # whatever keeps it from starting is a property of the machine
        pytest.skip(f"PostgreSQL does not start here: {type(error).__name__}: {error}")
    socket = re.search(r"host=([^&]+)", server.get_uri())
    assert socket is not None
    yield f"postgresql://postgres@/postgres?unix_sock={socket[1]}/.s.PGSQL.5432"
    server.cleanup()


@pytest.fixture(params=gcp.marked(["sqlite", "postgresql", *gcp.RECORD_STORES]))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RecordStore]:
    if request.param in gcp.RECORD_STORES:
        yield gcp.RECORD_STORES[request.param]()
        return
    address = f"sqlite:///{tmp_path}/twin.db" if request.param == "sqlite" else request.getfixturevalue("postgres")
    database = Database(address)
    store = SqlRecordStore(database)
    yield store
    for user in ("u1", "u2"):
        store.forget(user_id=user)
    database.close()


def test_what_was_saved_comes_back(store: RecordStore) -> None:
    store.save(ANA)
    store.save(TWIN)
    run = replace(RUN, stage=Stage.TRAIN, error="The disk is full.", figures={"loss_twin": 3.125, "examples": 12.0})
    store.save(run)
    assert store.twins("u1") == [TWIN]
    assert store.twin("t1") == TWIN
    assert store.runs("t1") == [run]
    assert store.run("r1") == run


def test_the_newest_row_of_an_id_wins(store: RecordStore) -> None:
    store.save(TWIN)
    store.save(RUN)
    later = NOON + timedelta(seconds=5)
    for state in (RunState.RUNNING, RunState.FAILED, RunState.QUEUED, RunState.DONE):
        store.save(replace(RUN, state=state, updated_at=later))
    store.save(replace(TWIN, run_id="r1", options={"redact": "no"}))
    assert store.run("r1") == replace(RUN, state=RunState.DONE, updated_at=later)
    assert store.runs("t1") == [replace(RUN, state=RunState.DONE, updated_at=later)]
    assert store.twins("u1") == [replace(TWIN, run_id="r1", options={"redact": "no"})]


def test_lists_are_oldest_first_whatever_was_saved_last(store: RecordStore) -> None:
    twins = [replace(TWIN, id=f"t{number}", created_at=NOON + timedelta(days=number)) for number in range(3)]
    runs = [replace(RUN, id=f"r{number}", created_at=NOON + timedelta(days=number)) for number in range(3)]
    for record in (twins[1], twins[0], twins[2], runs[2], runs[1], runs[0], twins[0], runs[1]):
        store.save(record)
    assert store.twins("u1") == twins
    assert store.runs("t1") == runs


def test_times_keep_their_instant(store: RecordStore) -> None:
    store.save(replace(TWIN, created_at=NOON.astimezone(timezone(timedelta(hours=5, minutes=45)))))
    assert store.twin("t1").created_at == NOON
    assert store.twin("t1").created_at.tzinfo is not None


def test_what_is_not_there_is_not_found(store: RecordStore) -> None:
    assert store.twins("nobody") == []
    assert store.runs("none") == []
    with pytest.raises(NotFoundError, match="no twin with the id t9"):
        store.twin("t9")
    with pytest.raises(NotFoundError, match="no run with the id r9"):
        store.run("r9")


def test_a_twin_is_forgotten_and_its_neighbours_are_not(store: RecordStore) -> None:
    other = replace(TWIN, id="t2")
    for record in (ANA, TWIN, other, RUN, replace(RUN, state=RunState.DONE), replace(RUN, id="r2", twin_id="t2")):
        store.save(record)
    store.forget(twin_id="t1")
    assert store.twins("u1") == [other]
    assert store.runs("t1") == []
    with pytest.raises(NotFoundError):
        store.run("r1")
    assert [run.id for run in store.runs("t2")] == ["r2"]
    store.forget(twin_id="t1")


def test_a_user_is_forgotten_with_all_their_twins(store: RecordStore) -> None:
    theirs = replace(TWIN, id="t3", owner="u2")
    for record in (ANA, TWIN, replace(TWIN, id="t2"), theirs, RUN, replace(RUN, id="r2", twin_id="t2")):
        store.save(record)
    store.forget(user_id="u1")
    assert store.twins("u1") == []
    assert store.runs("t1") == store.runs("t2") == []
    assert store.twins("u2") == [theirs]


def test_forgetting_nothing_forgets_nothing(store: RecordStore) -> None:
    store.save(TWIN)
    store.forget()
    assert store.twins("u1") == [TWIN]
