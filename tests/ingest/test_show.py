"""Reports, for people and for programs."""

import io
import json
from datetime import datetime
from pathlib import Path

from twin.domain.messages import Kind, Message
from twin.ingest import message_json, print_reports, read, report_json


def test_a_message_as_json() -> None:
    message = Message("whatsapp", "Ana", "Bo", datetime(2021, 2, 1, 10, 0), Kind.TEXT, "héllo\n", "what?")
    assert message_json(message) == {
        "platform": "whatsapp", "chat": "Ana", "sender": "Bo", "sent_at": "2021-02-01T10:00:00", "kind": "text",
        "text": "héllo\n", "reply_to": "what?",
    }  # fmt: skip


def test_a_report_as_json_and_as_a_table(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("note\n01/02/21, 10:00 - Ana: [bold]secret[/bold]\n01/02/21, 10:01 - Bo: x\n")
    (tmp_path / "b.bin").write_bytes(b"\0\1\2\3")
    reading = read([tmp_path])
    list(reading)
    told = json.loads(json.dumps(report_json(reading.reports[0])))
    assert told["messages"] == 2
    assert told["kinds"] == {"text": 2}
    assert told["senders"] == {"Ana": 1, "Bo": 1}
    assert (told["unmatched"], told["unmatched_count"]) == ([1], 1)
    assert told["first"] == "2021-02-01T10:00:00"
    assert told["date_order"] == "dmy"
    page = io.StringIO()
    print_reports(reading, to=page)
    text = page.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    assert "Ana 1, Bo 1" in text
    assert "b.bin" in text
    assert "\x1b" not in text
    assert "secret" not in text
