"""Corrections on their way into the next training."""

from collections.abc import Container
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from twin.domain.examples import Example, Role, Split, Turn
from twin.domain.jsonl import write_examples
from twin.domain.twins import Twin
from twin.pipeline import keys
from twin.web.site import Site
from twin.web.store.corrections import Correction


def hand_over(here: Site, twin: Twin, *, but: Container[str] = ()) -> datetime:
    """Store every correction of a twin, but those of some replies, where its trainings find them; as of when."""
    now = here.now()
    kept = [one for one in here.store.corrections.of_twin(twin.id) if one.message_id not in but]
    examples = [example(one, twin.speakers[0]) for one in kept]
    if examples:
        with TemporaryDirectory() as folder:
            file = Path(folder) / "corrections.jsonl"
            write_examples(file, examples)
            here.platform.objects.put(keys.corrections(twin.id), file)
    else:
        here.platform.objects.delete(keys.corrections(twin.id))
    return now


def example(correction: Correction, speaker: str) -> Example:
    """What a correction teaches: the conversation before it, and what the owner would have said."""
    turns = [Turn(Role(turn["role"]), turn["name"], tuple(turn["messages"])) for turn in correction.turns]
    said = tuple(line for line in correction.text.splitlines() if line.strip())
    return Example((*turns, Turn(Role.OWNER, speaker, said)), len(turns), Split.TRAIN, "corrections")
