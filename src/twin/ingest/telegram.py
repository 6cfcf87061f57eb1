"""Telegram Desktop's JSON: one chat, or a whole account."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from twin.domain.messages import Kind, Message
from twin.ingest.export import Export, File, Options, Report
from twin.ingest.jsonstream import mapping, outline, records, string
from twin.ingest.threads import Quotes, Titles
from twin.ingest.times import instant, iso, with_offset
from twin.ingest.unknown import without_media

_PLATFORM = "telegram"
_MESSAGE_MARKS = ("from_id", "actor_id", "date_unixtime", "text_entities")
_LISTS = ("chats.list.item", "left_chats.list.item")
_HEADS = {f"{place}{key}": key for place in ("", *(f"{place}." for place in _LISTS)) for key in ("name", "type", "id")}
_BODIES = ("messages.item", *(f"{place}.messages.item" for place in _LISTS))

_FORWARDED = ("forwarded_from", "forwarded_from_id", "saved_from", "via_bot")
_CALLS = frozenset({"phone_call", "group_call", "conference_call", "invite_to_group_call", "group_call_scheduled"})
# The first of these keys that a message has says what it is; one without any is words.
_KINDS = {
    "poll": Kind.POLL,
    "todo_list": Kind.POLL,
    "location_information": Kind.LOCATION,
    "place_name": Kind.LOCATION,
    "contact_information": Kind.CONTACT,
    "contact_vcard": Kind.CONTACT,
    "photo": Kind.MEDIA,
    "file": Kind.MEDIA,
    "media_type": Kind.MEDIA,
    "sticker_emoji": Kind.MEDIA,
    "dice": Kind.MEDIA,
    "game_title": Kind.MEDIA,
    "invoice_information": Kind.MEDIA,
    "paid_stars_amount": Kind.MEDIA,
    "giveaway_information": Kind.MEDIA,
    "giveaway_results": Kind.MEDIA,
    "self_destruct_period_seconds": Kind.MEDIA,
}


def claim(files: Sequence[File], _options: Options) -> list[Export]:
    """Every JSON file with Telegram's chats in it."""
    titles = Titles()
    exports = list[Export]()
    for file in without_media(files):
        keys = outline(file)
        if "chats.list" in keys or {"about", "personal_information"} <= keys:
            exports.append(Export(_PLATFORM, "json, account", [file], partial(_parse, file, titles)))
        elif _is_chat(keys):
            exports.append(Export(_PLATFORM, "json, one chat", [file], partial(_parse, file, titles)))
    return exports


def _is_chat(keys: frozenset[str]) -> bool:
    return (
        {"name", "type", "id", "messages"} <= keys
        or any(f"messages.item.{mark}" in keys for mark in _MESSAGE_MARKS)
        or {f"messages.item.{key}" for key in ("id", "type", "date", "text")} <= keys
    )


@dataclass(slots=True)
class _Chat:
    """What a chat is, and what is remembered of it while its messages pass."""

    name: str = ""
    type: str = ""
    id: str = ""
    title: str = ""  # set with the first message
    quotes: Quotes = field(default_factory=Quotes)
    senders: dict[str, str] = field(default_factory=dict[str, str])  # names by id

    def owner(self) -> tuple[str, str, str] | None:
        """The exporter's id and name and what gives them away, where this chat does."""
        if self.type == "saved_messages":
            evidence, own = "wrote the Saved Messages", list(self.senders)
        elif self.type == "personal_chat" and self.id:
            evidence = "is not the partner whose id the chat has"
            own = [sender for sender in self.senders if sender not in {f"user{self.id}", self.id}]
        else:
            return None
        return (own[0], self.senders[own[0]], evidence) if len(own) == 1 else None


