"""The back ends of Google Cloud as the contract suites take them, each on an empty bucket, dataset or topic."""

import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.gcp import emulators
from twin.domain.ports import ObjectStore, RecordStore

OPEN: list[Any] = []
"""Clients keep connections open; letting them go in the middle of a test would be a warning there."""


def storage_client(endpoint: str, credentials: Any = None) -> Any:
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.storage import Client

    options = {"api_endpoint": endpoint}
    OPEN.append(Client(emulators.PROJECT, credentials or AnonymousCredentials(), client_options=options))
    return OPEN[-1]


def bucket(endpoint: str) -> tuple[Any, str]:
    """A storage client on an emulator, and a new bucket's name."""
    client = storage_client(endpoint)
    name = f"twin-{uuid.uuid4().hex[:12]}"
    client.create_bucket(name, timeout=10)
    return client, name


def bucket_store(endpoint: str) -> ObjectStore:
    from twin.backends.gcp.storage import BucketObjectStore

    client, name = bucket(endpoint)
    return BucketObjectStore(name, client=client)


OBJECT_STORES: dict[str, Callable[[Path], ObjectStore]] = {
    "gs-fake-gcs-server": lambda _: bucket_store(emulators.fake_gcs()),
    "gs-gcp-storage-emulator": lambda _: bucket_store(emulators.storage_emulator()),
}


def dataset(endpoint: str) -> tuple[Any, str]:
    """A BigQuery client on an emulator, and a new dataset's name."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.bigquery import Client

    client = Client(emulators.PROJECT, AnonymousCredentials(), client_options={"api_endpoint": endpoint})
    OPEN.append(client)
    name = f"twin_{uuid.uuid4().hex[:12]}"
    client.create_dataset(name, timeout=10)
    return client, name


def bigquery_store() -> RecordStore:
    from twin.backends.gcp.bigquery import BigQueryRecordStore

    client, name = dataset(emulators.bigquery())
    store = BigQueryRecordStore(emulators.PROJECT, name, client=client)
    store.create()
    return store


def outbox_store() -> RecordStore:
    from twin.backends.gcp.outbox import OutboxRecordStore
    from twin.backends.local.database import Database

    database = Database(f"sqlite:///{emulators.folder()}/{uuid.uuid4().hex}.db")
    OPEN.append(database)
    return OutboxRecordStore(database, bigquery_store())  # type: ignore[arg-type]


RECORD_STORES: dict[str, Callable[[], RecordStore]] = {"bigquery": bigquery_store, "outbox": outbox_store}


def marked(names: Iterable[str]) -> list[Any]:
    """Fixture parameters, of which those of the cloud carry its marker."""
    cloud = {*OBJECT_STORES, *RECORD_STORES}
    return [pytest.param(name, marks=pytest.mark.cloud) if name in cloud else name for name in names]
