"""Held-out moments of a twin's chats, to draw sample replies for."""

from pathlib import Path
from tempfile import TemporaryDirectory

from twin.domain.examples import Split, Turn
from twin.domain.jsonl import read_examples
from twin.domain.ports import ObjectStore
from twin.domain.runs import Run
from twin.likeness.sampling import moments as held_out_moments
from twin.pipeline import keys


def moments(
    run: Run, *, objects: ObjectStore, most: int, seed: int = 0
) -> list[tuple[tuple[Turn, ...], tuple[str, ...]]]:
    """Where the owner answered in the held-out part: the turns before, and what the owner really wrote.

    Raises NotFoundError where the run has not prepared its examples.
    """
    with TemporaryDirectory() as folder:
        file = Path(folder) / keys.EXAMPLES
        objects.get(keys.run(run) + keys.EXAMPLES, file)
        held_out = [example for example in read_examples(file) if example.split is Split.HELD_OUT]
    return [(one.before, one.real.messages) for one in held_out_moments(held_out, most=most, seed=seed)]
