"""How Vertex AI is reached: where, how patiently, and what to do where a right or a quota is missing."""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from collections.abc import Callable, Container, Iterable
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

    def labelled(self, label: str, value: str) -> dict[str, str]:
        """The request that lists what carries a label: "run" or "twin", with its id."""
        return {"parent": self.parent, "filter": f'labels.{label}="{value}"'}

    def stop(self, jobs: Iterable[Any], *, ended: Container[Any], stopping: Any, cancel: Callable[..., Any]) -> bool:
        """Cancel the jobs that are under way; whether there was none, those that are just stopping counted.

        Args:
            ended, stopping: states of such jobs.
        """
        under_way = [job for job in jobs if job.state not in ended]
        for job in under_way:
            if job.state is not stopping:
                cancel(name=job.name, **self.call)
        return not under_way

    def client(self, kind: Callable[..., Any]) -> Any:
        """A client of `kind` with the machine's own credentials."""
        with self.service.reached("connecting"):
            return kind(transport="rest", client_options=self._options)
