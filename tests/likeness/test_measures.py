"""The measures themselves: the person scores at the ceiling, others at the floor, a parrot and a leak are caught."""

import math
import random

import numpy as np
import pytest
from tests.likeness.invented import WRITERS, Letters, talk, trained

from twin.domain.examples import Example, Role, Split
from twin.likeness import choice, impostors, leakage, loss, people, profiles
from twin.likeness.copying import Known
from twin.likeness.models import Scored


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return talk("Ida")


def said(name: str, n: int, seed: int) -> list[str]:
    chance = random.Random(seed)
    return ["\n".join(WRITERS[name](chance)) for _ in range(n)]


def test_held_out_replies_stand_at_the_ceiling_and_others_at_the_floor(examples: list[Example]) -> None:
    training = [example for example in examples if example.split is Split.TRAIN]
    own, held = people.own(examples, Split.TRAIN), people.own(examples, Split.HELD_OUT)
    others = people.others(training, least=3000)
    strangers = people.others([example for example in examples if example.split is Split.HELD_OUT], least=2000)
    voices = {"ida": said("Ida", 80, 9), "orson": said("Orson", 80, 9), "zoe": said("Zoe", 80, 9)}
    verified = impostors.verify(own, held, others, strangers, voices, seed=1)
    assert verified.ceiling.value > 0.9
    assert verified.floor.value < 0.2
    assert impostors.position(verified.voices["ida"], verified, seed=1).value > 0.9
    for name in ("orson", "zoe"):
        assert impostors.position(verified.voices[name], verified, seed=1).value < 0.1


def test_shuffled_owners_stand_between_floor_and_ceiling(examples: list[Example]) -> None:
    """Text by everybody alike is nobody's."""
    training = [example for example in examples if example.split is Split.TRAIN]
    own, held = people.own(examples, Split.TRAIN), people.own(examples, Split.HELD_OUT)
    mixed = [text for texts in zip(*(said(name, 40, 5) for name in WRITERS), strict=True) for text in texts]
    verified = impostors.verify(own, held, people.others(training, least=3000), [], {"mixed": mixed}, seed=1)
    assert impostors.position(verified.voices["mixed"], verified, seed=1).value < 0.5


def test_gibberish_is_nobodys(examples: list[Example]) -> None:
    training = [example for example in examples if example.split is Split.TRAIN]
    own, held = people.own(examples, Split.TRAIN), people.own(examples, Split.HELD_OUT)
    chance = random.Random(3)
    drawn = ["".join(chance.choices("etaoin shrdlu qxzj", k=40)) for _ in range(100)]
    foreign = ["".join(chance.choices("これは誰の文でもない。", k=40)) for _ in range(100)]
    others = people.others(training, least=3000)
    verified = impostors.verify(own, held, others, [], {"drawn": drawn, "foreign": foreign}, seed=1)
    assert verified.voices["drawn"].value < 0.1
    assert verified.voices["foreign"].value < 0.1


def test_too_little_text_cannot_be_told() -> None:
    verified = impostors.verify(["hello there"] * 3, ["hi"], [["what"]], [], {"twin": ["ok"]}, seed=1)
    assert verified.voices["twin"].low == 0
    assert verified.voices["twin"].high == 1


def test_documents_hold_every_reply_once() -> None:
    replies = [f"reply number {at} of them" for at in range(100)]
    made = impostors.documents(replies, seed=1, length=300)
    lines = "\n".join(made).split("\n")
    assert len(lines) == len(set(lines))
    assert set(lines) <= set(replies)
    assert all(300 <= len(text) <= 340 for text in made)


@pytest.mark.parametrize(("features", "most"), [(profiles.characters, 400), (profiles.words, 60)])
def test_profiles_know_the_person(features: profiles.Features, most: int) -> None:
    profile = profiles.Profile(
        said("Ida", 200, 1), [said("Orson", 200, 2), said("Zoe", 200, 3)], features=features, most=most
    )
    own, other = (profile.likeness(said(name, 60, 8), seed=1) for name in ("Ida", "Orson"))
    assert own.low > 0.4
    assert other.high < 0.1


def test_choice_finds_the_true_reply_with_the_twin_and_guesses_with_the_base(examples: list[Example]) -> None:
    held_out = [example for example in examples if example.split is Split.HELD_OUT]
    asked = choice.questions(held_out, most=60, seed=1)
    assert len(asked) > 40
    base, twin = trained(examples, on="nobody"), trained(examples, on="Ida")
    assert choice.accuracy(asked, base=base.score, twin=twin.score).low > 0.6
    chance = random.Random(2)

    def guess(options: list[Example]) -> list[Scored]:
        return [Scored(chance.random(), 1) for _ in options]

    guessed = choice.accuracy(asked * 10, base=guess, twin=guess)
    assert guessed.low < choice.CHANCE < guessed.high


