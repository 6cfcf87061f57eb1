"""Records in BigQuery and the outbox before it, beyond the contract."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.bigquery import Client

from tests.gcp import backends, emulators, faulty
from twin.backends.gcp.bigquery import BigQueryRecordStore, bigquery_schema, check_row
from twin.backends.gcp.outbox import OutboxRecordStore
from twin.backends.local.database import Database
from twin.domain.runs import Run, RunState, Stage
from twin.domain.twins import Twin, User
from twin.errors import DataError, SettingsError, UnavailableError

pytestmark = pytest.mark.cloud

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
TWIN = Twin(id="t1", owner="u1", name="Ana", speakers=("Ana",), base="gemma3-270m", created_at=NOON)
RUN = Run(id="r1", twin_id="t1", state=RunState.QUEUED, created_at=NOON, updated_at=NOON)
DASHBOARDS = sorted((Path(__file__).parents[2] / "deploy" / "dashboards").glob("*.sql"))


@pytest.fixture
def dataset() -> tuple[Any, str]:
    return backends.dataset(emulators.bigquery())


@pytest.fixture
def store(dataset: tuple[Any, str]) -> BigQueryRecordStore:
    client, name = dataset
    store = BigQueryRecordStore(emulators.PROJECT, name, client=client)
    store.create()
    return store


@pytest.fixture
def proxy() -> Iterator[faulty.FaultyProxy]:
    with faulty.before(emulators.bigquery()) as proxy:
        yield proxy


@pytest.fixture
def behind(proxy: faulty.FaultyProxy, dataset: tuple[Any, str]) -> BigQueryRecordStore:
    """A store whose requests pass through the proxy."""
    client = Client(emulators.PROJECT, AnonymousCredentials(), client_options={"api_endpoint": proxy.url})
    backends.OPEN.append(client)
    BigQueryRecordStore(emulators.PROJECT, dataset[1], client=dataset[0]).create()
    return BigQueryRecordStore(emulators.PROJECT, dataset[1], client=client, deadline_s=24)


def rows(client: Any, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in client.query_and_wait(sql)]


def test_tables_are_partitioned_clustered_and_described(dataset: tuple[Any, str], store: BigQueryRecordStore) -> None:
    client, name = dataset
    table = client.get_table(f"{name}.runs")
    assert table.time_partitioning.field == "saved_at"
    assert table.clustering_fields == ["twin_id", "id"]
    assert [field.mode for field in table.schema if field.name == "error"] == ["NULLABLE"]
    store.create()  # a second time changes nothing


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"extra": 1}, "has the columns"),
        ({"id": None}, "users.id is NoneType"),
        ({"id": 7}, "users.id is int"),
        ({"created_at": "2026-01-02"}, "users.created_at is str"),
        ({"created_at": datetime(2026, 1, 2)}, "without a zone"),
    ],
)
def test_a_row_that_does_not_fit_is_never_sent(change: dict[str, Any], says: str) -> None:
    row = {"id": "u1", "created_at": NOON, "saved_at": NOON, **change}
    with pytest.raises(DataError, match=says):
        check_row("users", row, bigquery_schema("users"))


def test_no_address_reaches_the_dataset(dataset: tuple[Any, str], store: BigQueryRecordStore) -> None:
    client, name = dataset
    store.save(User(id="u1", email="ana@example.org", created_at=NOON))
    assert "ana@" not in str(rows(client, f"SELECT * FROM {name}.users"))


def test_values_are_bound_whatever_they_hold(store: BigQueryRecordStore) -> None:
    twin = replace(TWIN, name="'); DROP TABLE runs;\n --", speakers=("\\", '"', "`x`\n"), options={"a": "\"'\\ 🎉\n"})
    store.save(twin)
    assert store.twin("t1") == twin


def test_the_order_of_saving_counts_not_that_of_arriving(dataset: tuple[Any, str], store: BigQueryRecordStore) -> None:
    """A thousand sign-ups and 200 runs, each status sent twice and out of order."""
    client, name = dataset
    chance = random.Random(1)
    records: list[tuple[Any, datetime]] = [
        (User(id=f"u{n}", email="", created_at=NOON), NOON + timedelta(seconds=n)) for n in range(1000)
    ]
    states = [RunState.QUEUED, RunState.RUNNING, RunState.RUNNING]
    for n in range(200):
        last = RunState.FAILED if n % 5 == 0 else RunState.DONE
        for step, state in enumerate([*states, last]):
            saved = NOON + timedelta(seconds=n + step)
            records.append((replace(RUN, id=f"r{n:03}", twin_id=f"t{n % 7}", state=state, updated_at=saved), saved))
    records *= 2
    chance.shuffle(records)
    for start in range(0, len(records), 1200):
        store.save_all(records[start : start + 1200])
    assert rows(client, f"SELECT COUNT(*) FROM {name}.users_latest") == [(1000,)]
    latest = dict(rows(client, f"SELECT id, state FROM {name}.runs_latest"))
    assert latest == {f"r{n:03}": "failed" if n % 5 == 0 else "done" for n in range(200)}


@pytest.mark.parametrize("fault", [503, "reset", "lost"])
def test_a_passing_fault_is_not_noticed(behind: BigQueryRecordStore, proxy: faulty.FaultyProxy, fault: Any) -> None:
    proxy.plan = [fault]
    behind.save(RUN)
    proxy.plan = [fault]
    assert behind.run("r1") == RUN
    proxy.plan = [fault]
    behind.forget(twin_id="t1")
    assert behind.runs("t1") == []


def test_an_answer_that_never_comes_is_asked_for_again(behind: BigQueryRecordStore, proxy: faulty.FaultyProxy) -> None:
    proxy.plan = ["hang"]
    behind.save(RUN)
    assert behind.run("r1") == RUN


@pytest.mark.parametrize(
    ("status", "reason", "message", "says"),
    [
        (403, "accessDenied", "Permission bigquery.jobs.create denied", "roles/bigquery.jobUser"),
        (403, "accessNotConfigured", "BigQuery API has not been used in project", "services enable bigquery"),
        (404, "notFound", "Not found: Dataset", "make cloud-up"),
    ],
)
def test_what_is_missing_is_named(  # noqa: PLR0917
    behind: BigQueryRecordStore, proxy: faulty.FaultyProxy, status: int, reason: str, message: str, says: str
) -> None:
    proxy.plan = [status]
    error = {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}
    proxy.body = json.dumps({"error": error}).encode()
    with pytest.raises(SettingsError, match=says):
        behind.save(RUN)
    assert len(proxy.seen) == 1


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_the_dashboards_answer(path: Path, dataset: tuple[Any, str], store: BigQueryRecordStore) -> None:
    client, name = dataset
    store.save(User(id="u1", email="", created_at=NOON))
    store.save(TWIN)
    for minute, (state, stage) in enumerate(
        [
            (RunState.QUEUED, None),
            (RunState.RUNNING, Stage.INGEST),
            (RunState.RUNNING, Stage.TRAIN),
            (RunState.RUNNING, Stage.TRAIN),
            (RunState.DONE, Stage.PUBLISH),
        ]
    ):
        at = NOON + timedelta(minutes=minute)
        figures = {"loss_base": 2.5, "loss_twin": 2.0} if state is RunState.DONE else {}
        store.save(replace(RUN, state=state, stage=stage, updated_at=at, figures=figures))
    found = rows(client, path.read_text("utf-8").replace("${dataset}", f"{emulators.PROJECT}.{name}"))
    expected = {
        "sign_ups": [(NOON.date(), 1)],
        "runs": [(NOON.date(), "done", 1)],
        "stage_times": [("ingest", 1, 60.0, 60.0), ("train", 1, 120.0, 120.0)],
        "likeness": [(NOON.date(), 1, 2.5, 2.0)],
    }
    assert found == expected[path.stem]


class TestOutbox:
    @pytest.fixture
    def outbox(self, behind: BigQueryRecordStore, database: Callable[[str], Database]) -> OutboxRecordStore:
        return OutboxRecordStore(database("web"), behind)

    def test_what_waits_counts_already(self, outbox: OutboxRecordStore, behind: BigQueryRecordStore) -> None:
        outbox.save(TWIN)
        outbox.save(RUN)
        running = replace(RUN, state=RunState.RUNNING, stage=Stage.TRAIN)
        outbox.save(running)
        assert outbox.twins("u1") == [TWIN]
        assert outbox.twin("t1") == TWIN
        assert outbox.runs("t1") == [running]
        assert outbox.run("r1") == running
        assert behind.runs("t1") == []
        assert outbox.deliver() == 3
        assert behind.run("r1") == outbox.run("r1") == running
        assert outbox.deliver() == 0

    def test_a_page_asks_bigquery_only_while_a_run_is_under_way(
        self, outbox: OutboxRecordStore, proxy: faulty.FaultyProxy
    ) -> None:
        outbox.save(TWIN)
        outbox.save(replace(RUN, state=RunState.DONE))
        outbox.deliver()
        proxy.seen.clear()
        for _ in range(3):
            assert (outbox.twin("t1"), outbox.run("r1").state) == (TWIN, RunState.DONE)
        assert proxy.seen == []
        outbox.save(replace(RUN, id="r2"))
        for _ in range(3):
            assert outbox.run("r2").state is RunState.QUEUED
        assert len(proxy.seen) == 1  # the same twin is not asked about again at once

    def test_a_page_shows_what_is_known_while_bigquery_is_away(
        self, outbox: OutboxRecordStore, proxy: faulty.FaultyProxy
    ) -> None:
        outbox.save(TWIN)
        outbox.save(RUN)
        proxy.plan = [503] * 10_000
        assert outbox.run("r1") == RUN
        asked = len(proxy.seen)
        assert outbox.twins("u1") == [TWIN]
        assert len(proxy.seen) == asked  # one page waited in vain, the next did not

    def test_nothing_is_lost_while_bigquery_is_away(
        self, outbox: OutboxRecordStore, behind: BigQueryRecordStore, proxy: faulty.FaultyProxy
    ) -> None:
        proxy.plan = [503] * 10_000
        states = [RunState.QUEUED, RunState.RUNNING, RunState.DONE]
        for state in states:
            outbox.save(replace(RUN, state=state))
        with pytest.raises(UnavailableError):
            outbox.deliver()
        proxy.plan = ["lost"]
        assert outbox.deliver() == 3
        assert behind.run("r1").state is RunState.DONE

    def test_what_a_stage_wrote_later_is_newer_than_what_waits(
        self, outbox: OutboxRecordStore, behind: BigQueryRecordStore
    ) -> None:
        outbox.save(TWIN)
        outbox.save(RUN)
        done = replace(RUN, state=RunState.DONE, updated_at=NOON + timedelta(hours=1))
        behind.save(replace(TWIN, run_id="r1"))
        behind.save(done)
        assert outbox.run("r1") == done
        assert outbox.runs("t1") == [done]
        assert outbox.twin("t1") == replace(TWIN, run_id="r1")
        outbox.deliver()
        assert behind.run("r1") == done

    def test_a_run_that_an_upload_began_is_seen(self, outbox: OutboxRecordStore, behind: BigQueryRecordStore) -> None:
        outbox.save(replace(TWIN, options={"train_on_upload": "yes"}))
        behind.save(RUN)
        assert outbox.runs("t1") == [RUN]

    def test_forgetting_empties_the_outbox_too(self, outbox: OutboxRecordStore, behind: BigQueryRecordStore) -> None:
        other = replace(TWIN, id="t2", owner="u2")
        for record in (User(id="u1", email="a@example.org", created_at=NOON), TWIN, RUN, other):
            outbox.save(record)
        outbox.forget(user_id="u1")
        assert outbox.deliver() == 1
        assert behind.twins("u1") == []
        assert behind.runs("t1") == []
        assert behind.twins("u2") == [other]
