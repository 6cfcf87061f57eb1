"""Signal: its own plaintext export (`main.jsonl`), and signal-export's `data.json` and `chat.md`."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from twin.domain.messages import Kind, Message
from twin.ingest.encoding import detect, open_text
from twin.ingest.export import Export, File, Options, Report
from twin.ingest.jsonstream import array, lines, mapping, outline, string
from twin.ingest.threads import Quotes, Titles
from twin.ingest.times import instant, iso
from twin.ingest.unknown import without_media

_PLATFORM = "signal"
_ME = "Me"
_FRAMES = frozenset({"account", "recipient", "chat", "chatItem", "backupTimeMs", "version"})
_LINE = re.compile(r"\[(\d{4}-\d{2}-\d{2}),? (\d{2}:\d{2}(?::\d{2})?)\] (.+?):(?: (.*))?", re.S)
_MINUTES = re.compile(r"\[\d{4}-\d{2}-\d{2}, \d{2}:\d{2}\] .+?:")
_ATTACHMENT = re.compile(r"!?\[[^\]\n]*\]\((?:\.{1,2}/)+(?:media|exported_stickers)[^)\n]*\) *|\(\( .{1,40} \)\)")
_REACTIONS = re.compile(r"\n?\(- .+ -\)\s*$")
_DELETED = "(This message was deleted)"


def claim(files: Sequence[File], _options: Options) -> list[Export]:
    """`main.jsonl` is an export; the chats of a run of signal-export are one together."""
    exports = list[Export]()
    chats = dict[str, File]()
    beside = list[File]()
    by_path = {file.path: file for file in files}
    for file in without_media(files):
        keys = outline(file)
        if file.path.suffix == ".jsonl" and keys and {key.split(".")[0] for key in keys} <= _FRAMES:
            meta = by_path.get(file.path.with_name("metadata.json"))
            own = [file, *([meta] if meta else [])]
            exports.append(Export(_PLATFORM, "plaintext export", own, partial(_parse, file)))
        elif file.path.name == "data.json" and {"date", "sender", "body", "quote"} <= keys:
            beside += [chats[folder]] if (folder := str(file.path.parent)) in chats else []
            chats[folder] = file
        elif file.path.suffix in (".md", ".txt") and _is_markdown(file):
            folder = str(file.path.parent) if file.path.name in ("chat.md", "index.md") else str(file.path)
            if chats.setdefault(folder, file) is not file:
                beside.append(file)
    if chats:
        own = list(chats.values())
        exports.append(Export(_PLATFORM, "signal-export", [*own, *beside], partial(_parse_chats, own)))
    return exports


def _is_markdown(file: File) -> bool:
    """Lines without seconds, which WhatsApp always writes between brackets, or a file of signal-export's name."""
    head = file.head(4096)
    first = head.decode(detect(head), "ignore").lstrip("\ufeff").lstrip()
    return _MINUTES.match(first) is not None or (
        file.path.name in ("chat.md", "index.md") and _LINE.match(first) is not None
    )


def _parse_chats(files: list[File], report: Report) -> Iterator[Message]:
    report.time_zone = "wall clock, no zone stated"
    titles = Titles()
    for file in files:
        named = file.path.name in ("chat.md", "index.md", "data.json") and file.path.parent.name
        chat = titles.name(named or file.path.stem, str(file.path))
        messages = _from_json(file, chat, report) if file.path.suffix == ".json" else _from_markdown(file, chat, report)
        for message in messages:
            if message.sender == _ME:
                report.owner, report.owner_evidence = _ME, 'the export calls its owner "Me"'
            yield message


def _from_json(file: File, chat: str, report: Report) -> Iterator[Message]:
    for number, value in lines(file, report):
        raw = mapping(value)
        if not raw:
            report.miss(number)
            continue
        text = re.sub(r" {2}$", "", string(raw.get("body")), flags=re.M)
        quote = re.sub(r"^> ?", "", string(raw.get("quote")).strip(), flags=re.M)
        kind = Kind.TEXT if text else Kind.EMPTY
        if raw.get("deleted"):
            kind = Kind.DELETED
        elif raw.get("call"):
            kind = Kind.CALL
        elif raw.get("attachments") or raw.get("sticker"):
            kind = Kind.MEDIA
        sent_at = iso(raw.get("date"))
        yield Message(
            _PLATFORM,
            chat,
            string(raw.get("sender")) or None,
            sent_at and sent_at.replace(tzinfo=None),
            kind,
            text,
            quote or None,
        )


def _from_markdown(file: File, chat: str, report: Report) -> Iterator[Message]:
    found: re.Match[str] | None = None
    body = list[str]()
    with open_text(file) as text:
        for number, raw in enumerate(text, 1):
            line = raw.rstrip("\r\n").lstrip("\ufeff")
            if start := _LINE.fullmatch(line):
                if found:
                    yield _markdown_message(found, body, chat)
                found, body = start, [start[4] or ""]
            elif found:
                body.append(line)
            elif line.strip():
                report.miss(number)
    if found:
        yield _markdown_message(found, body, chat)


