"""Whose twin it is."""

from collections import Counter

import pytest

from twin.errors import DataError
from twin.ingest import Report
from twin.pipeline.owner import Owner, inferred, named


def report(written: dict[str, int], *, owner: str | None = None, evidence: str | None = None) -> Report:
    found = Report(["chat.txt"], "whatsapp", "android")
    found.senders, found.written_by_sender = Counter(written), Counter(written)
    found.owner, found.owner_evidence = owner, evidence
    return found


def test_a_name_that_is_there() -> None:
    reports = [report({"Ana Pérez": 3, "Ben": 2})]
    assert named(["Ana Pérez"], reports).speakers == ("Ana Pérez",)
    assert named(["Ana Pérez", "Ben", "Ana Pérez"], reports).speakers == ("Ana Pérez", "Ben")


@pytest.mark.parametrize("typed", ["ana pérez", " Ana Pe\u0301rez", "ANA PÉREZ"])
def test_a_name_typed_another_way(typed: str) -> None:
    assert named([typed], [report({"Ana Pérez": 3, "Ben": 2})]).speakers == ("Ana Pérez",)


def test_a_name_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(DataError) as caught:
        named(["Anna Pérez"], [report({"Ana Pérez": 1200, "Ben": 2}), report({"Ben": 3})])
    assert str(caught.value) == (
        "Nobody called 'Anna Pérez' writes in these chats. Did you mean 'Ana Pérez'? "
        "Those who do: Ana Pérez (1,200), Ben (5)."
    )


def test_a_crowd_is_not_listed_whole() -> None:
    with pytest.raises(DataError, match="and 38 more"):
        named(["x"], [report({f"person {number}": 1 for number in range(50)})])


def test_an_id_of_the_owner_counts_as_a_name() -> None:
    with_id = report({"Ana": 3})
    with_id.owner_id = "user123"
    assert named(["user123"], [with_id]).speakers == ("user123",)


def test_the_export_says_whose_it_is() -> None:
    found = inferred([report({"Ben": 9, "Ana": 3}, owner="Ana", evidence="deleted a message as “You”")])
    assert found == Owner(("Ana",), "deleted a message as “You”")


def test_one_person_under_two_names() -> None:
    found = inferred([report({"ana_p": 3}, owner="ana_p"), report({"Ana Pérez": 9}, owner="Ana Pérez")])
    assert found is not None
    assert found.speakers == ("Ana Pérez", "ana_p")


def test_who_is_in_every_chat() -> None:
    found = inferred([report({"Ana": 1, "Ben": 5}), report({"Ana": 1, "Cleo": 5})])
    assert found == Owner(("Ana",), "the only one who writes in all 2 chats")


@pytest.mark.parametrize(
    "reports",
    [[report({"Ana": 1, "Ben": 5})], [report({"Ana": 1, "Ben": 5}), report({"Ana": 1, "Ben": 5})], []],
    ids=["one chat", "two in both", "none"],
)
def test_exports_that_leave_it_open(reports: list[Report]) -> None:
    assert inferred(reports) is None
