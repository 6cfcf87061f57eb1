"""The errors that twin raises on purpose.

Each message says what is wrong, what came, and what to do. They are caught at the edge only
(`cli`, `web`), where they become one sentence and exit status 2, or a page.
"""


class TwinError(Exception):
    """Anything that a person can mend; the message is meant for them."""


class ExportError(TwinError):
    """A file that cannot be read as what it claims to be."""


class NotFoundError(TwinError):
    """A twin, run, object or adapter that is not there."""


class DataError(TwinError):
    """Readable input that is not enough, or not fit, for what was asked."""


class SettingsError(TwinError):
    """A setting, credential, extra or base model that is missing or wrong."""


class ModelError(TwinError):
    """A model or adapter file that is broken or does not fit the base."""


class BusyError(TwinError):
    """More work than the queue takes. `retry_after` is in seconds."""

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnavailableError(TwinError):
    """A service that does not answer (yet): store, endpoint, mail. Trying again may help."""
