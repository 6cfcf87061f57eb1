"""Users, twins and runs in BigQuery. Rows are only ever added; the newest row of an id is how it stands.

Rows go in by `INSERT`, not by streaming: streamed rows cannot be deleted for half an hour, and forgetting must work
at once. Everything that is not a name of ours travels as a bound parameter.
"""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY, DEFAULT_RETRY

from twin.backends.gcp.faults import DEADLINE_S, Service
from twin.domain.runs import Run, RunState, Stage
from twin.domain.twins import Twin, User
from twin.errors import DataError, NotFoundError

TABLES = {User: "users", Twin: "twins", Run: "runs"}
CLUSTERED_BY = {"users": ["id"], "twins": ["owner", "id"], "runs": ["twin_id", "id"]}
CHUNK = 1000
"""Rows of one INSERT, which travel as one JSON parameter; a request may have 10 MB."""

UNPACKED = {
    "STRING": "JSON_VALUE(r, '$.NAME')",
    "TIMESTAMP": "TIMESTAMP(JSON_VALUE(r, '$.NAME'))",
    "JSON": "PARSE_JSON(JSON_QUERY(r, '$.NAME'))",
    "REPEATED": "ARRAY(SELECT JSON_VALUE(one) FROM UNNEST(JSON_QUERY_ARRAY(r, '$.NAME')) AS one WITH OFFSET AS at ORDER BY at)",
}
"""How a column of each kind is read from a row `r` in JSON."""

PYTHON_TYPES = {"STRING": str, "TIMESTAMP": datetime, "JSON": dict}


def now() -> datetime:
    return datetime.now(UTC)


