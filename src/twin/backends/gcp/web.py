"""What the web app has in the cloud: records behind an outbox, and messages to the function."""

from functools import partial

from twin.backends.gcp.bigquery import BigQueryRecordStore
from twin.backends.gcp.outbox import OutboxRecordStore
from twin.backends.gcp.pubsub import DeadLetters, PubSubAddress, Topic, forgotten, sign_up
from twin.backends.local.database import Database

PAGE_WAITS_S = 10.0
"""How long a page may wait for BigQuery; what is known already is in the web app's own database."""


def web_records(database: str, project: str, dataset: str, messages: PubSubAddress | None) -> OutboxRecordStore:
    """Records that are safe in the web app's own database until BigQuery has them. `messages`: whom else to tell."""
    topic = Topic(messages.project, messages.users) if messages and messages.users else None
    return OutboxRecordStore(
        Database(database),
        BigQueryRecordStore(project, dataset),
        news=BigQueryRecordStore(project, dataset, deadline_s=PAGE_WAITS_S),
        sign_up=partial(sign_up, topic) if topic else None,
        forgotten=partial(forgotten, topic) if topic else None,
    )


def dead_letters(messages: PubSubAddress) -> DeadLetters | None:
    """What the function could not do; None where that is not kept."""
    if not messages.dead:
        return None
    topics = {kind: Topic(messages.project, name) for kind, name in messages.topics.items()}
    return DeadLetters(messages.project, messages.dead, topics=topics)
