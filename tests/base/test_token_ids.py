"""The vocabulary splits text into the very tokens that llama.cpp splits it into."""

import pytest
from tests.lines import lines
from tests.llama import Llama
from tests.tiny import TinyGemma

from twin.base.gguf import GGUF
from twin.base.models import Base
from twin.base.vocabulary import Vocabulary


@pytest.mark.parametrize("which", ["tiny", "gemma"])
def test_same_tokens_as_llama_cpp(which: str, request: pytest.FixtureRequest) -> None:
    model: TinyGemma | Base = request.getfixturevalue(which)
    path = model.gguf if isinstance(model, TinyGemma) else model.path
    vocabulary = Vocabulary.of(GGUF(path))
    llama = Llama(path)
    seen: set[int] = set()
    for number, line in enumerate(lines(vocabulary, seed=11)):
        ours = vocabulary.encode(line)
        assert ours == llama.tokens(line), f"line {number}: {line!r}"
        seen.update(ours)
    assert len(seen) > min(0.7 * len(vocabulary), 3000)
