"""What the panel counts, and languages and scripts."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from twin.domain.messages import Kind, Message
from twin.likeness import languages, people, style
from twin.likeness.models import Sampled


def panel(*messages: str) -> style.Panel:
    return style.panel([Sampled((message,)) for message in messages])


def test_the_panel_counts_what_people_see() -> None:
    found = style.panel(
        [Sampled(("hey u", "lol that was sooo late")), Sampled(("WHAT A DAY!",)), Sampled(("Fine, ok. 😂",))]
    )
    assert found.messages == pytest.approx(4 / 3)
    assert found.length == 11
    assert found.lower_case == 0.5
    assert found.capitals == 0.25
    assert found.unended == 0.5
    assert found.ends["!"] == 0.25
    assert found.ends["emoji"] == 0.25
    assert found.emoji == 0.25
    assert found.favourite_emoji == ["😂"]
    assert found.laughter == 0.25
    assert found.stretched == 0.25
    assert set(found.openers) == {"hey", "lol", "what", "fine"}


@pytest.mark.parametrize(
    "laugh",
    [
        "haha",
        "jajaja",
        "LOL",
        "lmaooo",
        "хахаха",
        "哈哈哈",
        "ㅋㅋㅋ",
        "555",
        "wwww",
        "kkkk",
        "rsrs",
        "mdr",
        "הההה",
        "ههههه",
    ],
)
def test_laughter_of_many_languages(laugh: str) -> None:
    expected = 0 if laugh == "הההה" else 1
    assert panel(f"{laugh} ok").laughter == expected


@pytest.mark.parametrize("word", ["have", "jam", "lollipop", "www.x.org", "1555", "hah", "habitat"])
def test_no_laughter(word: str) -> None:
    assert panel(word).laughter == 0


def test_names_are_no_openers() -> None:
    replies = [Sampled(("tomas: look",)), Sampled(("look there",))]
    assert style.panel(replies, names={"Tomas"}).openers == {"look": 0.5}


def test_no_messages_cannot_be_described() -> None:
    with pytest.raises(ValueError, match="no messages"):
        style.panel([Sampled(("  ",))])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("English", "I think that is what they said, but I don't know"),
        ("Spanish", "no sé qué hacer, pero mañana voy para allá con los niños"),
        ("German", "ich weiß nicht ob das was wird, aber wir sehen uns dann"),
        ("French", "je ne sais pas, mais c'est pas grave, on y va avec toi"),
        ("Italian", "non lo so, però va bene così, ci sono anche io"),
        ("Portuguese", "não sei, mas acho que você também pode vir com a gente"),
        ("Polish", "nie wiem, ale już się nie mogę doczekać"),
        ("Russian", "я не знаю, но это как-то так у нас"),
        ("Turkish", "ben bir şey demedim ama çok güzel oldu"),
        ("Japanese", "明日は行けません"),
        ("Chinese", "明天我去不了"),
        ("Korean", "내일 봐요"),
        ("Greek", "τι κάνεις σήμερα"),
    ],
)
def test_languages(name: str, text: str) -> None:
    assert next(iter(languages.languages([text] * 3))) == name


def test_two_languages_of_one_person() -> None:
    told = languages.languages(["i know that you can do it"] * 6 + ["pero no sé qué es lo que quieres"] * 4)
    assert told == {"English": 0.6, "Spanish": 0.4}


def test_letters_of_scripts_that_were_never_used() -> None:
    assert languages.foreign_letters("hola да 你好", used=languages.scripts("adiós")) == 4
    assert languages.foreign_letters("hola 123 😂 ...", used=languages.scripts("adiós")) == 0


def test_how_long_the_person_takes_to_answer() -> None:
    start = datetime(2024, 5, 1, 10, 0)
    said: list[Message] = []
    for at in range(12):
        asked = start + timedelta(days=at)
        said += [
            Message("whatsapp", "c", "Bo", asked, Kind.TEXT, "hey"),
            Message("whatsapp", "c", "Bo", asked + timedelta(seconds=20), Kind.TEXT, "there?"),
            Message("whatsapp", "c", "Ida", asked + timedelta(seconds=50), Kind.TEXT, "yes"),
            Message("whatsapp", "c", "Ida", asked + timedelta(seconds=90), Kind.TEXT, "what is it"),
            Message("whatsapp", "c", "Bo", asked + timedelta(hours=3), Kind.TEXT, "never mind"),
        ]
    assert people.answer_time(said, {"Ida"}) == 30
    assert people.answer_time(said[:20], {"Ida"}) is None
    assert people.answer_time([one._replace(sent_at=None) for one in said], {"Ida"}) is None
    mixed = [one._replace(sent_at=one.sent_at and one.sent_at.replace(tzinfo=UTC)) for one in said[::5]]
    assert people.answer_time([one for pair in zip(mixed, said[2::5], strict=True) for one in pair], {"Ida"}) is None


@pytest.mark.parametrize("part", ["ха", "ah", "ja", "ha", "haha ", "lo", ":)", "😂", "a", "!", "wk", "5", ". "])
def test_no_message_takes_long(part: str) -> None:
    start = time.process_time()
    panel(part * 5000 + "z")
    assert time.process_time() - start < 2
