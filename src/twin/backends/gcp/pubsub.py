"""Pub/Sub: runs that are asked for, sign-ups, and what could not be delivered."""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from google.api_core import exceptions as google_errors
from google.api_core import retry as google_retry
from google.cloud import pubsub_v1
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.types import PubsubMessage

from twin.backends.gcp.faults import DEADLINE_S, Service
from twin.domain.runs import Run, RunState
from twin.domain.twins import User
from twin.errors import DataError, SettingsError

SUBMIT, CANCEL = "submit", "cancel"
KIND = "kind"
TRAINING, SIGN_UP, FORGOTTEN = "training", "sign-up", "forgotten"
"""The attribute that says what a message is; one function takes them all."""

TRANSIENT = google_retry.if_exception_type(
    google_errors.Aborted,
    google_errors.DeadlineExceeded,
    google_errors.InternalServerError,
    google_errors.ResourceExhausted,
    google_errors.ServiceUnavailable,
    google_errors.TooManyRequests,
    google_errors.Unknown,
)


@dataclass(frozen=True, slots=True)
class PubSubAddress:
    """Where the web app asks for runs, tells of users and deletions, and finds what could not be delivered.

    Attributes:
        users: the topic of sign-ups and deletions; "" for none.
        dead: the subscription of what could not be delivered; "" for none.
    """

    project: str
    topic: str
    users: str = ""
    dead: str = ""

    @classmethod
    def parse(cls, address: str) -> "PubSubAddress":
        """`pubsub:PROJECT/TOPIC?users=TOPIC&dead=SUBSCRIPTION`, of which the options may miss. Raises SettingsError."""
        parts = urlsplit(address)
        options = dict(parse_qsl(parts.query))
        project, _, topic = parts.path.partition("/")
        if not (project and topic) or "/" in topic or not options.keys() <= {"users", "dead"}:
            raise SettingsError(
                f"{address} is no address of Pub/Sub. Give pubsub:PROJECT/TOPIC?users=TOPIC&dead=SUBSCRIPTION."
            )
        return cls(project, topic, **options)

    @property
    def topics(self) -> dict[str, str]:
        """The topic of each kind of message."""
        return {TRAINING: self.topic} | ({SIGN_UP: self.users, FORGOTTEN: self.users} if self.users else {})


class Topic:
    """A topic to publish to. Messages of one twin or user keep their order.

    Args:
        publisher: a `google.cloud.pubsub_v1.PublisherClient`; None connects with the machine's own credentials.
    """

    def __init__(self, project: str, topic: str, *, publisher: Any = None, deadline_s: float = DEADLINE_S) -> None:
        self._service = _service(project, f"topic {topic}", f"topics create {topic}", f"topics {topic}", "publisher")
        with self._service.reached("connecting"):
            self._publisher: Any = publisher or pubsub_v1.PublisherClient()
        self._path = self._publisher.topic_path(project, topic)
        retry = google_retry.Retry(predicate=TRANSIENT, initial=0.1, maximum=8, timeout=deadline_s)
        self._call: dict[str, Any] = {"retry": retry, "timeout": deadline_s / 4}

    def publish(self, message: dict[str, Any], *, kind: str, key: str) -> None:
        """Returns once Pub/Sub has the message. A retry may publish it twice; whoever receives it must not mind."""
        request = PubsubMessage(data=json.dumps(message).encode(), ordering_key=key, attributes={KIND: kind})
        with self._service.reached("publishing"):
            # Not the batching `publish` of the subclass: with ordering keys, that one retries for ever.
            PublisherClient.publish(self._publisher, topic=self._path, messages=[request], **self._call)


class PubSubRunner:
    """The runner of the web app in the cloud: asks for runs; a function starts them."""

    def __init__(self, topic: Topic) -> None:
        self._topic = topic

    def submit(self, run: Run) -> None:
        self._publish(run, SUBMIT)

    def cancel(self, run: Run) -> None:
        self._publish(run, CANCEL)

    def _publish(self, run: Run, action: str) -> None:
        message = {
            "action": action,
            "id": run.id,
            "twin_id": run.twin_id,
            "state": run.state.value,
            "created_at": run.created_at.isoformat(),
            "updated_at": run.updated_at.isoformat(),
            "options": run.options,
        }
        self._topic.publish(message, kind=TRAINING, key=run.twin_id)


def sign_up(topic: Topic, user: User) -> None:
    """Tell of a sign-up. The address stays behind."""
    topic.publish({"id": user.id, "created_at": user.created_at.isoformat()}, kind=SIGN_UP, key=user.id)


def forgotten(topic: Topic, twin_id: str, at: datetime) -> None:
    """Tell that a twin was deleted, so that what it had deployed goes too."""
    topic.publish({"id": twin_id, "created_at": at.isoformat()}, kind=FORGOTTEN, key=twin_id)


