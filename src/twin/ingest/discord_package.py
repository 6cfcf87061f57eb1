"""The data package that Discord sends on request: the person's own messages, without their partners'."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from twin.domain.messages import Kind, Message
from twin.errors import ExportError
from twin.ingest.export import Export, File, Options, Report
from twin.ingest.jsonstream import array, load, mapping, outline, records, string
from twin.ingest.tables import header, rows
from twin.ingest.threads import Titles
from twin.ingest.times import iso
from twin.ingest.unknown import without_media

_PLATFORM = "discord"
_EMOJI = re.compile(r"<a?(:\w+:)\d+>")
_MENTION = re.compile(r"<@!?(\d+)>")


def claim(files: Sequence[File], _options: Options) -> list[Export]:
    """One export per package: all files of the owner's messages that lie under one folder."""
    by_path = {file.path: file for file in files}
    packages = dict[PurePosixPath, list[tuple[File | None, File]]]()
    for file in without_media(files):
        if file.path.suffix.lower() in (".csv", ".json") and file.path.stem.lower() == "messages":
            channel = by_path.get(file.path.with_name("channel.json"))
            if _is_own(file, beside_channel=channel is not None):
                root = file.path.parent.parent.parent if channel else file.path.parent
                packages.setdefault(root, []).append((channel, file))
    exports = list[Export]()
    for root, channels in packages.items():
        index = by_path.get(channels[0][1].path.parent.parent / "index.json")
        user = next((file for file in files if file.path.name == "user.json" and file.path.is_relative_to(root)), None)
        own = [*(file for channel in channels for file in channel), index, user]
        parse = partial(_parse, channels, index, user)
        exports.append(Export(_PLATFORM, "data package", [file for file in own if file], parse))
    return exports


def _is_own(file: File, *, beside_channel: bool) -> bool:
    is_csv = file.path.suffix.lower() == ".csv"
    names = set(header(file)) if is_csv else {key.removeprefix("item.").lower() for key in outline(file)}
    return {"id", "timestamp", "contents"} <= names or (beside_channel and file.size < 8)


def _parse(
    channels: list[tuple[File | None, File]], index: File | None, user: File | None, report: Report
) -> Iterator[Message]:
    names = _loaded(index)
    account = _loaded(user)
    sender = string(account.get("global_name")) or string(account.get("username")) or "Me"
    sender_id = string(account.get("id")) or None
    people = {
        string(mapping(friend.get("user")).get("id")): string(mapping(friend.get("user")).get("username"))
        for friend in map(mapping, array(account.get("relationships")))
    }
    report.owner, report.owner_id = sender, sender_id
    report.owner_evidence = "the package holds only the owner's messages"
    report.time_zone = "UTC"
    titles = Titles()
    for channel_file, messages_file in channels:
        channel = _loaded(channel_file)
        channel_id = string(channel.get("id")) or messages_file.path.parent.name.removeprefix("c")
        title = string(names.get(channel_id)) or _title(channel) or channel_id or "Discord"
        chat = titles.name(title, str(messages_file.path))
        messages = [
            Message(_PLATFORM, chat, sender, sent_at, kind, text, None, sender_id)
            for sent_at, kind, text in _rows(messages_file, people, report)
        ]
        # Some packages begin with the newest message.
        if messages and (messages[0].sent_at or _EVER) > (messages[-1].sent_at or _EVER):
            messages.reverse()
        yield from messages


_EVER = datetime.min.replace(tzinfo=UTC)


def _loaded(file: File | None) -> dict[str, Any]:
    try:
        return mapping(load(file)) if file else {}
    except ExportError:
        return {}


def _title(channel: dict[str, Any]) -> str:
    name, server = string(channel.get("name")), string(mapping(channel.get("guild")).get("name"))
    return f"{server} #{name}" if server and name else name


def _rows(file: File, people: dict[str, str], report: Report) -> Iterator[tuple[datetime | None, Kind, str]]:
    if file.path.suffix == ".csv":
        numbered = rows(file, report)
    else:
        found = records(file, report, "item", alone=False) if file.size > 8 else ()
        numbered = ((n, {k.lower(): v for k, v in mapping(raw).items()}) for n, (_, raw) in enumerate(found, 1))
    for number, row in numbered:
        sent_at = iso(row.get("timestamp"))
        if sent_at is None:
            report.miss(number)
            continue
        text = _EMOJI.sub(r"\1", string(row.get("contents")))
        text = _MENTION.sub(lambda mention: f"@{people.get(mention[1]) or mention[1]}", text)
        kind = Kind.MEDIA if row.get("attachments") else Kind.TEXT if text else Kind.EMPTY
        yield sent_at if sent_at.tzinfo else sent_at.replace(tzinfo=UTC), kind, text
