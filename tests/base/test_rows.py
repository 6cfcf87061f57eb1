"""Packing loses nothing, and packed examples do not see each other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tiny import TinyGemma

from twin.base import keras as base_keras
from twin.base.embedding import table_of
from twin.base.forward import hidden_states, token_losses
from twin.base.models import Base
from twin.base.rows import Batch, Tokens, batches, continuation, measure, sequence
from twin.domain.examples import Example, Role, Split, Turn

TURNS = (
    Turn(Role.OTHER, "Bo", ("hi there", "you in")),
    Turn(Role.OWNER, "Nora", ("aye", "what of it")),
    Turn(Role.OTHER, "Bo", ("nothing",)),
)


@pytest.fixture(scope="module")
def base(tiny: TinyGemma) -> Base:
    return Base("tiny", tiny.gguf)


def tokens(sizes: list[int], seed: int = 0) -> list[Tokens]:
    random = np.random.default_rng(seed)
    made = []
    for size in sizes:
        learned = random.random(size) < 0.4
        learned[0], learned[-1] = False, True
        made.append(Tokens(random.integers(10, 100, size).astype(np.int32), learned, learned))
    return made


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(2, 32), min_size=1, max_size=60), seed=st.none() | st.integers(0, 3))
def test_every_predicted_token_is_in_exactly_one_batch(sizes: list[int], seed: int | None) -> None:
    given_ = tokens(sizes)
    made = batches(given_, rows=3, length=32, seed=seed)
    assert len({batch.places.shape for batch in made}) == 1
    found: list[tuple[int, int]] = []
    for batch in made:
        rows = batch.tokens.reshape(-1)
        real = batch.learned > 0
        assert (rows[batch.places[real] + 1] == batch.targets[real]).all()
        segments = batch.segments.reshape(-1)
        assert (segments[batch.places[real]] == segments[batch.places[real] + 1]).all()
        found += zip(batch.owners[real].tolist(), batch.targets[real].tolist(), strict=True)
    wanted = [(index, int(t)) for index, one in enumerate(given_) for t in one.tokens[one.learned]]
    assert sorted(found) == sorted(wanted)


def test_a_few_crowded_batches_do_not_make_all_larger() -> None:
    crowded = [Tokens(np.arange(32, dtype=np.int32), np.arange(32) > 0, np.arange(32) > 0)] * 2
    usual = [Tokens(np.arange(32, dtype=np.int32), np.arange(32) > 24, np.arange(32) > 24)] * 98
    made = batches([*crowded, *usual], rows=2, length=32, seed=1)
    assert made[0].places.shape == (32,)
    assert batches([*crowded, *usual], rows=2, length=32)[0].places.shape == (64,)
    assert sum(batch.learned.sum() for batch in made) == 2 * 32 + 48 * 14


def losses(backbone: object, batch: Batch) -> dict[int, float]:
    states = np.asarray(hidden_states(backbone, batch.tokens, batch.segments)).reshape(-1, 64)[batch.places]
    nats = np.asarray(token_losses(states, table_of(backbone.token_embedding), batch.targets))  # type: ignore[attr-defined]
    real = batch.learned > 0
    return {int(owner): float(nats[real & (batch.owners == owner)].sum()) for owner in set(batch.owners[real])}


def test_a_packed_example_is_worth_what_it_is_alone(base: Base) -> None:
    backbone = base_keras.load(base)
    given_ = tokens([9, 14, 20, 5, 11])
    alone = {}
    for index, one in enumerate(given_):
        alone[index] = losses(backbone, batches([one], rows=1, length=len(one.tokens))[0])[0]
    packed: dict[int, float] = {}
    for batch in batches(given_, rows=2, length=32):
        packed |= losses(backbone, batch)
    assert packed == pytest.approx(alone, rel=1e-5)


def test_the_forward_pass_is_kerashubs(base: Base, tiny: TinyGemma) -> None:
    ids = np.random.default_rng(0).integers(4, 100, (2, 24)).astype(np.int32)
    whole = tiny.backbone()({"token_ids": ids, "padding_mask": np.ones_like(ids)})
    ours = hidden_states(base_keras.load(base), ids, np.ones_like(ids))
    assert np.asarray(ours) == pytest.approx(np.asarray(whole), abs=2e-5)


def test_what_follows_the_last_learned_token_is_left_out_and_old_context_goes_first(base: Base) -> None:
    example = Example(TURNS, 0, Split.TRAIN, "s")
    whole = sequence(base, example, longest=500)
    assert whole is not None
    text = base.vocabulary.decode(whole.tokens[1:].tolist())
    assert text.endswith("Bo: hi there\nBo: you in\n\nNora: aye\nNora: what of it\n\n")
    assert "nothing" not in text
    own = base.vocabulary.decode(whole.tokens[whole.words].tolist())
    assert own == " aye\n what of it\n\n"
    cut = sequence(base, example, longest=12)
    assert cut is not None
    assert len(cut.tokens) == 12
    assert cut.tokens[1:].tolist() == whole.tokens[-11:].tolist()


def test_a_code_is_read_and_not_learnt(base: Base) -> None:
    said = ("gate code is 4711", "back at 10 or 11:30, room 305", "2048")
    one = sequence(base, Example((Turn(Role.OWNER, "Nora", said),), 0, Split.TRAIN, "s"), longest=500)
    assert one is not None
    assert "4711" in base.vocabulary.decode(one.tokens.tolist())
    learned = base.vocabulary.decode(one.tokens[one.words].tolist())
    assert learned == " gate code is \n back at 10 or 11:30, room 305\n \n\n"
    assert not (one.words & ~one.learned).any()


def test_a_continuation_predicts_the_last_turn_only(base: Base) -> None:
    one = continuation(base, TURNS[:2], longest=500)
    assert base.vocabulary.decode(one.tokens[one.words].tolist()) == " aye\n what of it\n\n"
    assert base.vocabulary.decode(one.tokens[~one.learned].tolist()) == "Bo: hi there\nBo: you in\n\nNora:"


def test_a_turn_measures_what_it_adds(base: Base) -> None:
    example = Example(TURNS[:2], 0, Split.TRAIN, "s")
    whole = sequence(base, example, longest=500)
    assert whole is not None
    assert sum(map(measure(base), TURNS[:2])) == len(whole.tokens) - 1
