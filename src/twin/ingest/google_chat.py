"""Google Takeout's chats: Google Chat's `messages.json`, and `Hangouts.json`."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from twin.domain.messages import Kind, Message
from twin.errors import ExportError
from twin.ingest.datetext import written_time
from twin.ingest.export import Export, File, Options, Report
from twin.ingest.jsonstream import array, load, mapping, outline, records, string
from twin.ingest.threads import Titles
from twin.ingest.times import instant
from twin.ingest.unknown import without_media

_CHAT, _HANGOUTS = "google-chat", "hangouts"
_PLACES = ("conversations.item", "conversation_state.item.conversation_state")
_CALLS = frozenset({"HANGOUT_EVENT", "PHONE_CALL"})


def claim(files: Sequence[File], _options: Options) -> list[Export]:
    """One export for all rooms of a Takeout, and one per `Hangouts.json`."""
    by_path = {file.path: file for file in files}
    roots = defaultdict[PurePosixPath, list[File]](list)
    exports = list[Export]()
    for file in without_media(files):
        keys = outline(file)
        if {"messages.item.creator", "messages.item.created_date"} & keys:
            folder = file.path.parent
            roots[folder.parent.parent if folder.parent.name == "Groups" else folder].append(file)
        elif any(f"{place}.conversation" in keys for place in _PLACES):
            exports.append(Export(_HANGOUTS, "json", [file], partial(_parse_hangouts, file)))
    for root, rooms in roots.items():
        infos = {room.path: info for room in rooms if (info := by_path.get(room.path.with_name("group_info.json")))}
        users = [file for file in files if file.path.name == "user_info.json" and file.path.is_relative_to(root)]
        parse = partial(_parse, rooms, infos, users)
        exports.append(Export(_CHAT, "json", [*rooms, *infos.values(), *users], parse))
    return exports


def _loaded(file: File | None) -> dict[str, Any]:
    try:
        return mapping(load(file)) if file else {}
    except ExportError:
        return {}


def _parse(rooms: list[File], infos: dict[PurePosixPath, File], users: list[File], report: Report) -> Iterator[Message]:
    report.time_zone = "UTC"
    owner = mapping(_loaded(users[0]).get("user")) if len(users) == 1 else {}
    if owner:
        report.owner, report.owner_id = string(owner.get("name")), string(owner.get("email"))
        report.owner_evidence = "user_info.json"
    titles = Titles()
    for room in rooms:
        info = _loaded(infos.get(room.path))
        members = [string(mapping(member).get("name")) for member in array(info.get("members"))]
        others = ", ".join(name for name in members if name and name != report.owner)
        chat = titles.name(string(info.get("name")) or others or room.path.parent.name, str(room.path.parent))
        for number, (_, value) in enumerate(records(room, report, "messages.item", alone=len(rooms) == 1), 1):
            if isinstance(value, dict):
                yield _message(mapping(value), chat)
            else:
                report.miss(number)


def _message(raw: dict[str, Any], chat: str) -> Message:
    creator = mapping(raw.get("creator"))
    sent_at = written_time(string(raw.get("created_date")))
    text = string(raw.get("text"))
    kind = Kind.TEXT if text else Kind.EMPTY
    if raw.get("message_state") == "DELETED" or raw.get("deletion_metadata"):
        kind = Kind.DELETED
    elif raw.get("attached_files"):
        kind = Kind.MEDIA
    elif string(creator.get("user_type")) not in ("Human", ""):
        kind = Kind.SYSTEM
    elif text and (raw.get("updated_date") or raw.get("message_state") == "UPDATED"):
        kind = Kind.EDITED
    elif not text and raw.get("annotations"):
        kind = Kind.MEDIA
    quoted = string(mapping(raw.get("quoted_message_metadata")).get("text"))
    email = string(creator.get("email"))
    if sent_at and sent_at.tzinfo is None:
        sent_at = sent_at.replace(tzinfo=UTC)
    return Message(
        _CHAT, chat, string(creator.get("name")) or email or None, sent_at, kind, text, quoted or None, email or None
    )


def _parse_hangouts(file: File, report: Report) -> Iterator[Message]:
    report.time_zone = "UTC"
    titles = Titles()
    names = dict[str, str]()
    conversation = dict[str, Any]()
    own_id = chat = ""
    heads = {f"{place}.conversation" for place in _PLACES}
    events = (f"{_PLACES[0]}.events.item", f"{_PLACES[1]}.event.item")
    number = 0
    for path, value in records(file, report, *heads, *events):
        if path in heads:
            conversation = mapping(value)
            conversation = mapping(conversation.get("conversation")) or conversation
            own_id = _own_id(conversation) or own_id
            for person in map(mapping, array(conversation.get("participant_data"))):
                names.setdefault(_gaia(person.get("id")), string(person.get("fallback_name")))
            chat = titles.name(_title(conversation, names, own_id), string(mapping(conversation.get("id")).get("id")))
            continue
        number += 1
        if not isinstance(value, dict):
            report.miss(number)
            continue
        event = mapping(value)
        own_id = own_id or _gaia(mapping(event.get("self_event_state")).get("user_id"))
        yield _event(event, chat or "Hangouts", names)
    if own_id:
        report.owner, report.owner_id, report.owner_evidence = names.get(own_id) or own_id, own_id, "self_event_state"


def _gaia(value: Any) -> str:
    return string(mapping(value).get("gaia_id")) or string(mapping(value).get("chat_id"))


def _own_id(conversation: dict[str, Any]) -> str:
    state = mapping(conversation.get("self_conversation_state"))
    return _gaia(mapping(state.get("self_read_state")).get("participant_id"))


def _title(conversation: dict[str, Any], names: dict[str, str], own_id: str) -> str:
    people = [_gaia(person.get("id")) for person in map(mapping, array(conversation.get("participant_data")))]
    others = [names.get(person) or person for person in people if person != own_id]
    return string(conversation.get("name")) or ", ".join(filter(None, others)) or "Hangouts"


def _event(event: dict[str, Any], chat: str, names: dict[str, str]) -> Message:
    sender_id = _gaia(event.get("sender_id"))
    sent_at: datetime | None = instant(event.get("timestamp"), per_second=10**6)
    content = mapping(mapping(event.get("chat_message")).get("message_content"))
    parts = list[str]()
    for segment in map(mapping, array(content.get("segment"))):
        parts.append("\n" if segment.get("type") == "LINE_BREAK" else string(segment.get("text")))
    text = "".join(parts)
    event_type = string(event.get("event_type"))
    if "chat_message" not in event:
        kind = Kind.CALL if event_type in _CALLS or "hangout_event" in event else Kind.SYSTEM
    else:
        kind = Kind.MEDIA if array(content.get("attachment")) else Kind.TEXT if text else Kind.EMPTY
    return Message(
        _HANGOUTS, chat, names.get(sender_id) or sender_id or None, sent_at, kind, text, None, sender_id or None
    )