def _parse(file: File, titles: Titles, report: Report) -> Iterator[Message]:
    clock = _Clock()
    chat, account, number = _Chat(), dict[str, Any](), 0
    owners = list[tuple[str, str, str] | None]()
    for path, value in records(file, report, *_HEADS, *_BODIES, "personal_information"):
        if path == "personal_information":
            account = mapping(value)
        elif key := _HEADS.get(path):
            if chat.title:  # its messages have passed: this is the next chat
                owners.append(chat.owner())
                chat = _Chat()
            setattr(chat, key, string(value))
        else:
            number += 1
            if not isinstance(value, dict):
                report.miss(number)
                continue
            chat.title = chat.title or _title(chat, file, titles)
            message = _message(value, chat, clock)
            if account and report.owner_id is None and message.sender_id == f"user{string(account.get('user_id'))}":
                report.owner, report.owner_id = message.sender, message.sender_id
                report.owner_evidence = "personal_information names their id"
            yield message
    found = {owner[0]: owner for owner in (*owners, chat.owner()) if owner}
    if report.owner_id is None and len(found) == 1:
        report.owner_id, report.owner, report.owner_evidence = next(iter(found.values()))
    report.time_zone = clock.described


def _title(chat: _Chat, file: File, titles: Titles) -> str:
    fallback = f"{chat.type or 'chat'} {chat.id}" if chat.id else file.path.stem
    return titles.name("Saved Messages" if chat.type == "saved_messages" else chat.name or fallback, chat.id)


def _message(raw: dict[str, Any], chat: _Chat, clock: "_Clock") -> Message:
    service = raw.get("type") == "service"
    role = "actor" if service else "from"
    name, sender_id = string(raw.get(role)), string(raw.get(f"{role}_id"))
    if not name:  # a deleted account, or a post of an old channel
        name = sender_id or (chat.name if "channel" in chat.type and not service else "")
    if name and not service:
        chat.senders.setdefault(sender_id or name, name)
    text = _text(raw.get("text")) or _rich(raw.get("rich_message"))
    reply_to = None if "reply_to_peer_id" in raw else chat.quotes.find(string(raw.get("reply_to_message_id")))
    chat.quotes.remember(string(raw.get("id")), text)
    kind = _kind(raw, text)
    return Message(_PLATFORM, chat.title, name or None, clock.read(raw), kind, text, reply_to, sender_id or None)


class _Clock:
    """The times of one file: all aware where the first one has `date_unixtime`, otherwise all naive."""

    described: str | None = None

    def __init__(self) -> None:
        self._last: datetime | None = None

    def read(self, raw: dict[str, Any]) -> datetime | None:
        date = raw.get("date")
        wall, moment = (
            iso(date),
            instant(raw.get("date_unixtime")) or (instant(date) if isinstance(date, int) else None),
        )
        if self._last is None:
            self._last = moment or wall
            if self._last:
                self.described = (
                    ("offset from date_unixtime" if wall else "UTC") if moment else "wall clock, no zone stated"
                )
        if self._last is None or self._last.tzinfo is None:
            return wall
        if moment is None:
            return wall and wall.replace(tzinfo=self._last.tzinfo)
        self._last = with_offset(wall, moment) if wall else moment
        return self._last


def _text(value: Any) -> str:
    """Text is a string, or a list of strings and formatted pieces, which follow each other without a space."""
    match value:
        case str():
            return value
        case list():
            return "".join(map(_text, value))
        case {"text": inner}:
            return _text(inner)
        case _:
            return ""


def _rich(value: Any) -> str:
    """The words of a `rich_message`: a tree of blocks, one line each, with formatted text in them."""
    match value:
        case str():
            return value
        case list():
            return "".join(map(_rich, value))
        case {"blocks": list() as blocks} | {"items": list() as blocks} | {"rows": list() as blocks}:
            return "\n".join(filter(None, map(_rich, blocks)))
        case {"text": inner} | {"title": inner} | {"content": inner} | {"caption": inner}:
            return _rich(inner)
        case _:
            return ""


def _kind(raw: dict[str, Any], text: str) -> Kind:
    if raw.get("type") == "service":
        return Kind.CALL if string(raw.get("action")) in _CALLS else Kind.SYSTEM
    if any(key in raw for key in _FORWARDED):
        return Kind.FORWARD
    for key, kind in _KINDS.items():
        if key in raw:
            return kind
    if not text:
        return Kind.EMPTY
    # Before 2021 every message had an `edited` of 1970.
    edited = raw.get("edited")
    return Kind.EDITED if edited and not str(edited).startswith("1970-01-01") else Kind.TEXT
