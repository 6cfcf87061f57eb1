"""Who the person is."""

from collections import Counter

import pytest

from twin.errors import NotFoundError
from twin.ingest import Owner, Report, candidates, find_senders, infer_owner


def report(
    platform: str = "whatsapp", *, owner: str | None = None, evidence: str | None = None, **counts: int
) -> Report:
    return Report(
        [],
        platform,
        "",
        senders=Counter(counts),
        written_by_sender=Counter(counts),
        owner=owner,
        owner_evidence=evidence,
    )


def test_whoever_writes_in_every_chat() -> None:
    found = infer_owner([report(Ana=5, Bo=3), report(Ana=1, Cy=9), report(Ana=2, Dee=2)])
    assert found == Owner(("Ana",), "whatsapp: the only one who writes in every chat")


def test_two_who_write_in_every_chat_leave_it_open() -> None:
    assert infer_owner([report(Ana=5, Bo=3), report(Ana=1, Bo=9)]) is None


def test_one_chat_tells_nothing() -> None:
    assert infer_owner([report(Ana=5, Bo=3)]) is None


def test_an_export_that_knows() -> None:
    found = infer_owner([report(owner="Bo", evidence="deleted a message", Ana=5, Bo=3), report(Ana=1, Bo=9)])
    assert found == Owner(("Bo",), "whatsapp: deleted a message")


def test_several_platforms_have_several_names() -> None:
    found = infer_owner([report(Ana=5, Bo=3), report(Ana=1, Cy=9), report("telegram", owner="ana_p", ana_p=50, Dee=4)])
    assert found is not None
    assert found.names == ("ana_p", "Ana")


def test_two_owners_who_talk_with_each_other_disagree() -> None:
    assert infer_owner([report(owner="Ana", Ana=5, Bo=3), report(owner="Bo", Ana=1, Bo=9)]) is None


def test_candidates_are_sorted() -> None:
    assert candidates([report(Ana=5, Bo=3), report(Bo=4)]) == [("Bo", 7), ("Ana", 5)]


def test_names_are_found_as_people_type_them() -> None:
    reports = [Report([], "whatsapp", "", senders=Counter({"~\u202fJoão": 3, "ANA": 2, "\u2068Bo\u2069": 1}))]
    assert find_senders(reports, ["joão", "Ana", "bo"]) == ("~\u202fJoão", "ANA", "\u2068Bo\u2069")


def test_a_name_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(NotFoundError, match=r"Nobody here is called 'Zed'\. Those who write are: Ana .*, Bo "):
        find_senders([report(Ana=5, Bo=3)], ["Zed"])


def test_a_document_does_not_tell_who_its_writer_is_in_a_chat() -> None:
    note = report("document", owner="Author", evidence="a document has one writer", Author=33)
    assert infer_owner([note, report(Ana=5, Bo=3)]) is None
    assert infer_owner([note]) == Owner(("Author",), "document: a document has one writer")
    several = [note, report(Ana=5, Bo=3), report(Ana=1, Cy=9), report("telegram", Dee=5, Eve=3)]
    assert infer_owner(several[1:]) == Owner(("Ana",), "whatsapp: the only one who writes in every chat")
    letter = report("document", owner="Ana", evidence="the document names its author", Ana=33)
    found = infer_owner([letter, report(Ana=5, Bo=3)])
    assert found is not None
    assert found.names == ("Ana",)
