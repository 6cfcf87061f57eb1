"""Free text to dialogue: every word of the person stays, verbatim and in order."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.domain.examples import Role, Split, Turn
from twin.domain.messages import Kind, Message
from twin.prepare import prepare
from twin.prepare.augment import LONGEST, Document, LocalOtherSide, Passage, augment, fits, passages

DIARY = Document(
    "diary",
    "Monday. Rain again, and the roof of the shed has started to sing.\n\n"
    "I called Ines about the boat. She laughed for a full minute before she said no. I deserved that.\n\n"
    "Short one.\n\n"
    "Tomorrow: fix the shed, buy nails, write to Ines — and mean it this time.\n",
)


class Canned:
    """An other side that says what it is told to."""

    def __init__(self, *answers: str | None, name: str = "canned") -> None:
        self.answers, self.name, self.asked = answers, name, 0

    def openings(self, passages: Sequence[Passage]) -> Iterator[str | None]:
        self.asked += len(passages)
        for at in range(len(passages)):
            yield self.answers[at % len(self.answers)]


TEXTS = st.text(st.sampled_from("abcÄß漢。.!? \n\t😂é\u0301'\"-,") | st.characters(codec="utf-8"), max_size=3000)


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_passages_are_spans_of_the_source_and_lose_nothing(text: str) -> None:
    cut = passages(Document("d", text))
    at = 0
    for passage in cut:
        assert text[passage.start : passage.end] == passage.text
        assert passage.text.strip() == passage.text != ""
        assert len(passage.text) <= LONGEST
        assert text[at : passage.start].strip() == ""
        at = passage.end
    assert text[at:].strip() == ""


def test_passages_end_with_sentences_and_know_what_came_before() -> None:
    long = Document("d", " ".join(f"This is sentence number {n} of a long letter." for n in range(60)))
    cut = passages(long)
    assert len(cut) > 3
    assert all(passage.text.endswith(".") for passage in cut)
    assert [passage.before for passage in cut] == ["", *(passage.text for passage in cut[:-1])]


def test_a_long_word_and_text_without_spaces_are_cut_too() -> None:
    assert [len(passage.text) for passage in passages(Document("d", "x" * 1500))] == [400, 400, 400, 300]
    chinese = "今天下雨了，我们没有去公园。" * 100
    assert all(passage.text.endswith("。") for passage in passages(Document("d", chinese)))


def test_the_persons_words_are_the_replies() -> None:
    made = augment([DIARY], owner="Ida", other_sides=[Canned("what's new at your place?")], held_out=0.34)
    assert made.origins == {"canned": 3, "plain": 0}
    replies = [example.turns[-1] for example in made.examples]
    assert all(reply.role is Role.OWNER and reply.name == "Ida" for reply in replies)
    assert all(reply.messages[0] in DIARY.text for reply in replies)
    assert "".join("".join(reply.messages[0].split()) for reply in replies) == "".join(DIARY.text.split())
    assert [example.turns[0].role for example in made.examples] == [Role.OTHER] * 3
    assert [example.context for example in made.examples] == [1, 1, 1]
    assert [example.split for example in made.examples] == [Split.TRAIN, Split.TRAIN, Split.HELD_OUT]


def test_each_other_side_gets_what_those_before_it_left() -> None:
    first, second = Canned(None, "and then?", name="first"), Canned("so?", name="second")
    made = augment([DIARY], owner="Ida", other_sides=[first, second])
    assert (first.asked, second.asked) == (3, 2)
    assert made.origins == {"first": 1, "second": 2, "plain": 0}


def test_without_another_side_it_is_plain_continuation() -> None:
    made = augment([DIARY], owner="Ida")
    assert made.origins == {"plain": 3}
    assert [len(example.turns) for example in made.examples] == [1, 2, 2]
    for before, example in zip(made.examples, made.examples[1:], strict=False):
        assert example.turns[0] == before.turns[-1]
        assert example.context == 1


@pytest.mark.parametrize(
    "opening",
    ["", "  ", "two\nlines", "x" * 400, "so Rain again, and the roof of the shed has started, right?"],
)
def test_openings_that_do_not_fit_are_refused(opening: str) -> None:
    assert not fits(opening, DIARY.text)
    made = augment([DIARY], owner="Ida", other_sides=[Canned(opening)])
    assert made.origins["plain"] == len(made.examples) - made.origins["canned"]


def test_the_local_base_is_asked_with_examples() -> None:
    prompts: list[Sequence[Turn]] = []

    def answer(turns: Sequence[Turn], name: str) -> str:
        prompts.append(turns)
        assert turns[1].name == name
        return " how is the shed?\nand the boat?"

    made = augment([DIARY], owner="Ida", other_sides=[LocalOtherSide(answer)])
    assert made.origins["local"] == 3
    assert all(example.turns[0].messages == ("how is the shed?",) for example in made.examples)
    assert [prompt[-1].messages[0] for prompt in prompts] == [" ".join(one.text.split()) for one in passages(DIARY)]
    assert all(len(prompt) == 7 for prompt in prompts)


def test_the_local_base_is_asked_for_so_many_at_most() -> None:
    long = Document(
        "d",
        "\n\n".join(
            f"This is paragraph {n}, which is about the old boat once again, alas and alack." for n in range(50)
        ),
    )
    made = augment([long], owner="Ida", other_sides=[LocalOtherSide(lambda *_: "and the boat?", most=20)])
    assert made.origins == {"local": 17, "plain": 33}


def test_writing_becomes_examples_beside_the_chats() -> None:
    chat = [Message("whatsapp", "c", who, None, Kind.TEXT, f"hello {n}") for n in range(20) for who in ("Bo", "Ida")]
    paragraphs = [Message("document", "diary", "Ida", None, Kind.TEXT, text) for text in DIARY.text.split("\n\n")]
    others = [Message("document", "novel", "Bo", None, Kind.TEXT, "It was a dark night, and the shed was darker.")]
    side = Canned("how was monday?")
    prepared = prepare([*chat, *paragraphs, *others], speakers=("Ida",), measure=lambda _: 5, other_sides=[side])
    written = [one for one in prepared.examples if one.source == "text:diary"]
    assert [one.turns[-1].messages[0] for one in written] == [one.text for one in passages(DIARY)]
    assert {one.turns[0].name for one in written} == {"Bo"}, "the other side is whom the person writes with most"
    assert prepared.origins == {"canned": 3, "plain": 0}
    assert prepared.dropped == {"texts of others": 1}
    assert prepared.messages == prepared.kept + 1
    assert not any("Rain" in turn.messages[0] for one in prepared.examples if one not in written for turn in one.turns)


def test_nothing_written_gives_nothing() -> None:
    assert augment([Document("empty", " \n\n ")], owner="Ida").examples == ()
