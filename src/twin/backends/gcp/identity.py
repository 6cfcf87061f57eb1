"""Who we are to a server of replies: tokens of the machine's account, for Cloud Run and for Vertex AI."""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

import threading
import time
from collections.abc import Callable

import google.auth
from google.auth.transport.requests import Request
from google.oauth2 import id_token

from twin.backends.gcp.faults import Service

LIFE_S = 50 * 60
"""A token is good for an hour."""


def identity(audience: str, *, clock: Callable[[], float] = time.monotonic) -> Callable[[], str]:
    """Gives a token for the service at `audience`, its URL, and a new one when that grows old."""
    service = Service(
        name=f"Cloud Run at {audience}",
        project="PROJECT",
        api="run.googleapis.com",
        create="make cloud-up PROJECT=PROJECT REGION=REGION",
        grant="gcloud run services add-iam-policy-binding SERVICE --member=serviceAccount:ACCOUNT "
        "--role=roles/run.invoker",
        quota="the Cloud Run quota",
    )
    lock = threading.Lock()
    kept: list[tuple[str, float]] = []

    def token() -> str:
        with lock, service.reached("asking who we are"):
            if not kept or clock() > kept[0][1]:
                kept[:] = [(str(id_token.fetch_id_token(Request(), audience)), clock() + LIFE_S)]
            return kept[0][0]

    return token


def access() -> Callable[[], str]:
    """Gives a token for Google's own APIs, an endpoint of Vertex AI among them, and a new one when that grows old."""
    service = Service(
        name="Vertex AI",
        project="PROJECT",
        api="aiplatform.googleapis.com",
        create="make cloud-up PROJECT=PROJECT REGION=REGION",
        grant="gcloud projects add-iam-policy-binding PROJECT --member=serviceAccount:ACCOUNT "
        "--role=roles/aiplatform.user",
        quota="the quota of online prediction",
    )
    lock = threading.Lock()
    with service.reached("connecting"):
        credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])

    def token() -> str:
        with lock, service.reached("asking who we are"):
            if not credentials.valid:
                credentials.refresh(Request())
            return str(credentials.token)

    return token
