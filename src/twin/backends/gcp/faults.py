"""Faults: what Google Cloud answers when something is missing, forbidden, used up or busy, as what to do about it."""

# Google's packages have an environment of their own, so the type checker may not see them.
# pyright: reportMissingImports=false

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from google.api_core import exceptions as google_errors
from google.auth import exceptions as auth_errors
from requests import exceptions as http_errors

from twin.errors import BusyError, SettingsError, TwinError, UnavailableError

DEADLINE_S = 60.0
"""How long one call is tried again, with growing random pauses, before it counts as failed."""

LOG_IN = "gcloud auth application-default login"


@dataclass(frozen=True, slots=True)
class Service:
    """One thing in Google Cloud that a back end uses, and the commands that mend it.

    Attributes:
        name: how a sentence calls it, e.g. `bucket twin-example`.
        project: the project's id; "PROJECT" where it is not known.
        api: the API that must be enabled, e.g. `storage.googleapis.com`.
        create: the command that makes it.
        grant: the command that gives the service account the role it needs.
        quota: what to raise when 429 does not go away.
    """

    name: str
    project: str
    api: str
    create: str
    grant: str
    quota: str

    @property
    def enable(self) -> str:
        return f"gcloud services enable {self.api} --project {self.project}"

    @contextmanager
    def reached(self, doing: str) -> Generator[None]:
        """Turns what Google's clients raise into a `TwinError`; `doing` completes "while …"."""
        try:
            yield
        except TwinError:
            raise
        except (google_errors.GoogleAPIError, auth_errors.GoogleAuthError, http_errors.RequestException) as error:
            raise self.explained(error, doing) from error
        except (ConnectionError, TimeoutError) as error:
            raise self.explained(error, doing) from error

    def explained(self, error: Exception, doing: str) -> TwinError:
        """The same fault as a sentence with the next step."""
        while isinstance(error, google_errors.RetryError) and (cause := getattr(error, "cause", None)):
            error = cause
        at = f"Google Cloud, {self.name}, while {doing}"
        code, text = _status(error), str(error)
        if isinstance(error, (auth_errors.DefaultCredentialsError, auth_errors.RefreshError)) or code == 401:
            return SettingsError(f"{at}: no valid credentials. Run: {LOG_IN}")
        if code == 403 and _disabled(text):
            return SettingsError(f"{at}: the API {self.api} is not enabled. Run: {self.enable}")
        if code == 403 and "billing" in text.lower():
            return SettingsError(
                f"{at}: the project {self.project} has no active billing account. Run: "
                f"gcloud billing projects link {self.project} --billing-account ACCOUNT"
            )
        if code == 429 or (code == 403 and ("quota" in text.lower() or "rateLimit" in text)):
            return BusyError(
                f"{at}: the quota is used up. Try again in a minute; if it stays, raise {self.quota} at "
                f"https://console.cloud.google.com/iam-admin/quotas?project={self.project}",
                retry_after=60,
            )
        if code == 403:
            return SettingsError(f"{at}: the permission is missing. Run: {self.grant}")
        if code == 404:
            return SettingsError(f"{at}: it is not there. Run: {self.create}")
        if code is None or code >= 500:
            reason = type(error).__name__ if code is None else f"status {code}"
            return UnavailableError(
                f"{at}: no answer in time ({reason}). Try again; https://status.cloud.google.com shows outages."
            )
        return SettingsError(f"{at}: the request was refused (status {code}, {type(error).__name__}).")


def _status(error: Exception) -> int | None:
    """The HTTP status that an error stands for; None where nothing came back."""
    code = getattr(error, "code", None)
    if code is None:
        code = getattr(getattr(error, "response", None), "status_code", None)
    return None if code is None or callable(code) else int(code)


def _disabled(text: str) -> bool:
    return "SERVICE_DISABLED" in text or "has not been used in project" in text or "accessNotConfigured" in text
