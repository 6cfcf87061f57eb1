"""The object store in a bucket, beyond the contract."""

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from google.auth import compute_engine
from google.auth.transport import requests
from google.oauth2 import service_account
from google.oauth2.credentials import Credentials

from tests.gcp import backends, emulators, faulty
from tests.gcp.signatures import refusal
from twin.backends.gcp.storage import BucketObjectStore
from twin.errors import BusyError, NotFoundError, SettingsError, TwinError, UnavailableError

pytestmark = pytest.mark.cloud

EMAIL = "web@twin-test.iam.gserviceaccount.com"
TYPE = "application/zip"


@pytest.fixture(scope="module")
def key() -> Any:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def signing(key: Any) -> Any:
    """Credentials of a service account, as its key file holds them."""
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    info = {"client_email": EMAIL, "private_key": pem, "token_uri": "http://127.0.0.1:9/token"}
    return service_account.Credentials.from_service_account_info(info)


def store_with(credentials: Any, endpoint: str) -> Any:
    client = backends.storage_client(endpoint, credentials)
    return BucketObjectStore("uploads", client=client)


def check(url: str, key: Any, *, method: str = "POST", size: str = "7", kind: str = TYPE, later: int = 0) -> str | None:
    headers = {"Content-Type": kind, "x-goog-content-length-range": f"{size},{size}", "x-goog-resumable": "start"}
    now = datetime.now(UTC) + timedelta(minutes=later)
    return refusal(url, key.public_key(), method=method, headers=headers, now=now)


def test_an_upload_url_is_bound_to_object_type_size_and_minutes(signing: Any, key: Any) -> None:
    url = store_with(signing, "https://storage.googleapis.com").upload_url("t1/inbox/a.zip", content_type=TYPE, size=7)
    assert url.startswith("https://storage.googleapis.com/uploads/t1/inbox/a.zip?")
    assert check(url, key) is None
    assert check(url, key, size="8") == "signature"
    assert check(url, key, kind="text/html") == "signature"
    assert check(url, key, method="GET") == "signature"
    assert check(url, key, method="PUT") == "signature"
    assert check(url.replace("/t1/", "/t2/"), key) == "signature"
    assert check(url, key, later=14) is None
    assert check(url, key, later=16) == "expired"


