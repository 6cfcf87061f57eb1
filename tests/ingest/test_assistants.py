"""ChatGPT and Claude."""

from pathlib import Path
from typing import Any

import pytest
from tests.ingest.uploads import read_upload, survives, utc

from twin.domain.messages import Kind
from twin.ingest.pasted import is_pasted


def _node(
    key: str, parent: str | None, role: str, *parts: Any, children: tuple[str, ...] = (), **more: Any
) -> dict[str, Any]:
    message = {
        "id": key,
        "author": {"role": role},
        "create_time": 1_700_000_000.5 + len(key),
        "content": {"content_type": "text", "parts": list(parts)},
        "metadata": {},
        "recipient": "all",
        **more,
    }
    return {"id": key, "parent": parent, "children": list(children), "message": message}


CHATGPT: list[dict[str, Any]] = [
    {
        "title": "Trip",
        "create_time": 1_700_000_000.5,
        "mapping": {
            "root": {"id": "root", "parent": None, "children": ["s"], "message": None},
            "s": _node("s", "root", "system", "", metadata={"is_visually_hidden_from_conversation": True}),
            "c": _node("c", "s", "user", content={"content_type": "user_editable_context", "user_profile": "x"}),
            "u1": _node("u1", "c", "user", "where to go"),
            "a1": _node("a1", "u1", "assistant", "Rome."),
            "u2": _node("u2", "a1", "user", "edited away"),
            "a2": _node("a2", "u2", "assistant", "lost"),
            "u3": _node("u3", "a1", "user", "and by train?"),
            "t3": _node("t3", "u3", "assistant", "search()", recipient="browser"),
            "r3": _node("r3", "t3", "tool", "results"),
            "a3": _node("a3", "r3", "assistant", "Yes."),
            "u4": _node("u4", "a3", "user", {"content_type": "image_asset_pointer", "asset_pointer": "file"}, "look"),
        },
        "current_node": "u4",
        "conversation_id": "c1",
    },
    {"title": "Trip", "mapping": {"u": _node("u", None, "user", "hi")}, "conversation_id": "c2"},
]


def test_chatgpt(tmp_path: Path) -> None:
    read = read_upload(
        tmp_path, {"conversations.json": CHATGPT, "user.json": {"id": "user-1", "email": "a@example.org"}}
    )
    said = [message for message in read.messages if message.kind is not Kind.SYSTEM]
    assert [message.text for message in said] == ["where to go", "Rome.", "and by train?", "Yes.", "look", "hi"]
    assert [message.sender for message in said] == ["Me", "ChatGPT", "Me", "ChatGPT", "Me", "Me"]
    assert [message.kind for message in said] == [Kind.TEXT] * 4 + [Kind.MEDIA, Kind.TEXT]
    assert [message.chat for message in said] == ["Trip"] * 5 + ["Trip (c2)"]
    assert said[0].sent_at == utc(2023, 11, 14, 22, 13, 22, 500000)
    assert (read.report.platform, read.report.owner, read.report.owner_id) == ("chatgpt", "Me", "user-1")
    assert "2 messages were left out" in read.report.warnings[0]
    assert not read.skipped


def test_chatgpt_in_parts_and_without_current_node(tmp_path: Path) -> None:
    first, second = CHATGPT
    first = {key: value for key, value in first.items() if key != "current_node"}
    read = read_upload(tmp_path, {"conversations-000.json": [first], "conversations-001.json": [second]})
    assert "look" in read.texts
    assert "edited away" not in read.texts
    assert read.texts[-1] == "hi"


