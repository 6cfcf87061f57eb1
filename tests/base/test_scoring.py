"""Scores of many examples at once are those of each alone, and adapters come and go without a trace."""

import pytest
from tests.tiny import TinyGemma, tiny_adapter

from twin.base.models import Base
from twin.base.scoring import Scorer
from twin.domain.examples import Example, Role, Split, Turn


def example(*words: str) -> Example:
    turns = [
        Turn(Role.OWNER if index % 2 else Role.OTHER, "NB"[index % 2], (word,)) for index, word in enumerate(words)
    ]
    return Example(tuple(turns), 0, Split.HELD_OUT, "s")


EXAMPLES = [
    example("hi", "hello you", "ok", "fine then"),
    example("what now", "tea"),
    example("only others here"),
    example("and", "a rather longer reply with several words in it", "no", "yes"),
]


def test_scores_and_adapters(tiny: TinyGemma) -> None:
    scorer = Scorer(Base("tiny", tiny.gguf), length=128)
    plain = scorer.examples(EXAMPLES, adapter=None)
    assert plain[2] == 0.0
    assert plain == pytest.approx([scorer.examples([one], adapter=None)[0] for one in EXAMPLES], rel=1e-4)
    one, other = tiny_adapter(seed=1), tiny_adapter(seed=2)
    with_one = scorer.examples(EXAMPLES, adapter=one)
    assert with_one != pytest.approx(plain, rel=1e-2)
    assert scorer.examples(EXAMPLES, adapter=other) != pytest.approx(with_one, rel=1e-2)
    assert scorer.examples(EXAMPLES, adapter=one) == pytest.approx(with_one, rel=1e-3)
    assert scorer.examples(EXAMPLES, adapter=None) == pytest.approx(plain, rel=1e-3)


def test_a_reply_is_worth_its_words_in_the_example(tiny: TinyGemma) -> None:
    scorer = Scorer(Base("tiny", tiny.gguf), length=128)
    whole = scorer.examples(EXAMPLES[:1], adapter=None)[0]
    turns = EXAMPLES[0].turns
    parts = scorer.replies([turns[:2], turns[:4]], adapter=None)
    assert sum(parts) == pytest.approx(whole, rel=1e-4)
    assert scorer.replies([turns[:2]], adapter=None, preambles=["said before"])[0] != pytest.approx(parts[0], rel=1e-3)