def read_forgotten(data: bytes) -> str:
    """The id of the twin of a message. Raises DataError."""
    return read_sign_up(data).id


def read_run(data: bytes) -> tuple[str, Run]:
    """The action and the run of a message. Raises DataError."""
    try:
        row = json.loads(data)
        run = Run(
            id=_text(row["id"]),
            twin_id=_text(row["twin_id"]),
            state=RunState(row["state"]),
            created_at=datetime.fromisoformat(row["created_at"]),
            updated_at=datetime.fromisoformat(row["updated_at"]),
            options={_text(name): _text(value) for name, value in row["options"].items()},
        )
        if row["action"] not in {SUBMIT, CANCEL}:
            raise ValueError("action")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"A message of {len(data)} bytes asks for no run ({type(error).__name__}: {error}).") from error
    return row["action"], run


def read_sign_up(data: bytes) -> User:
    """The user of a message. Raises DataError."""
    try:
        row = json.loads(data)
        return User(id=_text(row["id"]), email="", created_at=datetime.fromisoformat(row["created_at"]))
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"A message of {len(data)} bytes is no sign-up ({type(error).__name__}: {error}).") from error


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was tried in vain; `subject` is the run or user that it is about, where it says so."""

    ack_id: str
    message_id: str
    published_at: datetime
    kind: str
    subject: str | None
    data: bytes


LOOK_S = 5.0
"""How long to wait for dead letters; Pub/Sub answers at once where there are some."""


class DeadLetters:
    """What the function could not do after the last try, for the admin page.

    Args:
        topics: where messages of each kind are sent once more.
    """

    def __init__(
        self,
        project: str,
        subscription: str,
        *,
        topics: Mapping[str, Topic],
        subscriber: Any = None,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._topics = topics
        self._service = _service(
            project,
            f"subscription {subscription}",
            f"subscriptions create {subscription} --topic=TOPIC",
            f"subscriptions {subscription}",
            "subscriber",
        )
        with self._service.reached("connecting"):
            self._subscriber: Any = subscriber or pubsub_v1.SubscriberClient()
        self._path = self._subscriber.subscription_path(project, subscription)
        self._call = {"retry": google_retry.Retry(predicate=TRANSIENT, timeout=deadline_s), "timeout": deadline_s / 4}

    def look(self, *, most: int = 100) -> list[DeadLetter]:
        """What is there, oldest first; it stays."""
        letters = self._taken(most)
        self._keep(letters)
        return letters

    def retry(self, *, most: int = 100) -> int:
        """Send messages once more and take them off; how many. Those of no known kind stay: nobody could do them."""
        letters = self._taken(most)
        known = [letter for letter in letters if letter.kind in self._topics]
        self._keep([letter for letter in letters if letter not in known])
        for letter in known:
            key = letter.subject or letter.message_id
            self._topics[letter.kind].publish(json.loads(letter.data), kind=letter.kind, key=key)
            with self._service.reached("taking a dead letter off"):
                request = {"subscription": self._path, "ack_ids": [letter.ack_id]}
                self._subscriber.acknowledge(request=request, **self._call)
        return len(known)

    def _taken(self, most: int) -> list[DeadLetter]:
        with self._service.reached("looking at dead letters"):
            try:
                request = {"subscription": self._path, "max_messages": most}
                reply = self._subscriber.pull(request=request, retry=None, timeout=LOOK_S)
            except google_errors.DeadlineExceeded:
                return []  # nothing came
        letters = [_letter(received) for received in reply.received_messages]
        return sorted(letters, key=lambda letter: letter.published_at)

    def _keep(self, letters: Sequence[DeadLetter]) -> None:
        """Give messages back at once."""
        if letters:
            with self._service.reached("looking at dead letters"):
                ack_ids = [letter.ack_id for letter in letters]
                request = {"subscription": self._path, "ack_ids": ack_ids, "ack_deadline_seconds": 0}
                self._subscriber.modify_ack_deadline(request=request, **self._call)


def _letter(received: Any) -> DeadLetter:
    message = received.message
    try:
        row = json.loads(message.data)
        subject = str(row.get("twin_id", row["id"]))
    except (ValueError, KeyError, AttributeError):
        subject = None
    kind = message.attributes.get(KIND, "")
    return DeadLetter(received.ack_id, message.message_id, message.publish_time, kind, subject, message.data)


def _service(project: str, name: str, create: str, on: str, role: str) -> Service:
    group, _, thing = on.partition(" ")
    return Service(
        name=f"Pub/Sub {name}",
        project=project,
        api="pubsub.googleapis.com",
        create=f"gcloud pubsub {create} --project {project}",
        grant=f"gcloud pubsub {group} add-iam-policy-binding {thing} --project {project} "
        f"--member=serviceAccount:ACCOUNT --role=roles/pubsub.{role}",
        quota="the Pub/Sub throughput quota",
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where text belongs")
    return value
