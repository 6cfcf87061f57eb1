"""Slack's export of a workspace: a folder per channel, a JSON file per day."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from html import unescape
from pathlib import PurePosixPath
from typing import Any

from twin.domain.messages import Kind, Message
from twin.errors import ExportError
from twin.ingest.export import Export, File, Options, Report
from twin.ingest.jsonstream import array, load, mapping, outline, records, string
from twin.ingest.threads import Quotes, Titles
from twin.ingest.times import instant
from twin.ingest.unknown import without_media

_PLATFORM = "slack"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\.json$")
_LISTS = ("users.json", "channels.json", "groups.json", "dms.json", "mpims.json")
_OTHERS = (
    "org_users.json",
    "integration_logs.json",
    "canvases.json",
    "file_conversations.json",
    "lists.json",
    "huddle_transcripts.json",
)
_SPOKEN = frozenset({"", "thread_broadcast", "reply_broadcast", "me_message", "file_share", "file_comment"})
_MARKUP = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")


def claim(files: Sequence[File], _options: Options) -> list[Export]:
    """One export per workspace: the folder that holds the folders of its channels."""
    roots = defaultdict[PurePosixPath, list[File]](list)
    for file in without_media(files):
        if _DAY.match(file.path.name) and len(file.path.parts) > 1:
            keys = outline(file)
            if "item.ts" in keys and ("item.type" in keys or "item.user" in keys):
                roots[file.path.parent.parent].append(file)
    exports = list[Export]()
    for root, days in roots.items():
        beside = {file.path.name: file for file in files if file.path.parent == root}
        own = [*days, *(beside[name] for name in (*_LISTS, *_OTHERS) if name in beside)]
        exports.append(Export(_PLATFORM, "workspace", own, partial(_parse, days, beside)))
    return exports


def _parse(days: list[File], beside: dict[str, File], report: Report) -> Iterator[Message]:
    report.time_zone = "UTC"
    users = {string(user.get("id")): _user_name(user) for user in _listed(beside, "users.json")}
    titles = Titles()
    chats = dict[str, str]()
    direct = [set(map(string, array(dm.get("members")))) for dm in _listed(beside, "dms.json")]
    owner = set[str].intersection(*direct) if len(direct) > 1 else set[str]()
    if len(owner) == 1:
        report.owner_id = owner.pop()
        report.owner = users.get(report.owner_id, report.owner_id)
        report.owner_evidence = f"is in all {len(direct):,} direct messages"
    for name in _LISTS[1:]:
        for channel in _listed(beside, name):
            channel_id = string(channel.get("id"))
            members = [
                users.get(member, member)
                for member in map(string, array(channel.get("members")))
                if member != report.owner_id
            ]
            folder = channel_id if name == "dms.json" else string(channel.get("name")) or channel_id
            chats[folder] = titles.name(
                ", ".join(members) if name in ("dms.json", "mpims.json") else folder, channel_id
            )
    quotes = defaultdict[str, Quotes](Quotes)
    for file in sorted(days, key=lambda file: file.path):
        folder = file.path.parent.name
        chat = chats.get(folder) or titles.name(folder, folder)
        for number, (_, value) in enumerate(records(file, report, "item", alone=len(days) == 1), 1):
            if isinstance(value, dict):
                yield _message(mapping(value), chat, users, quotes[chat])
            else:
                report.miss(number)


def _listed(beside: dict[str, File], name: str) -> list[dict[str, Any]]:
    try:
        return [mapping(entry) for entry in array(load(beside[name]))] if name in beside else []
    except ExportError:
        return []


def _user_name(user: dict[str, Any]) -> str:
    profile = mapping(user.get("profile"))
    names = (
        profile.get("display_name"),
        profile.get("real_name"),
        user.get("real_name"),
        user.get("name"),
        user.get("id"),
    )
    return next((name for name in map(string, names) if name), "Unknown")


def _message(raw: dict[str, Any], chat: str, users: dict[str, str], quotes: Quotes) -> Message:
    user = string(raw.get("user"))
    named = mapping(raw.get("user_profile"))
    sender = users.get(user) or (_user_name({"profile": named}) if named else "") or string(raw.get("username")) or user
    text = _plain(string(raw.get("text")), users) or _block_text(raw.get("blocks"), users)
    stamp, thread = string(raw.get("ts")), string(raw.get("thread_ts"))
    reply_to = quotes.find(thread) if thread != stamp else None
    quotes.remember(stamp, text)
    return Message(_PLATFORM, chat, sender or None, instant(stamp), _kind(raw, text), text, reply_to, user or None)


def _kind(raw: dict[str, Any], text: str) -> Kind:
    subtype = string(raw.get("subtype"))
    if subtype == "tombstone":
        return Kind.DELETED
    if subtype == "huddle_thread" or raw.get("room"):
        return Kind.CALL
    if subtype not in _SPOKEN or (raw.get("bot_id") and not raw.get("client_msg_id")):
        return Kind.SYSTEM
    if raw.get("files") or raw.get("file") or raw.get("upload"):
        return Kind.MEDIA
    if not text:
        return Kind.EMPTY
    return Kind.EDITED if raw.get("edited") else Kind.TEXT


def _plain(text: str, users: dict[str, str]) -> str:
    """Text without Slack's markup: `<@U1>` is a name, `<https://…|label>` the label."""

    def shown(found: re.Match[str]) -> str:
        sign, target, label = found[1], found[2], found[3]
        if sign == "@":
            return f"@{users.get(target) or label or target}"
        if sign == "#":
            return f"#{label or target}"
        if sign == "!":
            return label or f"@{target}"
        return label or target.removeprefix("mailto:")

    return unescape(_MARKUP.sub(shown, text))


def _block_text(blocks: Any, users: dict[str, str]) -> str:
    """The words in rich-text blocks, where a message has no plain text."""
    kinds: dict[str, Callable[[dict[str, Any]], str]] = {
        "text": lambda element: string(element.get("text")),
        "link": lambda element: string(element.get("text")) or string(element.get("url")),
        "user": lambda element: f"@{users.get(string(element.get('user_id'))) or string(element.get('user_id'))}",
        "emoji": lambda element: f":{string(element.get('name'))}:",
        "channel": lambda element: f"#{string(element.get('channel_id'))}",
        "broadcast": lambda element: f"@{string(element.get('range'))}",
    }

    def text_of(element: dict[str, Any], depth: int) -> str:
        kind = string(element.get("type"))
        if kind in kinds:
            return kinds[kind](element)
        inner = [text_of(mapping(part), depth + 1) for part in array(element.get("elements"))] if depth < 10 else []
        return ("\n" if kind in ("rich_text", "rich_text_list") else "").join(inner)

    texts = [
        text_of(mapping(block), 0) or string(mapping(mapping(block).get("text")).get("text")) for block in array(blocks)
    ]
    return "\n".join(filter(None, texts))
