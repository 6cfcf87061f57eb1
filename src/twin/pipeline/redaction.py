"""The redactor of a stored twin: who had a pseudonym in an earlier run has the same now."""

from twin.domain.messages import Message
from twin.errors import DataError, NotFoundError
from twin.pipeline import keys
from twin.pipeline.runs import redacts
from twin.pipeline.work import Work
from twin.prepare.redact import Redactor


def seed(twin_id: str) -> int:
    """What a twin's pseudonyms are drawn from, so that a preview shows those that will be used."""
    return int.from_bytes(twin_id.encode()[:8])


def redactor(work: Work, messages: list[Message]) -> Redactor:
    """The twin's redactor, which also knows these messages; `store` keeps it for later runs."""
    enabled = redacts(work.twin, work.run)
    try:
        found = stored(work, enabled=enabled)
    except (NotFoundError, DataError):
        # None yet, or one that another version of twin wrote: the seed gives mostly the same pseudonyms again.
        found = Redactor(owners=work.twin.speakers, seed=seed(work.twin.id), enabled=enabled)
    found.add(messages)
    return found


def stored(work: Work, *, enabled: bool = True) -> Redactor:
    """The redactor of the last run. Raises NotFoundError, and DataError for one of another version of twin."""
    file = work.scratch / "redaction.json"
    work.objects.get(keys.redaction(work.twin.id), file)
    return Redactor.from_json(file.read_text("utf-8"), enabled=enabled)


def store(work: Work, found: Redactor) -> None:
    """Keep a redactor with its twin."""
    file = work.scratch / "redaction.json"
    file.write_text(found.to_json(), "utf-8")
    work.objects.put(keys.redaction(work.twin.id), file)