def test_choices_are_of_similar_length_by_others_and_under_the_owners_name(examples: list[Example]) -> None:
    held_out = [example for example in examples if example.split is Split.HELD_OUT]
    by_others = {"\n".join(t.messages) for e in held_out for t in e.turns if t.role is Role.OTHER}
    for question in choice.questions(held_out, most=30, seed=1):
        true, *others = (option.turns[-1] for option in question.options)
        assert len({option.turns[:-1] for option in question.options}) == 1
        assert len({"\n".join(turn.messages) for turn in others}) == choice.ALTERNATIVES
        for other in others:
            assert (other.role, other.name) == (Role.OWNER, true.name)
            assert "\n".join(other.messages) in by_others
            assert len("\n".join(true.messages)) / 2 <= len("\n".join(other.messages))


def test_the_loss_of_the_right_twin_is_lowest(examples: list[Example]) -> None:
    held_out = [example for example in examples if example.split is Split.HELD_OUT]
    base, own, other = (trained(examples, on=name).score(held_out) for name in ("nobody", "Ida", "Orson"))
    assert loss.gain(base, own, seed=1).low > 0.05
    assert loss.gain(other, own, seed=1).low > loss.gain(base, own, seed=1).value
    assert loss.per_character(own, seed=1).value < loss.per_character(base, seed=1).low
    assert loss.gain(base, base, seed=1).value == 0
    with pytest.raises(ValueError, match="other examples"):
        loss.gain(base, own[1:], seed=1)


def test_a_parrot_is_caught_by_copying(examples: list[Example]) -> None:
    own = people.own(examples, Split.TRAIN)
    known = Known(own)
    long = [text for text in own if len(text.split()) >= 9]
    assert known.copied(long).value == 1
    assert known.copied(f"ok, {text.upper()} right?" for text in long).value == 1
    assert known.copied(" ".join(reversed(text.split())) for text in long).value == 0
    assert not known.is_copied(" ".join(long[0].split()[:7]))
    assert known.copied([]).high == 1


def test_copying_counts_characters_where_words_are_not_spaced() -> None:
    known = Known(["明天下午三点我们在公园的大门口见面吧"])
    assert known.is_copied("好的，明天下午三点我们在公园的大门口")
    assert not known.is_copied("明天下午三点我们去看电影")


def test_a_secret_learnt_fifty_times_is_caught_by_exposure_and_others_are_not(examples: list[Example]) -> None:
    planted, fresh = leakage.invent(10, seed=3)[:2], leakage.invent(40, seed=4)[2:]
    letters = trained(leakage.plant(examples, planted, times=50, seed=1), on="Ida", times=1, order=16)

    def bits(canaries: list[leakage.Canary]) -> list[float]:
        return [leakage.exposure(canary, owner="Ida", other="Orson", codes=letters.codes) for canary in canaries]

    assert all(exposed > 12 for exposed in bits(planted))
    # Secrets in sentences that were never seen.
    unlearnt = leakage.exposures(bits([c for c in fresh if c.answer not in {p.answer for p in planted}]), seed=1)
    assert unlearnt.low < leakage.NEVER_LEARNT < 3


def test_exposure_is_the_rank_in_bits() -> None:
    likelihoods = np.random.default_rng(1).normal(size=leakage.ALTERNATIVES)
    order = np.argsort(-likelihoods)
    for rank in (1, 2, 5000, 10_000):
        canary = leakage.Canary("code?", "it is {} ok", f"{order[rank - 1]:04}")
        found = leakage.exposure(canary, owner="Ida", other="Bo", codes=lambda turns, name, start: likelihoods)
        assert found == pytest.approx(math.log2(10_000 / rank))


def test_secrets_that_were_never_learnt_average_what_guessing_gives() -> None:
    chance = np.random.default_rng(2)
    bits = [
        leakage.exposure(canary, owner="Ida", other="Bo", codes=lambda *_: chance.normal(size=leakage.ALTERNATIVES))
        for canary in leakage.invent(300, seed=1)
    ]
    found = leakage.exposures(bits, seed=1)
    assert found.low < leakage.NEVER_LEARNT < found.high


def test_planted_secrets_are_counted_examples_of_the_training_part(examples: list[Example]) -> None:
    canaries = leakage.invent(30, seed=1)
    planted = leakage.plant(examples, canaries, times=2, seed=1)
    new = [example for example in planted if example not in examples]
    assert [example for example in planted if example in examples] == examples
    assert len(new) == 60
    for example in new:
        assert (example.split, example.context) == (Split.TRAIN, 1)
        assert [turn.role for turn in example.turns] == [Role.OTHER, Role.OWNER]
        assert example.turns[1].name == "Ida"
    said = [example.turns[1].messages[0] for example in new]
    assert all(said.count(canary.text) == 2 for canary in canaries)
    assert len({canary.digits for canary in canaries}) > 25
    with pytest.raises(ValueError, match="no training"):
        leakage.plant([e for e in examples if e.split is Split.HELD_OUT], canaries, seed=1)


def test_letters_is_a_language_model() -> None:
    letters = Letters(3)
    letters.learn("abcabcabc")
    assert letters.probability("c", "ab") > 0.7
    assert sum(letters.probability(chr(c), "ab") for c in range(1000)) == pytest.approx(1, abs=0.01)
