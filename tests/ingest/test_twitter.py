"""The archive of X."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.ingest.uploads import read_upload, survives, utc

from twin.domain.messages import Kind
from twin.errors import ExportError


def _js(name: str, value: Any) -> str:
    return f"window.YTD.{name}.part0 = " + json.dumps(value, indent=1)


def _tweet(number: int, text: str, **more: Any) -> dict[str, Any]:
    created = f"Wed Apr 03 12:{number:02}:00 +0000 2019"
    return {"tweet": {"id_str": str(number), "full_text": text, "created_at": created, "entities": {}, **more}}


LONG = "A long post begins here, and goes on for more than eighty characters before the program cuts it short"
ARCHIVE: dict[str, Any] = {
    "twitter/data/account.js": _js("account", [{"account": {"accountId": "1", "username": "ana", "accountDisplayName": "Ana Ruiz"}}]),
    "twitter/data/tweets.js": _js(
        "tweets",
        [
            _tweet(6, f"{LONG}… https://t.co/n"),
            _tweet(5, "RT @ben: not mine"),
            _tweet(4, "@ana @ben and more", in_reply_to_status_id_str="1", entities={"user_mentions": [{"id_str": "2", "screen_name": "ben"}]}),
            _tweet(3, "my cat https://t.co/m", entities={"media": [{"url": "https://t.co/m"}]}),
            _tweet(2, "see https://t.co/u &amp; tell", entities={"urls": [{"url": "https://t.co/u", "expanded_url": "https://example.org"}]}),
            _tweet(1, "first"),
        ],
    ),
    "twitter/data/note-tweet.js": _js(
        "note_tweet", [{"noteTweet": {"createdAt": "2019-04-03T12:06:00.000Z", "core": {"text": f"{LONG}, which it does.", "urls": []}}}]
    ),
    "twitter/data/direct-messages.js": _js(
        "direct_messages",
        [
            {
                "dmConversation": {
                    "conversationId": "1-2",
                    "messages": [
                        {"messageCreate": {"senderId": "1", "text": "ho", "createdAt": "2020-01-01T10:01:00.000Z", "mediaUrls": []}},
                        {"messageCreate": {"senderId": "2", "text": "hi", "createdAt": "2020-01-01T10:00:00.000Z", "mediaUrls": ["x"]}},
                    ],
                }
            }
        ],
    ),
    "twitter/data/follower.js": _js("follower", [{"follower": {"accountId": "3"}}]),
}  # fmt: skip


def test_archive(tmp_path: Path) -> None:
    read = read_upload(tmp_path, ARCHIVE)
    assert read.texts == [
        "first", "see https://example.org & tell", "my cat", "and more", "RT @ben: not mine", f"{LONG}, which it does.", "hi", "ho",
    ]  # fmt: skip
    assert read.kinds == [
        Kind.TEXT, Kind.TEXT, Kind.MEDIA, Kind.TEXT, Kind.FORWARD, Kind.TEXT, Kind.MEDIA, Kind.TEXT,
    ]  # fmt: skip
    assert read.senders == ["Ana Ruiz"] * 6 + ["ben", "Ana Ruiz"]
    assert read.chats == ["Tweets"] * 6 + ["ben"] * 2
    assert read.messages[3].reply_to == "first"
    assert read.times[0] == utc(2019, 4, 3, 12, 1)
    assert (read.report.owner, read.report.owner_id) == ("Ana Ruiz", "1")
    assert not read.skipped


def test_archive_without_messages(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="No message"):
        read_upload(tmp_path, {"account.js": ARCHIVE["twitter/data/account.js"]})


def test_whatever_is_wrong(tmp_path: Path) -> None:
    survives(tmp_path, ARCHIVE)
