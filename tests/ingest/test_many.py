"""A folder with exports of many platforms, nested as people keep them."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from tests.ingest.uploads import encoded, read_upload

from twin.domain.messages import WORDS


def _zip(files: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, encoded(content))
    return stream.getvalue()


TELEGRAM = {"name": "Ben", "type": "personal_chat", "id": 2, "messages": [
    {"id": 1, "type": "message", "date": "2024-01-01T10:00:00", "date_unixtime": "1704099600", "from": "Ana", "from_id": "user1", "text": "one"},
]}  # fmt: skip
MESSENGER = {"participants": [{"name": "Ana"}, {"name": "Eva"}], "title": "Eva", "messages": [
    {"sender_name": "Eva", "timestamp_ms": 1704099600000, "content": "two"},
]}  # fmt: skip
DISCORD = {"guild": {"id": "0", "name": "Direct Messages"}, "channel": {"id": "9", "type": "DirectTextChat", "name": "mia"}, "messages": [
    {"id": "1", "type": "Default", "timestamp": "2024-01-01T10:00:00+00:00", "content": "three", "author": {"id": "5", "name": "mia"}},
]}  # fmt: skip
MAIL = "From x Mon Jan 01 12:00:00 2024\nMessage-ID: <1@x>\nFrom: Ana <ana@example.org>\nTo: b@example.org\nSubject: s\nDate: Mon, 01 Jan 2024 12:00:00 +0000\n\nfour\n"
SMS = '<?xml version="1.0"?><smses count="1"><sms address="1" date="1704099600000" type="2" body="five" contact_name="Ida" /></smses>'
WHATSAPP = "01/02/24, 10:00 - Ana: six\n01/02/24, 10:01 - Bo: seven\n"
CLAUDE = [{"uuid": "c", "name": "Poem", "chat_messages": [{"uuid": "1", "text": "eight", "sender": "human", "created_at": "2024-05-01T10:00:01Z"}]}]  # fmt: skip
LETTER = "Dear Ana, this is the ninth text of all of them.\n"


def test_everything_at_once(tmp_path: Path) -> None:
    files: dict[str, Any] = {
        "telegram/ChatExport/result.json": TELEGRAM,
        "telegram/ChatExport/photos/photo.jpg": b"\xff\xd8\xff",
        "facebook.zip": _zip({"your_activity_across_facebook/messages/inbox/eva_1/message_1.json": MESSENGER}),
        "old backups.zip": _zip(
            {"phone/sms.xml": SMS, "WhatsApp Chat with Bo.zip": _zip({"WhatsApp Chat with Bo.txt": WHATSAPP})}
        ),
        "discord/mia [9].json": DISCORD,
        "Takeout/Mail/All mail.mbox": MAIL,
        "claude/conversations.json": json.dumps(CLAUDE),
        "letters/ana.txt": LETTER,
        "notes.bin": bytes(range(256)),
    }
    read = read_upload(tmp_path, files)
    by_platform = {message.platform: message for message in read.messages}
    assert sorted(by_platform) == ["claude", "discord", "document", "mail", "messenger", "sms", "telegram", "whatsapp"]
    assert sorted(message.text for message in read.messages if message.kind in WORDS) == sorted(
        ["one", "two", "three", "four", "five", "six", "seven", "eight", LETTER.strip()]
    )
    assert len(read.reports) == 8
    assert [Path(skipped.path).name for skipped in read.skipped] == ["notes.bin"]
    assert sum(sum(report.kinds.values()) for report in read.reports) == len(read.messages)
