"""The four places where a laptop and a cloud differ."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from twin.domain.examples import Turn
from twin.domain.runs import Run
from twin.domain.twins import Twin, User


class ObjectStore(Protocol):
    """Uploads, examples, adapters and reports, by key. Keys are made in `pipeline/keys.py` only."""

    def put(self, key: str, source: Path) -> None:
        """Store a file, whole or not at all; an object that is there is replaced."""
        ...

    def get(self, key: str, target: Path) -> None:
        """Fetch an object into a file whose parent exists. Raises NotFoundError."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, sorted."""
        ...

    def delete(self, prefix: str) -> int:
        """Delete every object whose key begins with `prefix`; how many there were."""
        ...

    def upload_url(self, key: str, *, content_type: str, size: int) -> str | None:
        """Where a browser may begin, for some minutes, a resumable upload of exactly this object, as Cloud Storage
        takes it; None where it must send the bytes here."""
        ...


class RecordStore(Protocol):
    """Users, twins and runs. It appends, and the newest row of an id wins, which suits BigQuery."""

    def save(self, record: User | Twin | Run) -> None:
        """Record how something stands now; what was saved under its id before no longer counts."""
        ...

    def twins(self, owner: str) -> list[Twin]:
        """The owner's twins, oldest first."""
        ...

    def twin(self, twin_id: str) -> Twin:
        """Raises NotFoundError."""
        ...

    def runs(self, twin_id: str) -> list[Run]:
        """Oldest first."""
        ...

    def run(self, run_id: str) -> Run:
        """Raises NotFoundError."""
        ...

    def forget(self, *, twin_id: str | None = None, user_id: str | None = None) -> None:
        """Remove every row of a twin, or of a user and all their twins."""
        ...


class Runner(Protocol):
    """Starts and stops runs. A run submitted twice runs once."""

    def submit(self, run: Run) -> None:
        """See that a queued run is done; returns at once. Raises UnavailableError."""
        ...

    def cancel(self, run: Run) -> None:
        """Stop a run, soon; its record says when it has. One that is over already stays as it is."""
        ...


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a reply is drawn. `seed` None draws anew each time; `max_tokens` bounds one reply."""

    temperature: float = 0.8
    top_p: float = 0.95
    top_k: int = 40
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    max_tokens: int = 160
    seed: int | None = None


class Piece(NamedTuple):
    """Some text of a reply as it comes: which message of the reply (from 0) it continues, and the text."""

    message: int
    text: str


class ChatModel(Protocol):
    """Answers in somebody's voice. One base, many adapters; thread-safe."""

    def reply(
        self,
        turns: Sequence[Turn],
        *,
        speaker: str,
        adapter: str | None,
        sampling: Sampling,
        preamble: str = "",
        deadline_s: float = 60.0,
    ) -> Iterator[Piece]:
        """What `speaker` says next, in pieces as they come. Closing the iterator stops the work.

        Args:
            turns: the conversation so far, oldest first.
            adapter: id of a published adapter; None for the untouched base.
            preamble: past exchanges or persona, rendered before the conversation.

        Raises:
            BusyError, ModelError (this adapter only), UnavailableError (deadline, endpoint waking up).
        """
        ...

    def score(self, turns: Sequence[Turn], *, adapter: str | None, preamble: str = "") -> float:
        """Log-likelihood, in nats, of the last turn given the others."""
        ...
