"""An object store in a Cloud Storage bucket."""

# pyright: reportMissingImports=false

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from google.api_core.exceptions import NotFound, PreconditionFailed
from google.auth import credentials as google_credentials
from google.auth import iam
from google.auth.transport.requests import Request
from google.cloud.storage import Client
from google.cloud.storage.retry import DEFAULT_RETRY

from twin.backends.gcp.faults import DEADLINE_S, Service
from twin.domain.key_grammar import check_key
from twin.errors import NotFoundError, SettingsError

URL_LIFE = timedelta(minutes=15)
"""How long a browser has to begin its upload."""

DELETERS = 16
"""Deletions under way at a time; the API deletes one object per request, each some 30 ms."""


class BucketObjectStore:
    """Objects of a bucket, under the same keys as everywhere.

    Cloud Storage itself makes a put whole or nothing and a listing consistent; both ends compare CRC32C sums.

    Args:
        bucket: the bucket's name.
        client: a `google.cloud.storage.Client`; None connects with the machine's own credentials.
        deadline_s: how long one call is tried again after 429, 5xx, a reset or a time-out.
    """

    def __init__(self, bucket: str, *, client: Any = None, deadline_s: float = DEADLINE_S) -> None:
        project = getattr(client, "project", None) or "PROJECT"
        self._service = Service(
            name=f"bucket {bucket}",
            project=project,
            api="storage.googleapis.com",
            create=f"gcloud storage buckets create gs://{bucket} --uniform-bucket-level-access",
            grant=f"gcloud storage buckets add-iam-policy-binding gs://{bucket} "
            "--member=serviceAccount:ACCOUNT --role=roles/storage.objectUser",
            quota="the Cloud Storage request rate",
        )
        with self._service.reached("connecting"):
            self._client = client or Client()
        self._bucket = self._client.bucket(bucket)
        self._call: dict[str, Any] = {"retry": DEFAULT_RETRY.with_timeout(deadline_s), "timeout": deadline_s / 4}
        self._signer = _Signer(self._client)

    def put(self, key: str, source: Path) -> None:
        blob = self._bucket.blob(check_key(key))
        with self._service.reached(f"storing {key}"):
            blob.upload_from_filename(source, content_type="application/octet-stream", checksum="crc32c", **self._call)

    def get(self, key: str, target: Path) -> None:
        self._fetch(self._bucket.blob(check_key(key)), target)

    def take(self, name: str, generation: int, target: Path) -> None:
        """Fetch one version of an object that may have any name. Raises NotFoundError where that version is gone."""
        self._fetch(self._bucket.blob(name, generation=generation), target)

    def drop(self, name: str, generation: int) -> None:
        """Delete one version of an object, never a newer one under the same name."""
        with self._service.reached("deleting an object"), suppress(NotFound, PreconditionFailed):
            self._bucket.blob(name).delete(if_generation_match=generation, **self._call)

    def _fetch(self, blob: Any, target: Path) -> None:
        incoming = target.with_name(f".incoming-{uuid4().hex}")
        try:
            with self._service.reached("fetching an object"):
                try:
                    blob.download_to_filename(incoming, checksum="crc32c", **self._call)
                except NotFound as error:
                    if "bucket does not exist" in str(error):
                        raise
                    raise NotFoundError(f"There is no object {blob.name} in gs://{self._bucket.name}.") from error
            incoming.replace(target)
        finally:
            incoming.unlink(missing_ok=True)

    def keys(self, prefix: str) -> Iterator[str]:
        with self._service.reached(f"listing {prefix}"):
            pages = self._client.list_blobs(
                self._bucket, prefix=prefix, fields="items(name),nextPageToken", page_size=1000, **self._call
            ).pages
            for page in pages:
                yield from sorted(blob.name for blob in page)

    def delete(self, prefix: str) -> int:
        if not prefix:
            raise ValueError("an empty prefix would delete every object of everybody")
        with ThreadPoolExecutor(DELETERS) as pool:
            return sum(pool.map(self._delete_one, self.keys(prefix)))

    def _delete_one(self, key: str) -> bool:
        with self._service.reached(f"deleting {key}"):
            try:
                self._bucket.blob(key).delete(**self._call)
            except NotFound:
                return False  # somebody else deleted it, or a retry after an answer that was lost
        return True

    def upload_url(self, key: str, *, content_type: str, size: int) -> str | None:
        """A signed URL (V4) that begins one resumable upload of this object, type and size.

        The browser POSTs nothing to it with `Content-Type: TYPE`, `x-goog-content-length-range: SIZE,SIZE` and
        `x-goog-resumable: start`; all are signed, so any other type or size is refused. The answer's `Location` takes
        the bytes, in PUTs with a `Content-Range`, and says after a break how far they came.
        """
        with self._service.reached("signing an upload"):
            return self._bucket.blob(check_key(key)).generate_signed_url(
                version="v4",
                method="RESUMABLE",
                expiration=URL_LIFE,
                content_type=content_type,
                headers={"x-goog-content-length-range": f"{size},{size}"},
                api_access_endpoint=self._client.api_endpoint,
                credentials=self._signer.get(),
            )


class _Signer:
    """Credentials that can sign: a key file's own, or the machine's account through the IAM API."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._signing: Any = None

    def get(self) -> Any:
        with self._lock:
            if self._signing is None:
                self._signing = self._make()
            return self._signing

    def _make(self) -> Any:
        own: Any = self._client._credentials
        if isinstance(own, google_credentials.Signing):
            return own
        request = Request()
        own.refresh(request)
        email = getattr(own, "service_account_email", None)
        if not email or email == "default":
            raise SettingsError(
                "Uploads cannot be signed: the credentials belong to no service account. Run as one, or: "
                "gcloud auth application-default login --impersonate-service-account=ACCOUNT"
            )
        return _RemoteSigning(iam.Signer(request, own, email), email)


class _RemoteSigning(google_credentials.Credentials, google_credentials.Signing):
    """Signs with the account's key where Google keeps it; needs roles/iam.serviceAccountTokenCreator on itself."""

    def __init__(self, signer: iam.Signer, email: str) -> None:
        super().__init__()
        self._iam = signer
        self._email = email

    def refresh(self, request: Any) -> None:
        del request

    def sign_bytes(self, message: bytes) -> bytes:
        return self._iam.sign(message)

    @property
    def signer_email(self) -> str:
        return self._email

    @property
    def signer(self) -> iam.Signer:
        return self._iam
