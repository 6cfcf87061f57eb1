"""Uploads of twins: what is being received, and what was found in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, insert, select, update

from twin.backends.local.database import Database
from twin.web.store.tables import UPLOADS


class UploadState(StrEnum):
    """Where an upload stands."""

    RECEIVING = "receiving"
    READING = "reading"
    READY = "ready"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file, or a folder of files, that somebody gives for a twin.

    Attributes:
        name: what the person calls it.
        files: `{"path": …, "size": …}` in the order of their numbers; paths are relative.
        reason: why it was refused, for the person.
        survey: what was found in it, see `web/surveys.py`.
    """

    id: str
    twin_id: str
    name: str
    files: list[dict[str, Any]]
    state: UploadState
    reason: str | None
    survey: dict[str, Any] | None
    created_at: datetime

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(file["size"] for file in self.files)


class Uploads:
    """Uploads in a database; their bytes are elsewhere."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, upload: Upload) -> None:
        with self._database.write() as connection:
            connection.execute(insert(UPLOADS).values({name: getattr(upload, name) for name in Upload.__slots__}))

    def get(self, upload_id: str) -> Upload | None:
        found = self._select(UPLOADS.c.id == upload_id)
        return found[0] if found else None

    def of_twin(self, twin_id: str) -> list[Upload]:
        """Oldest first."""
        return self._select(UPLOADS.c.twin_id == twin_id)

    def in_state(self, state: UploadState) -> list[Upload]:
        return self._select(UPLOADS.c.state == state)

    def set_state(
        self, upload_id: str, state: UploadState, *, reason: str | None = None, survey: dict[str, Any] | None = None
    ) -> bool:
        """Whether the upload is still there."""
        values = {"state": state, "reason": reason, "survey": survey}
        with self._database.write() as connection:
            return bool(connection.execute(update(UPLOADS).where(UPLOADS.c.id == upload_id).values(values)).rowcount)

    def set_surveys(self, surveys: Sequence[tuple[str, dict[str, Any]]]) -> None:
        with self._database.write() as connection:
            for upload_id, survey in surveys:
                connection.execute(update(UPLOADS).where(UPLOADS.c.id == upload_id).values(survey=survey))

    def delete(self, upload_id: str) -> None:
        with self._database.write() as connection:
            connection.execute(delete(UPLOADS).where(UPLOADS.c.id == upload_id))

    def _select(self, where: Any) -> list[Upload]:
        with self._database.read() as connection:
            rows = connection.execute(select(UPLOADS).where(where).order_by(UPLOADS.c.created_at)).mappings()
            return [_upload(dict(row)) for row in rows]


def _upload(row: dict[str, Any]) -> Upload:
    row["state"] = UploadState(row["state"])
    return Upload(**row)
