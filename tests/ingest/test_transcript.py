"""Plain transcripts."""

from pathlib import Path

import pytest
from tests.ingest.uploads import read_upload

from twin.domain.messages import Kind
from twin.errors import ExportError


def test_names_and_lines(tmp_path: Path) -> None:
    text = "A talk\n\nAna: hello\nBo: hi: there\nsecond line\n\nAna: \nBo: bye\nDee: late\n"
    found = read_upload(tmp_path, {"talk.txt": text})
    assert found.senders == ["Ana", "Bo", "Ana", "Bo", "Dee"]
    assert found.texts == ["hello", "hi: there\nsecond line", "", "bye", "late"]
    assert found.kinds[2] is Kind.EMPTY
    assert found.times == [None] * 5
    assert found.chats[0] == "talk"
    assert found.report.unmatched == [1]


def test_two_lines_are_enough(tmp_path: Path) -> None:
    assert read_upload(tmp_path, {"a.txt": "Ana: hello\nBo: hi\n"}).texts == ["hello", "hi"]


def test_bold_names(tmp_path: Path) -> None:
    found = read_upload(tmp_path, {"a.md": "**Ana:** hello\n\n**Bo**: hi\n\n**Ana:** so\n"})
    assert list(zip(found.senders, found.texts, strict=True)) == [("Ana", "hello"), ("Bo", "hi"), ("Ana", "so")]


@pytest.mark.parametrize(
    "text",
    [
        "name: x\nversion: 2\nauthor: me\nlicence: free\nhost: here\nport: 80\nuser: root\n",
        "From: a@example.org\nTo: b@example.org\nSubject: hi\nDate: today\nX-Mailer: none\n\nhello you\nhow are you\n",
        "It was a dark night. He said: no.\nThe wind blew: cold.\nNobody came.\nNothing moved.\n",
    ],
)
def test_what_is_no_transcript(tmp_path: Path, text: str) -> None:
    try:
        found = read_upload(tmp_path, {"a.txt": text})
    except ExportError:
        return
    assert found.report.platform != "transcript"