class BigQueryRecordStore:
    """A record store in a dataset whose tables are there: Terraform makes them, or `create`.

    Args:
        client: a `google.cloud.bigquery.Client`; None connects with the machine's own credentials.
        clock: gives the time that decides which row of an id is the newest.
        deadline_s: how long one call is tried again after 429, 5xx, a reset or a time-out.
    """

    def __init__(
        self,
        project: str,
        dataset: str,
        *,
        client: Any = None,
        clock: Callable[[], datetime] = now,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._service = Service(
            name=f"BigQuery dataset {project}.{dataset}",
            project=project,
            api="bigquery.googleapis.com",
            create=f"make cloud-up PROJECT={project} REGION=REGION (it makes the dataset and its tables)",
            grant=f"gcloud projects add-iam-policy-binding {project} --member=serviceAccount:ACCOUNT "
            "--role=roles/bigquery.jobUser, and give it roles/bigquery.dataEditor on the dataset",
            quota="the BigQuery query quota",
        )
        with self._service.reached("connecting"):
            self._client: Any = client or bigquery.Client(project=project)
        self._dataset = f"{project}.{dataset}"
        self._clock = clock
        self._last = datetime.min.replace(tzinfo=UTC)
        self._lock = threading.Lock()
        self._call: dict[str, Any] = {
            "retry": DEFAULT_RETRY.with_timeout(deadline_s),
            "job_retry": DEFAULT_JOB_RETRY.with_timeout(deadline_s),
            # BigQuery itself keeps a question for up to ten seconds before it says that it is not done yet.
            "api_timeout": max(deadline_s / 4, min(deadline_s, 12.0)),
            "wait_timeout": deadline_s,
        }

    def create(self) -> None:
        """Make the tables and the views that are not there yet."""
        for name in TABLES.values():
            table = bigquery.Table(f"{self._dataset}.{name}", schema=bigquery_schema(name))
            table.time_partitioning = bigquery.TimePartitioning(field="saved_at")
            table.clustering_fields = CLUSTERED_BY[name]
            with self._service.reached(f"making the table {name}"):
                self._client.create_table(table, exists_ok=True, retry=self._call["retry"], timeout=30)
            view = bigquery.Table(f"{self._dataset}.{name}_latest")
            view.view_query = f"SELECT * FROM `{self._dataset}.{name}` WHERE TRUE {NEWEST}"  # noqa: S608  names of ours
            with self._service.reached(f"making the view {name}_latest"):
                self._client.create_table(view, exists_ok=True, retry=self._call["retry"], timeout=30)

    def save(self, record: User | Twin | Run) -> None:
        self.save_all([(record, self.stamp())])

    def stamp(self) -> datetime:
        """The time now, later than every time given before: the order of rows."""
        with self._lock:
            self._last = max(self._clock(), self._last + timedelta(microseconds=1))
            return self._last

    def save_all(self, records: Sequence[tuple[User | Twin | Run, datetime]]) -> None:
        """Records of any kind, each with the time at which it became true; one statement for every 1,000 of a kind."""
        for kind, name in TABLES.items():
            rows = [_row(record, saved_at) for record, saved_at in records if type(record) is kind]
            for start in range(0, len(rows), CHUNK):
                self._insert(name, rows[start : start + CHUNK])

    def twins(self, owner: str) -> list[Twin]:
        return [_twin(row) for row in self._newest("twins", "owner", owner)]

    def twin(self, twin_id: str) -> Twin:
        for row in self._newest("twins", "id", twin_id):
            return _twin(row)
        raise NotFoundError(f"There is no twin with the id {twin_id}.")

    def runs(self, twin_id: str) -> list[Run]:
        return [_run(row) for row in self._newest("runs", "twin_id", twin_id)]

    def run(self, run_id: str) -> Run:
        for row in self._newest("runs", "id", run_id):
            return _run(row)
        raise NotFoundError(f"There is no run with the id {run_id}.")

    def forget(self, *, twin_id: str | None = None, user_id: str | None = None) -> None:
        users, twins, runs = (f"`{self._dataset}.{name}`" for name in ("users", "twins", "runs"))
        # Runs first: until the twins are gone, a repetition after a fault still finds which runs were theirs.
        for statement in (
            f"DELETE FROM {runs} WHERE twin_id = @twin OR twin_id IN (SELECT id FROM {twins} WHERE owner = @user)",  # noqa: S608  names of ours
            f"DELETE FROM {twins} WHERE id = @twin OR owner = @user",  # noqa: S608  names of ours
            f"DELETE FROM {users} WHERE id = @user",  # noqa: S608  names of ours
        ):
            parameters = [_parameter("twin", twin_id), _parameter("user", user_id)]
            self._query(statement, parameters, "forgetting")

    def _newest(self, table: str, column: str, value: str) -> list[Any]:
        """The newest row of each id, the id that came first first."""
        names = ", ".join(field.name for field in bigquery_schema(table) if field.name != "saved_at")
        sql = (
            f"SELECT {names} FROM `{self._dataset}.{table}` WHERE {column} = @value {NEWEST} "  # noqa: S608  names of ours
            "ORDER BY created_at, id"
        )
        return self._query(sql, [_parameter("value", value)], f"reading {table}")

    def _insert(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        fields = bigquery_schema(table)
        for row in rows:
            check_row(table, row, fields)
        names = ", ".join(field.name for field in fields)
        values = ", ".join(UNPACKED["REPEATED" if field.mode == "REPEATED" else field.field_type] for field in fields)
        for field in fields:
            values = values.replace("NAME", field.name, 1)
        sql = (
            f"INSERT INTO `{self._dataset}.{table}` ({names}) "  # noqa: S608  names of ours
            f"SELECT {values} FROM UNNEST(JSON_QUERY_ARRAY(@rows)) AS r"
        )
        self._query(sql, [_parameter("rows", json.dumps(rows, default=datetime.isoformat))], f"writing {table}")

    def _query(self, sql: str, parameters: list[Any], doing: str) -> list[Any]:
        config = bigquery.QueryJobConfig(query_parameters=parameters)
        with self._service.reached(doing):
            return [dict(row) for row in self._client.query_and_wait(sql, job_config=config, **self._call)]


NEWEST = "QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY saved_at DESC) = 1"


def bigquery_schema(table: str) -> list[Any]:
    """The columns of a table, as `schemas/TABLE.json` declares them; Terraform reads the same file."""
    columns = json.loads(files("twin.backends.gcp").joinpath("schemas", f"{table}.json").read_text("utf-8"))
    return [bigquery.SchemaField.from_api_repr(column) for column in columns]


def check_row(table: str, row: dict[str, Any], fields: Sequence[Any]) -> None:
    """Raises DataError for a row that BigQuery would refuse, or worse, take."""
    if row.keys() != (names := {field.name for field in fields}):
        raise DataError(f"A row of {table} has the columns {sorted(row)}; the table has {sorted(names)}.")
    for field in fields:
        value = row[field.name]
        values = value if field.mode == "REPEATED" else () if value is None and field.mode == "NULLABLE" else (value,)
        for one in values:
            if not isinstance(one, PYTHON_TYPES[field.field_type]):
                raise DataError(
                    f"{table}.{field.name} is {type(one).__name__}; the table has {field.mode} {field.field_type}."
                )
            if isinstance(one, datetime) and one.tzinfo is None:
                raise DataError(f"{table}.{field.name} is a time without a zone: {one}.")


def _row(record: User | Twin | Run, saved_at: datetime) -> dict[str, Any]:
    row = {**asdict(record), "saved_at": saved_at}
    row.pop("email", None)
    return row


def _parameter(name: str, value: str | None) -> Any:
    return bigquery.ScalarQueryParameter(name, "STRING", value)


def _twin(row: dict[str, Any]) -> Twin:
    values: Any = {**row, "speakers": tuple(row["speakers"]), "options": _json(row["options"])}
    return Twin(**values)


def _run(row: dict[str, Any]) -> Run:
    stage = None if row["stage"] is None else Stage(row["stage"])
    figures = {name: float(value) for name, value in _json(row["figures"]).items()}
    options = _json(row["options"])
    values: Any = {**row, "state": RunState(row["state"]), "stage": stage, "options": options, "figures": figures}
    return Run(**values)


def _json(value: Any) -> dict[str, Any]:
    return json.loads(value) if isinstance(value, str) else value