def test_claude(tmp_path: Path) -> None:
    conversations = [
        {
            "uuid": "c1",
            "name": "Poem",
            "created_at": "2024-05-01T10:00:00.000000Z",
            "chat_messages": [
                {"uuid": "1", "text": "a poem please", "sender": "human", "created_at": "2024-05-01T10:00:01.000000Z", "attachments": [], "files": []},
                {"uuid": "2", "text": "", "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Roses"}], "sender": "assistant", "created_at": "2024-05-01T10:00:02Z"},
                {"uuid": "3", "text": "", "content": [], "sender": "human", "files": [{"file_name": "a.png"}], "created_at": "2024-05-01T10:00:03Z"},
            ],
        }
    ]  # fmt: skip
    read = read_upload(
        tmp_path, {"conversations.json": conversations, "users.json": [{"uuid": "u1", "full_name": "Ana Ruiz"}]}
    )
    assert read.texts == ["a poem please", "Roses", ""]
    assert read.senders == ["Ana Ruiz", "Claude", "Ana Ruiz"]
    assert read.kinds == [Kind.TEXT, Kind.TEXT, Kind.MEDIA]
    assert read.times[0] == utc(2024, 5, 1, 10, 0, 1)
    assert (read.report.platform, read.report.owner, read.report.owner_id) == ("claude", "Ana Ruiz", "u1")


def test_claude_branch(tmp_path: Path) -> None:
    def message(key: str, parent: str, text: str) -> dict[str, Any]:
        return {
            "uuid": key,
            "parent_message_uuid": parent,
            "text": text,
            "sender": "human",
            "created_at": "2024-05-01T10:00:01Z",
        }

    messages = [message("1", "0", "one"), message("2", "1", "gone"), message("3", "1", "two")]
    chat = {"uuid": "c", "name": "N", "chat_messages": messages, "current_leaf_message_uuid": "3"}
    assert read_upload(tmp_path, {"conversations.json": [chat]}).texts == ["one", "two"]


def test_older_and_wrapped_shapes(tmp_path: Path) -> None:
    wrapped = {"conversations": [{"name": "W", "messages": [
        {"id": "1", "role": "user", "content": {"content_type": "text", "parts": ["hello"]}, "create_time": 1739095200},
        {"id": "2", "role": "assistant", "content": "hi", "create_time": 1739095210},
    ]}]}  # fmt: skip
    read = read_upload(tmp_path / "a", {"conversations.json": wrapped})
    assert (read.report.platform, read.texts, read.senders) == ("chatgpt", ["hello", "hi"], ["Me", "ChatGPT"])
    legacy = [{"id": "l", "title": "L", "messages": [
        {"id": "1", "role": "user", "content": [{"type": "text", "text": "hello"}], "created_at": "2026-02-09T12:00:00.000Z"},
        {"id": "2", "role": "assistant", "text": "hi", "created_at": "2026-02-09T12:01:00.000Z"},
    ]}]  # fmt: skip
    read = read_upload(tmp_path / "b", {"conversations.json": legacy})
    assert (read.report.platform, read.texts, read.senders) == ("claude", ["hello", "hi"], ["Me", "Claude"])


@pytest.mark.parametrize(
    ("text", "pasted"),
    [
        ("can you shorten this for me?", False),
        ("first line\nsecond line\nthird\nfourth\nfifth\nsixth", False),
        ("why?\n```\nx = 1\n```", True),
        ("please explain in detail what this one here does and why\n```\nx\n```", False),
        ("word " * 700, True),
        ("import os\nimport sys;\ndef f(x):\n    return {\n        'a': 1,\n    }\n", True),
        ("dear Ana,\n\nthank you: it was nice.\nSee you soon;\nyours\nPaul\nPS: bring cake", False),
    ],
)
def test_pasted(tmp_path: Path, text: str, pasted: bool) -> None:
    assert is_pasted(text) is pasted
    chat = {"title": "T", "mapping": {"u": _node("u", None, "user", text)}, "current_node": "u"}
    assert read_upload(tmp_path, {"c.json": [chat]}).kinds == [Kind.FORWARD if pasted else Kind.TEXT]


def test_whatever_is_wrong(tmp_path: Path) -> None:
    loop = {"title": "T", "mapping": {"u": _node("u", "u", "user", "hi")}, "current_node": "u"}
    assert read_upload(tmp_path / "loop", {"c.json": [loop]}).texts == ["hi"]
    survives(tmp_path, {"conversations.json": CHATGPT, "user.json": {"id": 5}})
