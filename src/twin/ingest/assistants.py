"""The exports of ChatGPT and Claude: both sides, of which only the person's is somebody's voice."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from twin.domain.messages import Kind, Message
from twin.errors import ExportError
from twin.ingest.export import Export, File, Options, Report
from twin.ingest.jsonstream import array, load, mapping, outline, records, string
from twin.ingest.pasted import is_pasted
from twin.ingest.threads import Titles
from twin.ingest.times import instant, iso
from twin.ingest.unknown import without_media

_ASSISTANTS = {"chatgpt": "ChatGPT", "claude": "Claude"}
_PLACES = ("item", "conversations.item", "")
_ACCOUNTS = ("user.json", "users.json")
_PERSON = frozenset({"user", "human"})
_SPOKEN = frozenset({"text", "multimodal_text", ""})


def claim(files: Sequence[File], _options: Options) -> list[Export]:
    """One export per folder: `conversations.json`, or its parts, with the account beside them."""
    folders = defaultdict[tuple[PurePosixPath, str], list[tuple[File, str]]](list)
    for file in without_media(files):
        if found := _recognised(outline(file)):
            platform, place = found
            folders[file.path.parent, platform].append((file, place))
    exports = list[Export]()
    for (folder, platform), own in folders.items():
        own.sort(key=lambda found: found[0].path)
        account = next((file for file in files if file.path.parent == folder and file.path.name in _ACCOUNTS), None)
        parse = partial(_parse, platform, own, account)
        exports.append(Export(platform, "json", [*(file for file, _ in own), *([account] if account else [])], parse))
    return exports


def _recognised(keys: frozenset[str]) -> tuple[str, str] | None:
    """The platform, and the key path of a conversation."""
    for place in _PLACES:
        dot = f"{place}." if place else ""
        if {f"{dot}mapping", f"{dot}title"} <= keys:
            return "chatgpt", place
        if f"{dot}chat_messages" in keys:
            return "claude", place
        message = f"{dot}messages.item."
        roles = {f"{message}role", f"{message}author.role", *([f"{message}sender"] if dot else [])}
        if roles & keys and (f"{message}content" in keys or f"{message}text" in keys):
            chatgpt = f"{message}content.parts" in keys or f"{message}create_time" in keys
            return "chatgpt" if chatgpt else "claude", place
    return None


class _Turn(NamedTuple):
    """One message of a conversation, whichever way it is written."""

    role: str
    text: str
    sent_at: datetime | None
    kind: Kind


def _parse(platform: str, files: Sequence[tuple[File, str]], account: File | None, report: Report) -> Iterator[Message]:
    sender, sender_id = _person(account)
    report.owner, report.owner_id = sender, sender_id
    report.owner_evidence = "the account is the person's; the other side is the assistant"
    report.time_zone = "UTC"
    titles = Titles()
    left_out = 0
    for file, place in files:
        for number, (_, conversation) in enumerate(records(file, report, place, alone=len(files) == 1), 1):
            if not isinstance(conversation, dict):
                report.miss(number)
                continue
            identity = next(
                filter(None, (string(conversation.get(key)) for key in ("conversation_id", "id", "uuid"))), None
            )
            title = string(conversation.get("title")) or string(conversation.get("name")) or "Untitled"
            chat = titles.name(title, identity or f"{file.path}#{number}")
            raws, unused = _branch(conversation)
            left_out += unused
            for raw in raws:
                turn = _turn(raw)
                own = turn.role in _PERSON
                name = sender if own else _ASSISTANTS[platform] if turn.role == "assistant" else None
                yield Message(
                    platform, chat, name, turn.sent_at, turn.kind, turn.text, None, sender_id if own else None
                )
    if left_out:
        report.warnings.append(f"{left_out:,} messages were left out: they stand in branches that were edited away.")


def _person(account: File | None) -> tuple[str, str | None]:
    """The person's name and id; "Me" where the export does not tell."""
    try:
        value = load(account) if account else {}
    except ExportError:
        value = {}
    users = [mapping(user) for user in array(value)] or [mapping(value)]
    user = users[0] if len(users) == 1 else {}
    name = string(user.get("full_name")) or string(user.get("name"))
    return name or "Me", string(user.get("uuid")) or string(user.get("id")) or None


