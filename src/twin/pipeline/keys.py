"""Keys: where stored things are. Every key of a twin begins with it, so that deleting a prefix deletes the twin.

Keys hold ids and file names of our own only: what a person calls their files stands in the upload's list, because
keys end up in logs and addresses.
"""

from twin.domain.runs import Run, Stage

FILES = "files.json"
"""The list of an upload's files. Written last: an upload without it is not complete and does not count."""

MESSAGES = "messages.jsonl.gz"

EXAMPLES = "examples.jsonl"
MEMORY = "memory.db"
ADAPTER = "adapter/"
ADAPTER_GGUF = "adapter.gguf"
CHECKPOINT = "checkpoint.npz"
"""How far a training is, while it lasts: it goes on from there on another machine."""
MERGED = "merged/"
"""The adapter merged into its base, as a Hugging Face folder; only where somebody asked for it."""
REPORT = "report.json"
OTHER = "other/"
"""A twin of somebody else of the same chats, to compare with; below it what a run has of its own twin."""


def twin(twin_id: str) -> str:
    """The prefix of everything that belongs to a twin."""
    return f"{twin_id}/"


def forgotten(twin_id: str) -> str:
    """Says that a twin was deleted, by its id alone: what arrives late for it is refused. In the cloud only."""
    return f"forgotten/{twin_id}"


def user(user_id: str) -> str:
    """The prefix of what belongs to an account but to no twin."""
    return f"users/{user_id}/"


def uploads(twin_id: str) -> str:
    """The prefix of a twin's uploads."""
    return f"{twin(twin_id)}uploads/"


def upload(twin_id: str, upload_id: str) -> str:
    """The prefix of one upload: its list `FILES` and its files, by number."""
    return f"{uploads(twin_id)}{upload_id}/"


def file_number(number: int) -> str:
    """What the file of an upload is called, wherever it stands."""
    return f"{number:06d}"


def run(run: Run) -> str:
    """The prefix of everything that a run made."""
    return f"{twin(run.twin_id)}runs/{run.id}/"


def outcome(run_: Run, stage: Stage) -> str:
    """What a stage found; its presence says that the stage is done."""
    return f"{run(run_)}outcomes/{stage}.json"


def journal(run_: Run, stage: Stage) -> str:
    """What a stage told while it worked, as JSON lines."""
    return f"{run(run_)}journal/{stage}.jsonl"


def redaction(twin_id: str) -> str:
    """Which pseudonym stands for whom; as private as the chats."""
    return f"{twin(twin_id)}redaction.json"


def corrections(twin_id: str) -> str:
    """What the owner would have said instead of the twin, as examples; its next training takes them in."""
    return f"{twin(twin_id)}corrections.jsonl"
