"""The sample chat: that it is whole, safe to publish, and has enough of its owner in it."""

import re
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import pytest

from twin import sample

HEADER = re.compile(r"(\d\d/\d\d/\d{4}, \d\d:\d\d) - (.*)")
SENDERS = {"Nora Quill", "Edmund Farrow", "Tash Bellweather", "Jonty Pike"}


class Line(NamedTuple):
    sent_at: datetime
    sender: str | None
    text: str


@pytest.fixture(scope="module")
def raw() -> str:
    return sample.path().read_bytes().decode("utf-8")


@pytest.fixture(scope="module")
def lines(raw: str) -> list[Line]:
    found: list[Line] = []
    for line in raw.splitlines():
        if header := HEADER.fullmatch(line):
            sender, colon, text = header[2].partition(": ")
            known = bool(colon) and sender in SENDERS
            sent_at = datetime.strptime(header[1], "%d/%m/%Y, %H:%M")
            found.append(Line(sent_at, sender if known else None, text if known else header[2]))
        else:
            found[-1] = found[-1]._replace(text=f"{found[-1].text}\n{line}")
    return found


@pytest.fixture(scope="module")
def owner_texts(lines: list[Line]) -> list[str]:
    placeholders = {"<Media omitted>", "You deleted this message"}
    return [line.text for line in lines if line.sender == sample.OWNER and line.text not in placeholders]


def test_is_an_android_export(raw: str) -> None:
    assert sample.path().name == "WhatsApp Chat with Saturday crew.txt"
    assert sample.path().stat().st_size < 1_000_000
    assert "\r" not in raw
    assert "end-to-end encrypted" in raw.split("\n", 1)[0]


def test_four_people_write_for_half_a_year(lines: list[Line]) -> None:
    count = Counter(line.sender for line in lines if line.sender)
    assert set(count) == SENDERS
    assert count.total() >= 1600
    assert count[sample.OWNER] >= 600
    assert 0.35 <= count[sample.OWNER] / count.total() <= 0.5
    assert min(count.values()) >= 250
    assert lines[-1].sent_at - lines[0].sent_at >= timedelta(days=150)


def test_times_never_go_back(lines: list[Line]) -> None:
    assert all(a.sent_at <= b.sent_at for a, b in pairwise(lines))


def test_notices_are_known_phrases(lines: list[Line]) -> None:
    notice = re.compile(
        r"Messages and calls are end-to-end encrypted\. .*"
        r"|You (created group|added|changed) .*"
        r"|Tash Bellweather changed the group name from .*"
        r"|Jonty Pike's security code changed\. .*"
    )
    assert [line.text for line in lines if line.sender is None and not notice.fullmatch(line.text)] == []


def test_has_what_real_exports_have(lines: list[Line]) -> None:
    texts = [(line.sender, line.text) for line in lines]
    assert {sender for sender, text in texts if text == "You deleted this message"} == {sample.OWNER}
    assert any(text == "This message was deleted" for _, text in texts)
    assert any(text.endswith(" <This message was edited>") for _, text in texts)
    assert any(text.startswith("POLL:\n") for _, text in texts)
    assert sum(text == "<Media omitted>" for _, text in texts) >= 8
    assert sum("\n" in text and not text.startswith("POLL:") for _, text in texts) >= 2


def test_the_owner_writes_as_nobody_else_does(lines: list[Line], owner_texts: list[str]) -> None:
    assert not any("!" in text or "??" in text for text in owner_texts)
    assert sum(text == text.lower() for text in owner_texts) / len(owner_texts) > 0.99
    assert {mark for text in owner_texts for mark in text if ord(mark) > 0xFFFF} == {"🐌", "🫖"}
    assert sum(".." in text for text in owner_texts) / len(owner_texts) > 0.2
    assert sum("heheh" in text for text in owner_texts) >= 30
    others = [line.text for line in lines if line.sender not in {None, sample.OWNER}]
    assert not any("🐌" in text or "🫖" in text or "heheh" in text for text in others)


def test_the_owner_seldom_repeats_herself(owner_texts: list[str]) -> None:
    again = sum(count - 1 for text, count in Counter(owner_texts).items() if len(text.split()) > 2)
    assert again / len(owner_texts) <= 0.02
    assert len({word for text in owner_texts for word in re.findall(r"[a-z]+", text)}) > 1500


def test_holds_nothing_that_could_reach_a_person(raw: str) -> None:
    # 01632 960xxx is kept for fiction by the regulator; example.org by RFC 2606.
    bodies = "\n".join(line.split(" - ", 1)[-1] for line in raw.splitlines())
    numbers = [found for found in re.findall(r"\+?\d[\d\s()-]{5,}\d", bodies) if not found.startswith("01632 960")]
    assert numbers == []
    assert set(re.findall(r"@([\w.-]+\w)", bodies)) <= {"example.org"}
    assert all(re.fullmatch(r"([\w-]+\.)*example\.org", host) for host in re.findall(r"https?://([^/\s]+)", bodies))