def test_a_machine_without_a_key_signs_through_the_iam_api(key: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answer(self: Any, url: str, method: str = "GET", body: bytes = b"", **_: Any) -> Any:
        """The metadata server and the IAM API, whose addresses are fixed in Google's code."""
        if "universe" in url:
            content: Any = None
        elif "signBlob" in url:
            asked.append(url)
            payload = base64.b64decode(json.loads(body)["payload"])
            signed = key.sign(payload, padding.PKCS1v15(), SHA256())
            content = {"keyId": "k", "signedBlob": base64.b64encode(signed).decode()}
        elif "/token" in url:
            content = {"access_token": "t", "expires_in": 3600, "token_type": "Bearer"}
        else:
            content = {"email": EMAIL, "scopes": ["cloud-platform"], "universe_domain": "googleapis.com"}
        reply = type("Reply", (), {})()
        reply.status, reply.data = 200, json.dumps(content).encode() if content else b"googleapis.com"
        reply.headers = {"content-type": "application/json" if content else "text/plain", "metadata-flavor": "Google"}
        return reply

    monkeypatch.setattr(requests.Request, "__call__", answer)
    store = store_with(compute_engine.Credentials(), "https://storage.googleapis.com")
    url = store.upload_url("t1/inbox/a.zip", content_type=TYPE, size=7)
    assert check(url, key) is None
    assert EMAIL in asked[0]


def test_credentials_that_cannot_sign_say_which_can() -> None:
    personal = Credentials("token")
    personal.refresh = lambda request: None  # type: ignore[method-assign]
    with pytest.raises(SettingsError, match="impersonate-service-account"):
        store_with(personal, "http://127.0.0.1:9").upload_url("t1/a", content_type=TYPE, size=1)


@pytest.mark.parametrize("emulator", ["fake_gcs", "storage_emulator"])
def test_a_signed_put_lands_where_the_url_says(signing: Any, emulator: str, tmp_path: Path) -> None:
    endpoint = getattr(emulators, emulator)()
    reader, name = backends.bucket(endpoint)
    signer = backends.storage_client(endpoint, signing)
    url = BucketObjectStore(name, client=signer).upload_url("t1/inbox/a.zip", content_type=TYPE, size=7)
    headers = {"Content-Type": TYPE, "x-goog-content-length-range": "7,7"}
    assert httpx.put(url or "", content=b"chat..1", headers=headers).status_code == 200
    BucketObjectStore(name, client=reader).get("t1/inbox/a.zip", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"chat..1"


def test_many_pages_are_listed_and_deleted(tmp_path: Path) -> None:
    store: Any = backends.bucket_store(emulators.fake_gcs())
    (tmp_path / "x").write_bytes(b"x")
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: store.put(f"t1/{n:05}", tmp_path / "x"), range(1100)))
    assert len(list(store.keys("t1/"))) == 1100
    assert store.delete("t1/") == 1100


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # Google's client drops its socket after 503
class TestFaults:
    """Google's client through a proxy that misbehaves."""

    @pytest.fixture
    def proxy(self) -> Iterator[faulty.FaultyProxy]:
        with faulty.before(emulators.fake_gcs()) as proxy:
            yield proxy

    @pytest.fixture
    def store(self, proxy: faulty.FaultyProxy) -> Any:
        _, name = backends.bucket(emulators.fake_gcs())
        client = backends.storage_client(proxy.url)
        return BucketObjectStore(name, client=client, deadline_s=16)

    @pytest.mark.parametrize("fault", [429, 503, "reset", "hang", "lost"])
    def test_what_passes_is_not_noticed(
        self, store: Any, proxy: faulty.FaultyProxy, fault: Any, tmp_path: Path
    ) -> None:
        (tmp_path / "a").write_bytes(b"abc")
        proxy.plan = [fault]
        store.put("t1/a", tmp_path / "a")
        proxy.plan = [fault]
        store.get("t1/a", tmp_path / "b")
        assert (tmp_path / "b").read_bytes() == b"abc"
        proxy.plan = [fault]
        assert list(store.keys("t1/")) == ["t1/a"]
        proxy.plan = [fault, fault]
        store.delete("t1/")
        assert list(store.keys("t1/")) == []

    def test_what_does_not_pass_ends_at_the_deadline(
        self, store: Any, proxy: faulty.FaultyProxy, tmp_path: Path
    ) -> None:
        (tmp_path / "a").write_bytes(b"abc")
        proxy.plan = [503] * 10_000
        started = datetime.now(UTC)
        with pytest.raises(UnavailableError, match=r"bucket twin-.* while storing t1/a: no answer"):
            store.put("t1/a", tmp_path / "a")
        assert (datetime.now(UTC) - started).total_seconds() < 60
        # Pauses grow and are random: a handful of requests, not a stampede.
        assert 2 <= len(proxy.seen) <= 20

    @pytest.mark.parametrize(
        ("status", "body", "error", "says"),
        [
            (403, "web@x does not have storage.objects.list access", SettingsError, "add-iam-policy-binding gs://"),
            (403, "Cloud Storage API has not been used in project 7 before", SettingsError, "services enable storage"),
            (403, "The billing account for the owning project is disabled", SettingsError, "billing projects link"),
            (404, "The specified bucket does not exist.", SettingsError, "buckets create gs://"),
            (401, "Invalid Credentials", SettingsError, "application-default login"),
            (400, "Invalid argument", SettingsError, "status 400"),
        ],
    )
    def test_what_a_person_can_mend_names_the_command(  # noqa: PLR0917
        self, store: Any, proxy: faulty.FaultyProxy, status: int, body: str, error: type[TwinError], says: str
    ) -> None:
        proxy.plan, proxy.body = [status], json.dumps({"error": {"message": body}}).encode()
        with pytest.raises(error, match=says):
            list(store.keys("t1/"))
        assert len(proxy.seen) == 1

    def test_a_version_is_dropped_and_never_a_newer_one(self, store: Any, proxy: faulty.FaultyProxy) -> None:
        store.drop("t1/inbox/Chat with Zoë.zip", 17)
        assert "ifGenerationMatch=17" in proxy.seen[-1]
        proxy.plan = [412]
        store.drop("t1/inbox/Chat with Zoë.zip", 17)

    def test_a_used_up_quota_says_which(self, store: Any, proxy: faulty.FaultyProxy) -> None:
        proxy.plan = [429] * 1000
        with pytest.raises(BusyError, match="raise the Cloud Storage request rate"):
            list(store.keys("t1/"))

    def test_a_missing_bucket_is_not_a_missing_object(
        self, store: Any, proxy: faulty.FaultyProxy, tmp_path: Path
    ) -> None:
        with pytest.raises(NotFoundError):
            store.get("t1/none", tmp_path / "x")
        proxy.plan, proxy.body = [404], b"The specified bucket does not exist."
        with pytest.raises(SettingsError, match="buckets create"):
            store.get("t1/none", tmp_path / "x")


def test_nothing_answers_at_all(tmp_path: Path) -> None:
    port = emulators.free_port()
    client = backends.storage_client(f"http://127.0.0.1:{port}")
    with pytest.raises(UnavailableError, match="no answer"):
        BucketObjectStore("b", client=client, deadline_s=2).get("t1/a", tmp_path / "a")