def _branch(conversation: dict[str, Any]) -> tuple[list[dict[str, Any]], int]:
    """The messages that the person sees, oldest first, and how many others there are."""
    nodes = mapping(conversation.get("mapping"))
    if not nodes:
        raws = [mapping(raw) for raw in array(conversation.get("chat_messages")) or array(conversation.get("messages"))]
        nodes = {string(raw.get("uuid")): {"parent": raw.get("parent_message_uuid"), "message": raw} for raw in raws}
        leaf = string(conversation.get("current_leaf_message_uuid"))
        if not leaf or leaf not in nodes:
            return [raw for raw in raws if raw], 0
    else:
        leaf = string(conversation.get("current_node"))
    messages = {key: mapping(mapping(node).get("message")) for key, node in nodes.items()}
    if leaf not in nodes:  # the newest end is the branch that was used last
        inner = {string(mapping(node).get("parent")) for node in nodes.values()}
        ends = [key for key in reversed(nodes) if key not in inner] or [next(iter(nodes))]
        leaf = max(ends, key=lambda key: _seconds(messages[key].get("create_time")))
    path = list[str]()
    seen = set[str]()
    while leaf in nodes and leaf not in seen:
        seen.add(leaf)
        path.append(leaf)
        leaf = string(mapping(nodes[leaf]).get("parent"))
    unused = sum(1 for key, message in messages.items() if message and key not in seen)
    return [messages[key] for key in reversed(path) if messages[key]], unused


def _seconds(value: Any) -> float:
    moment = instant(value)
    return moment.timestamp() if moment else 0.0


def _turn(raw: dict[str, Any]) -> _Turn:
    role = string(mapping(raw.get("author")).get("role")) or string(raw.get("role")) or string(raw.get("sender"))
    text, media, spoken = _content(raw)
    sent_at = instant(raw.get("create_time")) or iso(raw.get("created_at"))
    if sent_at and sent_at.tzinfo is None:
        sent_at = None
    hidden = mapping(raw.get("metadata")).get("is_visually_hidden_from_conversation") is True
    to_tool = string(raw.get("recipient")) not in ("", "all")
    kind = Kind.TEXT if text else Kind.EMPTY
    if hidden or to_tool or not spoken or role not in {"assistant", *_PERSON}:
        kind = Kind.SYSTEM
    elif media or raw.get("attachments") or raw.get("files") or raw.get("files_v2"):
        kind = Kind.MEDIA if role != "assistant" or not text else kind
    if kind in (Kind.TEXT, Kind.MEDIA) and role in _PERSON and is_pasted(text):
        kind = Kind.FORWARD
    return _Turn("assistant" if role == "assistant" else role, text, sent_at, kind)


def _content(raw: dict[str, Any]) -> tuple[str, bool, bool]:
    """The words of a message, whether there is more than words, and whether it was said at all."""
    content = raw.get("content")
    if isinstance(content, str):
        return content, False, True
    if isinstance(content, dict):
        spoken = string(mapping(content).get("content_type")) in _SPOKEN
        parts = array(mapping(content).get("parts")) or [mapping(content).get("text")]
    else:
        spoken, parts = True, array(content)
    if string(raw.get("text")):
        return string(raw.get("text")), any(mapping(part).get("type") == "image" for part in parts), spoken
    words = list[str]()
    media = False
    for part in parts:
        if isinstance(part, str):
            words.append(part)
        elif string(mapping(part).get("type")) == "text" or "text" in mapping(part):
            words.append(string(mapping(part).get("text")))
            media = media or "audio" in string(mapping(part).get("content_type"))
        elif string(mapping(part).get("type")) not in ("thinking", "tool_use", "tool_result", "token_budget"):
            media = media or bool(part)
    return "\n".join(filter(None, words)), media, spoken
