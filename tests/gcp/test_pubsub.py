"""From a request over Google's Pub/Sub emulator and the function to a started pipeline."""

import base64
import json
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import functions_framework
import grpc
import pytest
from google.api_core.exceptions import InvalidArgument
from google.auth.credentials import AnonymousCredentials
from google.cloud import pubsub_v1
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from sqlalchemy import text
from werkzeug.serving import make_server

import twin.functions
from tests.gcp import backends, emulators, publisher_server
from tests.loopback import running
from twin.backends.gcp.pubsub import DeadLetters, PubSubRunner, Topic, forgotten, sign_up
from twin.backends.local.database import Database
from twin.backends.local.records import SqlRecordStore
from twin.domain.runs import Run, RunState, Stage
from twin.domain.twins import TRAINS_BY_INBOX, Twin, User
from twin.errors import BusyError, DataError, NotFoundError, SettingsError, UnavailableError
from twin.functions import Function
from twin.pipeline import cloud, keys, uploads

pytestmark = pytest.mark.cloud

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
RUN = Run(id="r1", twin_id="t1", state=RunState.QUEUED, created_at=NOON, updated_at=NOON, options={"budget_s": "60"})
TWIN = Twin(id="t1", owner="u1", name="Ana", speakers=("Ana",), base="gemma3-270m", created_at=NOON)


class Pipelines:
    """A runner that keeps what it was asked, as Vertex AI would: a job id is taken once."""

    def __init__(self) -> None:
        self.started: dict[tuple[str, datetime], Run] = {}
        self.asked = self.stopped = 0
        self.ended = True
        self.broken = False
        self._lock = threading.Lock()

    def submit(self, run: Run) -> None:
        with self._lock:
            self.asked += 1
            if self.broken:
                raise UnavailableError("Vertex AI is away.")
            self.started.setdefault((run.id, run.updated_at), run)

    def cancel(self, run: Run) -> None:
        self.stopped += 1

    def stop_all(self, twin_id: str) -> bool:
        return self.ended


@pytest.fixture
def records(database: Callable[[str], Database]) -> SqlRecordStore:
    return SqlRecordStore(database("twin"))


@pytest.fixture
def objects() -> Any:
    return backends.bucket_store(emulators.fake_gcs())


@pytest.fixture
def pipelines() -> Pipelines:
    return Pipelines()


@pytest.fixture
def function(objects: Any, records: SqlRecordStore, pipelines: Pipelines) -> Function:
    return Function(objects=objects, records=records, pipelines=pipelines, now=lambda: NOON + timedelta(minutes=1))


