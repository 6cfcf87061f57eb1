"""How Vertex AI is reached: where, how patiently, and what to do where a right or a quota is missing."""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from collections.abc import Callable
from typing import Any

from google.api_core import exceptions as google_errors
from google.api_core import retry as google_retry
from requests import exceptions as http_errors

from twin.backends.gcp.faults import Service

TRANSIENT = google_retry.if_exception_type(
    google_errors.BadGateway,
    google_errors.GatewayTimeout,
    google_errors.InternalServerError,
    google_errors.ServiceUnavailable,
    google_errors.TooManyRequests,
    http_errors.ConnectionError,
    http_errors.Timeout,
)


class VertexApi:
    """Vertex AI in one region of a project.

    It is spoken to by the generated clients, in JSON.

    Attributes:
        parent: the resource that everything lies in.
        service: turns Google's errors into ours.
        call: retry and time-out of a call that may be repeated.
    """

    def __init__(self, project: str, region: str, *, quota: str, deadline_s: float, also: str = "") -> None:
        """`quota` is what may run out; `also` is what the account needs besides the role."""
        self.parent = f"projects/{project}/locations/{region}"
        self.service = Service(
            name=f"Vertex AI in {region}",
            project=project,
            api="aiplatform.googleapis.com",
            create=f"make cloud-up PROJECT={project} REGION={region}",
            grant=f"gcloud projects add-iam-policy-binding {project} --member=serviceAccount:ACCOUNT "
            f"--role=roles/aiplatform.user{also}",
            quota=quota,
        )
        retry = google_retry.Retry(predicate=TRANSIENT, initial=0.2, maximum=8, timeout=deadline_s)
        self.call: dict[str, Any] = {"retry": retry, "timeout": deadline_s / 4}
        self._options = {"api_endpoint": f"{region}-aiplatform.googleapis.com"}

    def client(self, kind: Callable[..., Any]) -> Any:
        """A client of `kind` with the machine's own credentials."""
        with self.service.reached("connecting"):
            return kind(transport="rest", client_options=self._options)
