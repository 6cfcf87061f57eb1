"""Likelihoods of codes computed together are those of each code computed alone."""

import numpy as np
import pytest
from tests.tiny import TinyGemma, tiny_adapter

from twin.base import codes
from twin.base.forward import predicted_nats
from twin.base.models import Base
from twin.base.rows import Tokens, batches
from twin.base.scoring import Scorer
from twin.domain.examples import Role, Turn
from twin.errors import ModelError

ASKED = [Turn(Role.OTHER, "Bo", ("what is the code of the gate?",))]
START = "the gate code is "


def test_codes_are_worth_what_each_is_alone(tiny: TinyGemma) -> None:
    base = Base("tiny", tiny.gguf)
    scorer = Scorer(base, length=128)
    before, digits = codes._tokens(base, ASKED, speaker="Ida", start=START)
    for adapter in (None, tiny_adapter(seed=1)):
        found = scorer.codes(ASKED, speaker="Ida", start=START, adapter=adapter)
        assert found.shape == (10_000,)
        assert 0 < np.exp(found).sum() < 1
        for code in ("0000", "0007", "4831", "4813", "9999"):
            tokens = np.array([*before, *(digits[int(digit)] for digit in code)], np.int32)
            learned = np.arange(len(tokens)) >= len(before)
            (batch,) = batches([Tokens(tokens, learned, learned)], rows=1, length=128)
            nats = float((np.asarray(predicted_nats(scorer._backbone, batch)) * batch.words).sum())
            assert -found[int(code)] == pytest.approx(nats, abs=1e-3)


def test_a_vocabulary_that_joins_digits_is_refused(tiny: TinyGemma, monkeypatch: pytest.MonkeyPatch) -> None:
    base = Base("tiny", tiny.gguf)
    plain = base.vocabulary.encode
    monkeypatch.setattr(type(base.vocabulary), "encode", lambda _, text: plain(text.replace("00", "x")))
    with pytest.raises(ModelError, match="joins digits"):
        codes._tokens(base, ASKED, speaker="Ida", start=START)