@pytest.fixture
def pushed(function: Function, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The function behind functions-framework, as it runs in its container; its address."""
    monkeypatch.setattr(twin.functions, "_function", lambda: function)
    (tmp_path / "source.py").write_text("from twin.functions import main\n")
    app = functions_framework.create_app("main", str(tmp_path / "source.py"), "cloudevent")
    with running(make_server("127.0.0.1", 0, app, threaded=True)) as server:
        yield f"http://127.0.0.1:{server.port}/"


def publisher(address: str) -> Any:
    channel = grpc.insecure_channel(address)
    transport = PublisherGrpcTransport(channel=channel, credentials=AnonymousCredentials())
    backends.OPEN.append(pubsub_v1.PublisherClient(transport=transport))
    return backends.OPEN[-1]


def subscriber(address: str) -> Any:
    channel = grpc.insecure_channel(address)
    backends.OPEN.append(
        pubsub_v1.SubscriberClient(
            transport=SubscriberGrpcTransport(channel=channel, credentials=AnonymousCredentials())
        )
    )
    return backends.OPEN[-1]


class Wires:
    """A topic, its push subscription and its dead letter on the emulator, as Terraform makes them.

    The emulator pushes in order and it dead-letters what is pushed, but never both on one subscription.
    """

    def __init__(self, address: str, push_to: str, *, ordered: bool = True) -> None:
        self.publisher, self.subscriber = publisher(address), subscriber(address)
        self.name = name = f"twin-{uuid.uuid4().hex[:8]}"
        topic = self.publisher.create_topic(name=self.publisher.topic_path(emulators.PROJECT, name)).name
        dead = self.publisher.create_topic(name=f"{topic}-dead").name
        path = self.subscriber.subscription_path
        self.subscriber.create_subscription(
            name=path(emulators.PROJECT, f"{name}-dead"), topic=dead, ack_deadline_seconds=10
        )
        self.subscriber.create_subscription(
            request={
                "name": path(emulators.PROJECT, name),
                "topic": topic,
                "push_config": {"push_endpoint": push_to},
                "enable_message_ordering": ordered,
                "ack_deadline_seconds": 30,
                "dead_letter_policy": {"dead_letter_topic": dead, "max_delivery_attempts": 5},
                "retry_policy": {"minimum_backoff": {"nanos": 50_000_000}, "maximum_backoff": {"nanos": 100_000_000}},
            }
        )
        self.topic = Topic(emulators.PROJECT, name, publisher=self.publisher)
        topics = {"training": self.topic, "sign-up": self.topic}
        self.dead = DeadLetters(emulators.PROJECT, f"{name}-dead", topics=topics, subscriber=self.subscriber)


@pytest.fixture
def wires(pushed: str) -> Wires:
    return Wires(emulators.pubsub(), pushed)


def eventually(what: Callable[[], bool], *, within_s: float = 300) -> None:
    deadline = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def test_a_request_becomes_a_pipeline(wires: Wires, pipelines: Pipelines, records: SqlRecordStore) -> None:
    records.save(RUN)
    PubSubRunner(wires.topic).submit(RUN)
    eventually(lambda: len(pipelines.started) == 1)
    assert replace(next(iter(pipelines.started.values())), figures={}) == RUN


def test_a_request_whose_row_is_still_on_the_way_starts_too(wires: Wires, pipelines: Pipelines) -> None:
    PubSubRunner(wires.topic).submit(RUN)
    eventually(lambda: len(pipelines.started) == 1)


def test_cancelling_before_it_began_is_recorded(wires: Wires, pipelines: Pipelines, records: SqlRecordStore) -> None:
    records.save(RUN)
    runner = PubSubRunner(wires.topic)
    runner.submit(RUN)
    runner.cancel(RUN)
    eventually(lambda: records.run("r1").state is RunState.CANCELLED and pipelines.stopped == 1)


def test_cancelling_that_overtakes_the_request_wins(
    function: Function, pipelines: Pipelines, records: SqlRecordStore
) -> None:
    row = {"id": "r1", "twin_id": "t1", "state": "queued", "options": {}}
    row |= {"created_at": NOON.isoformat(), "updated_at": NOON.isoformat()}
    function(message({**row, "action": "cancel"}, kind="training"))
    function(message({**row, "action": "submit"}, kind="training"))
    assert records.run("r1").state is RunState.CANCELLED
    assert pipelines.started == {}


def test_a_twin_that_is_deleted_while_its_run_is_submitted_stays_deleted(
    function: Function, records: SqlRecordStore, pipelines: Pipelines, objects: Any
) -> None:
    deleted = message({"id": "t1", "created_at": NOON.isoformat()}, kind="forgotten")
    started = pipelines.submit
    pipelines.submit = lambda run: (function(deleted), started(run))  # type: ignore[method-assign]
    function(asking(RUN))
    with pytest.raises(NotFoundError):
        records.run("r1")
    assert list(objects.keys("")) == [keys.forgotten("t1")]


def test_sign_ups_are_recorded_without_their_address(wires: Wires, records: SqlRecordStore) -> None:
    user = User(id="u1", email="ana@example.org", created_at=NOON)
    sign_up(wires.topic, user)

    def rows() -> list[Any]:
        with records._database.read() as connection:
            return list(connection.execute(text("SELECT id, email FROM users")))

    eventually(lambda: rows() == [("u1", "")])


def test_two_hundred_requests_twice_and_out_of_order(
    wires: Wires, pipelines: Pipelines, records: SqlRecordStore, objects: Any
) -> None:
    """A thousand sign-ups among them, twice too; whatever arrives when, there are 200 pipelines and nothing is dead."""
    runs = [replace(RUN, id=f"r{n}", twin_id=f"t{n % 40}", updated_at=NOON + timedelta(seconds=n)) for n in range(200)]
    for run in runs:
        records.save(run)
    runner = PubSubRunner(wires.topic)
    asks: list[Callable[[], None]] = [lambda run=run: runner.submit(run) for run in runs * 2]
    asks += [lambda n=n: sign_up(wires.topic, User(f"u{n}", "", NOON)) for n in [*range(1000)] * 2]
    random.Random(1).shuffle(asks)
    threads = [threading.Thread(target=lambda part=asks[n::8]: [ask() for ask in part]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eventually(lambda: pipelines.asked == 400, within_s=240)
    assert len(pipelines.started) == 200

    def users() -> int:
        with records._database.read() as connection:
            return connection.execute(text("SELECT COUNT(DISTINCT id) FROM users")).scalar() or 0

    eventually(lambda: users() == 1000, within_s=240)
    assert len(list(objects.keys("users/"))) == 1000
    assert Counter(records.run(run.id).state for run in runs) == {RunState.QUEUED: 200}
    assert wires.dead.look() == []


def test_what_cannot_be_done_lands_in_the_dead_letter_and_can_be_tried_again(pushed: str, pipelines: Pipelines) -> None:
    wires = Wires(emulators.pubsub(), pushed, ordered=False)
    pipelines.broken = True
    PubSubRunner(wires.topic).submit(RUN)
    letters: list[Any] = []
    eventually(lambda: bool(letters.extend(wires.dead.look()) or letters))
    assert [(letter.kind, letter.subject) for letter in letters] == [("training", "t1")]
    assert pipelines.asked == 5
    pipelines.broken = False
    assert wires.dead.retry() == 1
    eventually(lambda: len(pipelines.started) == 1)
    assert wires.dead.look() == []


def message(data: Any, **attributes: str) -> dict[str, Any]:
    content = data if isinstance(data, bytes) else json.dumps(data).encode()
    return {"data": base64.b64encode(content).decode(), "attributes": attributes}


def asking(run: Run) -> dict[str, Any]:
    """The message of the web app that asks for a run."""
    row = {"action": "submit", "id": run.id, "twin_id": run.twin_id, "state": "queued", "options": run.options}
    return message(
        {**row, "created_at": run.created_at.isoformat(), "updated_at": run.updated_at.isoformat()}, kind="training"
    )


@pytest.mark.parametrize(
    "bad",
    [
        message(b"\xff", kind="training"),
        message([], kind="training"),
        message({"id": 7, "twin_id": "t"}, kind="training"),
        message({"action": "steal", "id": "r", "twin_id": "t", "state": "queued", "options": {}}, kind="training"),
        message({"id": "u1", "created_at": "yesterday"}, kind="sign-up"),
        message({}, kind="something"),
        {},
    ],
)
def test_a_message_that_nobody_can_do_is_refused(function: Function, bad: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"message"):
        function(bad)


def test_a_run_that_is_over_is_not_started_again(
    function: Function, pipelines: Pipelines, records: SqlRecordStore
) -> None:
    records.save(replace(RUN, state=RunState.DONE))
    row = {"action": "submit", "id": "r1", "twin_id": "t1", "state": "queued", "options": {}}
    row |= {"created_at": NOON.isoformat(), "updated_at": NOON.isoformat()}
    function(message(row, kind="training"))
    function(message({**row, "action": "cancel"}, kind="training"))
    assert pipelines.started == {}
    assert records.run("r1").state is RunState.DONE


def notice(name: str, generation: str = "1", minute: int = 0) -> dict[str, Any]:
    """What Cloud Storage tells of a new object."""
    at = (NOON + timedelta(minutes=minute)).isoformat()
    attributes = {"eventType": "OBJECT_FINALIZE", "objectId": name, "objectGeneration": generation, "eventTime": at}
    return message({}, **attributes)


class TestInbox:
    @pytest.fixture
    def copy(self, objects: Any, tmp_path: Path) -> Callable[[str, bytes], str]:
        """What `gcloud storage cp` does; gives the generation."""

        def copy(name: str, content: bytes) -> str:
            blob = objects._bucket.blob(name)
            blob.upload_from_string(content)
            return str(blob.generation)

        return copy

    def test_a_copy_into_the_inbox_of_whoever_agreed_trains(  # noqa: PLR0917
        self, function: Function, objects: Any, records: SqlRecordStore, pipelines: Pipelines, copy: Any, tmp_path: Path
    ) -> None:
        records.save(replace(TWIN, options={TRAINS_BY_INBOX: "yes"}))
        first = copy("t1/inbox/Chat with Zoë.txt", b"one")
        second = copy("t1/inbox/b.txt", b"two")
        for name, generation in (("t1/inbox/Chat with Zoë.txt", first), ("t1/inbox/b.txt", second)) * 2:
            function(notice(name, generation))
        paths = uploads.fetch(objects, "t1", tmp_path / "uploads")
        assert {path.name: path.read_bytes() for path in paths} == {"Chat with Zoë.txt": b"one", "b.txt": b"two"}
        assert len(pipelines.started) == len(records.runs("t1")) == 1
        assert list(objects.keys("t1/inbox")) == []

    def test_what_comes_after_a_run_began_gets_another(
        self, function: Function, records: SqlRecordStore, pipelines: Pipelines, copy: Any
    ) -> None:
        records.save(replace(TWIN, options={TRAINS_BY_INBOX: "yes"}))
        function(notice("t1/inbox/a.txt", copy("t1/inbox/a.txt", b"one")))
        (run,) = records.runs("t1")
        records.save(replace(run, state=RunState.RUNNING, stage=Stage.INGEST))
        function(notice("t1/inbox/b.txt", copy("t1/inbox/b.txt", b"two"), minute=1))
        assert len(pipelines.started) == 2

    @pytest.mark.parametrize("options", [{}, {TRAINS_BY_INBOX: "no"}])
    def test_without_agreement_nothing_happens(  # noqa: PLR0917
        self, function: Function, objects: Any, records: SqlRecordStore, pipelines: Pipelines, copy: Any, options: Any
    ) -> None:
        records.save(replace(TWIN, options=options))
        function(notice("t1/inbox/a.txt", copy("t1/inbox/a.txt", b"one")))
        function(notice("t9/inbox/a.txt", copy("t9/inbox/a.txt", b"one")))
        function(notice(keys.upload("t1", "x") + "000000", "1"))
        function(message({}, eventType="OBJECT_DELETE", objectId="t1/inbox/a.txt", objectGeneration="1"))
        assert pipelines.started == {}
        assert list(objects.keys("t1/")) == ["t1/inbox/a.txt"]

    def test_cloud_storage_itself_tells_the_function(
        self, pushed: str, records: SqlRecordStore, pipelines: Pipelines, objects: Any
    ) -> None:
        """Bucket, notice, Pub/Sub, push, function: the emulator of each, over the wire."""
        records.save(replace(TWIN, options={TRAINS_BY_INBOX: "yes"}))
        wires = Wires(emulators.pubsub(), pushed)
        endpoint = emulators.fake_gcs(wires.topic._path.rpartition("/")[2])
        client, name = backends.bucket(endpoint)
        objects._bucket = client.bucket(name)
        client.bucket(name).blob("t1/inbox/a.txt").upload_from_string(b"one")
        eventually(lambda: len(pipelines.started) == 1)


def finish(state: str, objects: Any, records: SqlRecordStore, *, run_id: str = "r1", asked_at: datetime = NOON) -> None:
    cloud.finish(run_id, asked_at, state, objects=objects, records=records, now=NOON + timedelta(hours=1))


def test_the_last_step_records_how_a_pipeline_ended(records: SqlRecordStore, objects: Any) -> None:
    for state, expected in (
        ("FAILED", RunState.FAILED),
        ("CANCELLED", RunState.CANCELLED),
        ("SUCCEEDED", RunState.DONE),
    ):
        records.save(replace(RUN, state=RunState.RUNNING, stage=Stage.TRAIN))
        finish(state, objects, records)
        assert records.run("r1").state is expected
    records.save(replace(RUN, state=RunState.FAILED, error="The chats hold too little."))
    finish("FAILED", objects, records)
    assert records.run("r1").error == "The chats hold too little."
    with pytest.raises(NotFoundError):
        finish("FAILED", objects, records, run_id="r9")


def test_a_pipeline_that_ends_late_leaves_the_next_one_alone(records: SqlRecordStore, objects: Any) -> None:
    """It was cancelled, and the run was asked for again before its last step got a machine."""
    records.save(replace(RUN, updated_at=NOON + timedelta(minutes=1)))
    finish("CANCELLED", objects, records)
    assert records.run("r1").state is RunState.QUEUED


def test_a_pipeline_that_ends_later_still_leaves_the_next_one_alone(
    function: Function, records: SqlRecordStore, objects: Any
) -> None:
    """The next one does its first stages already."""
    function(asking(replace(RUN, updated_at=NOON + timedelta(minutes=1))))
    records.save(replace(records.run("r1"), state=RunState.RUNNING, stage=Stage.INGEST))
    finish("CANCELLED", objects, records)
    assert records.run("r1").state is RunState.RUNNING
    finish("CANCELLED", objects, records, asked_at=NOON + timedelta(minutes=1))
    assert records.run("r1").state is RunState.CANCELLED


def test_what_a_run_cost_is_recorded_beside_what_it_was_thought_to_cost(
    function: Function, records: SqlRecordStore, objects: Any, pipelines: Pipelines, tmp_path: Path
) -> None:
    function(asking(RUN))
    (started,) = pipelines.started.values()
    # One L4 for 60 s of training and one for judging, four small machines, and a minute's start of four for each.
    assert 0.2 < started.figures[cloud.ESTIMATE] < 0.5
    minute = '{"at": "2026-01-02T12:%02d:00.000+00:00", "stage": "train", "done": 1, "total": 2, "figures": null, "note": null}'
    (tmp_path / "journal").write_text("\n".join(minute % at for at in (0, 30)))
    objects.put(keys.journal(RUN, Stage.TRAIN), tmp_path / "journal")
    records.save(replace(started, state=RunState.DONE))
    finish("SUCCEEDED", objects, records)
    cost = records.run("r1").figures[cloud.COST]
    assert cost == pytest.approx(0.03 + 1.40 * 34 / 60, abs=1e-4)  # half an hour, and four minutes until it began


def test_a_run_that_is_gone_on_with_starts_though_its_row_is_on_the_way(
    function: Function, records: SqlRecordStore, pipelines: Pipelines
) -> None:
    records.save(replace(RUN, state=RunState.FAILED, updated_at=NOON + timedelta(minutes=9)))
    function(asking(RUN))  # the old request, delivered once more
    assert pipelines.started == {}
    function(asking(replace(RUN, updated_at=NOON + timedelta(minutes=10))))
    assert [run.updated_at for run in pipelines.started.values()] == [NOON + timedelta(minutes=10)]
    assert records.run("r1").state is RunState.QUEUED


def test_a_sign_up_makes_a_place_in_the_bucket(function: Function, objects: Any) -> None:
    row = {"id": "u1", "created_at": NOON.isoformat()}
    for _ in range(2):
        function(message(row, kind="sign-up"))
    assert list(objects.keys("")) == [keys.user("u1") + "place.json"]


def test_what_a_deleted_twin_had_deployed_goes(objects: Any, records: SqlRecordStore, pipelines: Pipelines) -> None:
    gone: list[str] = []
    function = Function(objects=objects, records=records, pipelines=pipelines, forget=gone.append)
    function(message({"id": "t1", "created_at": NOON.isoformat()}, kind="forgotten"))
    assert gone == ["t1"]


def test_nothing_of_a_deleted_twin_comes_back(
    function: Function, objects: Any, records: SqlRecordStore, pipelines: Pipelines, tmp_path: Path
) -> None:
    records.save(TWIN)
    pipelines.ended = False
    deleted = message({"id": "t1", "created_at": NOON.isoformat()}, kind="forgotten")
    with pytest.raises(BusyError):  # so that the message is delivered again
        function(deleted)
    (tmp_path / "late").write_text("what a stage stores while it is being stopped")
    objects.put("t1/runs/r1/examples.jsonl", tmp_path / "late")
    objects.put("t2/runs/r2/examples.jsonl", tmp_path / "late")
    records.save(RUN)
    pipelines.ended = True
    function(deleted)
    with pytest.raises(NotFoundError):
        records.run("r1")
    function(asking(RUN))  # delivered once more
    with pytest.raises(NotFoundError):
        records.run("r1")
    assert pipelines.started == {}
    objects._bucket.blob("t/notes").upload_from_string(b"of nobody, though the mark of t1 begins alike")
    function(notice("t/notes"))
    assert objects.delete("t/notes") == 1
    blob = objects._bucket.blob("t1/uploads/u1/000000")
    blob.upload_from_string(b"from a browser that was still sending")
    function(notice(blob.name, str(blob.generation)))
    assert list(objects.keys("")) == [keys.forgotten("t1"), "t2/runs/r2/examples.jsonl"]


@pytest.mark.parametrize("name", ["training-requested", "user-signed-up"])
def test_the_schemas_take_what_is_sent_and_nothing_else(name: str) -> None:
    from google.pubsub_v1 import SchemaServiceClient
    from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcTransport
    from google.pubsub_v1.types import Encoding, Schema

    address = emulators.pubsub()
    transport = SchemaServiceGrpcTransport(channel=grpc.insecure_channel(address), credentials=AnonymousCredentials())
    definition = files("twin.backends.gcp").joinpath("schemas", f"{name}.avsc").read_text("utf-8")
    schema = SchemaServiceClient(transport=transport).create_schema(
        parent=f"projects/{emulators.PROJECT}",
        schema=Schema(type_=Schema.Type.AVRO, definition=definition),
        schema_id=f"s-{uuid.uuid4().hex[:8]}",
    )
    client = publisher(address)
    topic_id = f"typed-{uuid.uuid4().hex[:8]}"
    path = client.topic_path(emulators.PROJECT, topic_id)
    client.create_topic(request={"name": path, "schema_settings": {"schema": schema.name, "encoding": Encoding.JSON}})
    topic = Topic(emulators.PROJECT, topic_id, publisher=client)
    if name == "user-signed-up":
        sign_up(topic, User(id="u1", email="", created_at=NOON))
        forgotten(topic, "t1", NOON)
    else:
        PubSubRunner(topic).submit(RUN)
        PubSubRunner(topic).cancel(RUN)
    with pytest.raises(InvalidArgument):
        client.publish(path, b'{"id": 1}').result(60)


class TestFaults:
    @pytest.mark.parametrize("fault", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED, "slow", "lost"])
    def test_what_passes_is_not_noticed(self, fault: Any) -> None:
        with publisher_server.serving() as (server, address):
            topic = Topic(emulators.PROJECT, "topic", publisher=publisher(address), deadline_s=24)
            server.plan = [fault]
            PubSubRunner(topic).submit(RUN)
            assert server.messages
            assert {message.ordering_key for message in server.messages} == {"t1"}

    @pytest.mark.parametrize(
        ("status", "error", "says"),
        [
            (
                grpc.StatusCode.PERMISSION_DENIED,
                SettingsError,
                r"topics add-iam-policy-binding topic .*pubsub\.publisher",
            ),
            (grpc.StatusCode.NOT_FOUND, SettingsError, "gcloud pubsub topics create topic"),
            (grpc.StatusCode.UNAVAILABLE, UnavailableError, "no answer in time"),
            (grpc.StatusCode.RESOURCE_EXHAUSTED, BusyError, "throughput quota"),
        ],
    )
    def test_what_stays_is_named_and_the_next_message_goes_through(
        self, status: grpc.StatusCode, error: type[Exception], says: str
    ) -> None:
        with publisher_server.serving() as (server, address):
            client = publisher(address)
            topic = Topic(emulators.PROJECT, "topic", publisher=client, deadline_s=6)
            server.plan = [status] * 10_000
            with pytest.raises(error, match=says):
                PubSubRunner(topic).submit(RUN)
            assert server.requests < 60
            server.plan = []
            PubSubRunner(Topic(emulators.PROJECT, "topic", publisher=client)).submit(RUN)
            assert len(server.messages) == 1
