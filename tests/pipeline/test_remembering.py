"""Whether memory helps, on an invented chat and with a scorer that knows what it was shown."""

from collections.abc import Sequence
from pathlib import Path

from twin.domain.examples import Example, Role, Split, Turn
from twin.pipeline.remembering import remembered
from twin.serve import memory
from twin.serve.memory import Exchange, Heard, Memory

THINGS = ("kettle", "ladder", "piano", "canoe", "stove", "tent", "wardrobe", "violin", "anvil", "lantern")


class Reader:
    """A scorer to which a reply is easy where its words stand in what it was shown before."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def replies(
        self, asked: Sequence[Sequence[Turn]], *, adapter: object, preambles: Sequence[str] = ()
    ) -> list[float]:
        self.shown += preambles
        texts = [preamble + " ".join(turn.messages[0] for turn in turns[:-1]) for preamble, turns in
                 zip(preambles or [""] * len(asked), asked, strict=True)]  # fmt: skip
        return [
            float(sum(1 if word in text else 5 for word in turns[-1].messages[0].split()))
            for text, turns in zip(texts, asked, strict=True)
        ]


def held_out(answer: str) -> list[Example]:
    return [
        Example(
            (Turn(Role.OTHER, "Otto", (f"where is the {thing}",)), Turn(Role.OWNER, "Mira", (answer.format(thing),))),
            1,
            Split.HELD_OUT,
            "kitchen",
        )
        for thing in THINGS
    ]


def written(folder: Path, answer: str) -> Memory:
    past = [Exchange(None, (Heard("Otto", f"seen the {thing}?"),), (answer.format(thing),)) for thing in THINGS]
    memory.write(folder / "memory.db", past)
    return Memory(folder / "memory.db")


def test_a_memory_that_holds_the_answers_lowers_the_loss(tmp_path: Path) -> None:
    answer = "behind uncle ruprecht's {} shed"
    reader = Reader()
    found = remembered(held_out(answer), written(tmp_path, answer), reader, adapter=None)
    assert (found.replies, found.recalled) == (10, 10)
    assert found.gain.low > 0.5
    assert found.reminded.value < found.without.value
    assert all("Mira: behind" in shown and "Otto: seen" in shown for shown in reader.shown)


def test_a_memory_of_something_else_changes_nothing(tmp_path: Path) -> None:
    past = [Exchange(None, (Heard("Otto", f"what about {n}"),), (f"number {n}",)) for n in range(10)]
    memory.write(tmp_path / "memory.db", past)
    found = remembered(held_out("in the {} box"), Memory(tmp_path / "memory.db"), Reader(), adapter=None, most=5)
    assert (found.replies, found.recalled) == (5, 0)
    assert found.gain.value == 0