def _markdown_message(found: re.Match[str], body: list[str], chat: str) -> Message:
    sent_at = iso(f"{found[1]}T{found[2]}")
    body = [line.removesuffix("  ") for line in body]
    quote = list[str]()
    if len(body) > 1 and not body[0].strip() and body[1].startswith(">"):
        body = body[1:]
        while body and body[0].startswith(">"):
            quote.append(body.pop(0).lstrip("> "))
    text = _REACTIONS.sub("", "\n".join(body).strip("\n"))
    words = _ATTACHMENT.sub("", text).strip("\n")
    kind = Kind.MEDIA if words != text else Kind.TEXT if words.strip() else Kind.EMPTY
    if words == _DELETED:
        kind, words = Kind.DELETED, ""
    return Message(_PLATFORM, chat, found[3], sent_at, kind, words, "\n".join(quote) or None)


def _parse(file: File, report: Report) -> Iterator[Message]:
    """Frames of Signal's backup, a JSON object per line; people and chats come before what was said."""
    report.time_zone = "UTC"
    people, chats = dict[str, tuple[str, str]](), dict[str, str]()
    quotes = dict[str, Quotes]()
    titles = Titles()
    own_id, own_name = "", _ME
    for number, value in lines(file, report):
        frame = mapping(value)
        if account := mapping(frame.get("account")):
            own_name = _full_name(account, "givenName", "familyName") or _ME
        elif recipient := mapping(frame.get("recipient")):
            key = string(recipient.get("id"))
            if "self" in recipient:
                own_id = key
                people[key] = (own_name, "self")
                report.owner, report.owner_id, report.owner_evidence = own_name, "self", "the export marks its owner"
            else:
                people[key] = _person(recipient)
        elif chat := mapping(frame.get("chat")):
            key, recipient_id = string(chat.get("id")), string(chat.get("recipientId"))
            title = "Note to Self" if recipient_id == own_id else people.get(recipient_id, ("", ""))[0]
            chats[key] = titles.name(title or f"chat {key}", key)
        elif item := mapping(frame.get("chatItem")):
            key = string(item.get("chatId"))
            name, sender_id = people.get(string(item.get("authorId")), ("", ""))
            if "outgoing" in item and not name:
                name, sender_id = own_name, "self"
            yield _item(item, chats.get(key, f"chat {key}"), name, sender_id, quotes.setdefault(key, Quotes()))
        elif (
            not _FRAMES & frame.keys()
            and not {"notificationProfile", "chatFolder", "stickerPack", "adHocCall"} & frame.keys()
        ):
            report.miss(number)


def _full_name(raw: dict[str, Any], *keys: str) -> str:
    return " ".join(filter(None, (string(raw.get(key)) for key in keys)))


def _person(recipient: dict[str, Any]) -> tuple[str, str]:
    """Display name, as Signal chooses it, and id."""
    contact, group = mapping(recipient.get("contact")), mapping(recipient.get("group"))
    if group:
        title = mapping(mapping(group.get("snapshot")).get("title")).get("title")
        return string(title) or string(group.get("name")) or "Group", string(group.get("masterKey"))
    nickname = mapping(contact.get("nickname"))
    name = (
        _full_name(nickname, "given", "family")
        or _full_name(contact, "systemGivenName", "systemFamilyName")
        or _full_name(contact, "profileGivenName", "profileFamilyName")
        or string(contact.get("name"))
        or string(contact.get("e164"))
        or string(contact.get("username"))
    )
    return name or "Unknown", string(contact.get("aci")) or string(contact.get("e164")) or string(recipient.get("id"))


def _item(item: dict[str, Any], chat: str, name: str, sender_id: str, quotes: Quotes) -> Message:
    standard = mapping(item.get("standardMessage"))
    story = mapping(mapping(item.get("directStoryReplyMessage")).get("textReply"))
    text = string(mapping(standard.get("text") or story.get("text")).get("body"))
    quote = mapping(standard.get("quote"))
    reply_to = string(mapping(quote.get("text")).get("body")) or quotes.find(string(quote.get("targetSentTimestamp")))
    quotes.remember(string(item.get("dateSent")), text)
    sent_at: datetime | None = instant(item.get("dateSent"), per_second=1000)
    return Message(
        _PLATFORM, chat, name or None, sent_at, _kind(item, standard, text), text, reply_to or None, sender_id or None
    )


def _kind(item: dict[str, Any], standard: dict[str, Any], text: str) -> Kind:
    update = mapping(item.get("updateMessage"))
    if "updateMessage" in item:
        return Kind.CALL if {"individualCall", "groupCall"} & update.keys() else Kind.SYSTEM
    for key, kind in (
        ("remoteDeletedMessage", Kind.DELETED),
        ("contactMessage", Kind.CONTACT),
        ("poll", Kind.POLL),
        ("stickerMessage", Kind.MEDIA),
        ("viewOnceMessage", Kind.MEDIA),
        ("paymentNotification", Kind.SYSTEM),
        ("giftBadge", Kind.SYSTEM),
    ):
        if key in item:
            return kind
    if array(standard.get("attachments")) or standard.get("longText"):
        return Kind.MEDIA
    if not text:
        return Kind.EMPTY
    return Kind.EDITED if array(item.get("revisions")) else Kind.TEXT
