"""Rehearsals: what a twin in training answers, and that nobody waits for it."""

from pathlib import Path

import pytest
from tests.tiny import TinyGemma, tiny_adapter

from twin.base.models import Base
from twin.domain.examples import Example, Role, Split, Turn
from twin.domain.jsonl import write_examples
from twin.pipeline.rehearsal import rehearsals

OWNER = "Nora Quill"


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    asked = Turn(Role.OTHER, "Ben", ("did you water bed 3?",))
    held_out = Example((asked, Turn(Role.OWNER, OWNER, ("yes",))), 1, Split.HELD_OUT, "c")
    path = tmp_path / "examples.jsonl"
    write_examples(path, [held_out])
    return path


def test_each_adapter_answers_the_same_message(tiny: TinyGemma, examples: Path, tmp_path: Path) -> None:
    times = iter([0.0, 10.0, 20.0, 500.0, 510.0])
    with rehearsals(
        examples, base=Base("tiny", tiny.gguf), speaker=OWNER, folder=tmp_path, clock=lambda: next(times)
    ) as rehearse:
        first = rehearse(tiny_adapter())
        assert rehearse(tiny_adapter()) is None, "it would take more of the training's time than it may"
        second = rehearse(tiny_adapter(seed=5))
    for said in (first, second):
        assert said
        assert said.startswith("Ben: did you water bed 3? → Nora Quill: ")
        assert "\n" not in said
    assert first != second
    assert not list(tmp_path.glob("*.gguf"))


def test_an_adapter_that_cannot_be_heard_stops_no_training(tiny: TinyGemma, examples: Path, tmp_path: Path) -> None:
    with rehearsals(examples, base=Base("tiny", tiny.gguf), speaker=OWNER, folder=tmp_path) as rehearse:
        assert rehearse(tiny_adapter(layers=(7,))) is None
