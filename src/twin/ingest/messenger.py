"""Facebook Messenger's and Instagram's JSON: the account download, and the one of end-to-end encrypted chats."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from functools import partial
from operator import attrgetter
from pathlib import PurePosixPath
from typing import Any

from twin.domain.messages import Kind, Message
from twin.errors import ExportError
from twin.ingest.export import Export, File, Options, Report
from twin.ingest.jsonstream import array, load, mapping, outline, records, string
from twin.ingest.messenger_notices import notice
from twin.ingest.mojibake import mend, mend_all
from twin.ingest.threads import Titles
from twin.ingest.times import instant
from twin.ingest.unknown import without_media

_NUMBERED = re.compile(r"(.*?)_?(\d+)$")
_BOXES = frozenset(
    {"inbox", "e2ee_cutover", "archived_threads", "filtered_threads", "message_requests", "legacy_threads"}
)
_PROFILES = ("profile_information.json", "personal_information.json")
_MEDIA = ("photos", "videos", "audio_files", "gifs", "sticker", "files", "media")

Thread = tuple[PurePosixPath, str]
"""A thread's folder, and what its files' names have in common."""


def claim(files: Sequence[File], _options: Options) -> list[Export]:
    """One export per account: all threads that lie under one folder."""
    accounts = defaultdict[tuple[PurePosixPath, str], dict[Thread, list[File]]](dict)
    by_path = {file.path: file for file in files}
    for file in without_media(files):
        dialect = _dialect(file)
        if dialect:
            name = _NUMBERED.match(file.path.stem)
            thread = (file.path.parent, name[1] if name else file.path.stem)
            accounts[account_of(file.path), dialect].setdefault(thread, []).append(file)
    exports = list[Export]()
    for (root, dialect), threads in accounts.items():
        own = [file for pages in threads.values() for file in pages]
        copies = [page for file in own if (page := by_path.get(file.path.with_suffix(".html")))]
        profiles = [file for file in files if file.path.name in _PROFILES and file.path.is_relative_to(root)]
        parse = partial(_parse, platform_of(own), list(threads.values()), len(copies), profiles)
        exports.append(Export(platform_of(own), dialect, [*own, *copies, *profiles], parse))
    return exports


def account_of(path: PurePosixPath) -> PurePosixPath:
    """The folder of a whole download, given one of its thread files."""
    if len(path.parts) <= 3 or path.parts[-3] not in _BOXES:
        return path.parent
    folder = path.parents[2]
    for name in ("messages", "your_"):
        if folder.name.startswith(name):
            folder = folder.parent
    return folder


def platform_of(files: Sequence[File]) -> str:
    """Both products write the same files; only paths tell them apart."""
    return "instagram" if any("instagram" in str(file.path).lower() for file in files) else "messenger"


def _dialect(file: File) -> str | None:
    keys = outline(file)
    if "messages.item.sender_name" in keys or {"participants", "messages", "title"} <= keys:
        return "json"
    if "messages.item.senderName" in keys or {"participants", "messages", "threadName"} <= keys:
        return "json, end-to-end encrypted"
    if file.path.name.startswith("message_") and file.path.parent.parent.name in _BOXES and "participants" in keys:
        return "json"
    return None


def _parse(
    platform: str, threads: list[list[File]], copies: int, profiles: list[File], report: Report
) -> Iterator[Message]:
    report.time_zone = "UTC"
    if copies:
        report.warnings.append(f"{copies:,} HTML pages repeat what the JSON files beside them hold.")
    titles = Titles()
    owner = _Owner()
    alone = sum(map(len, threads)) == 1
    for files in threads:
        for file in sorted(files, key=_newest):
            yield from _thread_file(file, platform, titles, owner, report, alone=alone)
    owner.tell(report, profiles)


def _newest(file: File) -> tuple[float, int]:
    """Files of a thread do not overlap; each begins with its newest message. `message_10` is older than `message_2`."""
    number = _NUMBERED.match(file.path.stem)
    rank = -int(number[2]) if number else 0
    try:
        with closing(records(file, Report([], "", ""), "messages.item")) as first:
            sent_at = _time(mapping(next(first, ("", {}))[1]))
    except ExportError:
        return (0, rank)
    return (sent_at.timestamp() if sent_at else 0, rank)


def _thread_file(
    file: File, platform: str, titles: Titles, owner: "_Owner", report: Report, *, alone: bool
) -> Iterator[Message]:
    head, rows = dict[str, Any](), list[dict[str, Any]]()
    wanted = ("title", "threadName", "thread_path", "participants", "messages.item")
    for path, value in records(file, report, *wanted, alone=alone):
        if path != "messages.item":
            head[path] = mend_all(value)
        elif isinstance(value, dict):
            rows.append(value)
        else:
            report.miss(len(rows) + 1)
    names = [string(mapping(person).get("name")) or string(person) for person in array(head.get("participants"))]
    title = string(head.get("title")) or re.sub(r"_\d+$", "", string(head.get("threadName")))
    chat = titles.name(
        title or ", ".join(filter(None, names)) or file.path.parent.name or file.path.stem, _identity(file, head)
    )
    messages = [_message(row, platform, chat, owner) for row in rows]
    times = [message.sent_at for message in messages if message.sent_at]
    if times and times[0] > times[-1]:
        messages.reverse()
    if len(times) == len(messages):  # equal times stay in the order of writing
        messages.sort(key=attrgetter("sent_at"))
    owner.seen(chat, {*names, *(message.sender or "" for message in messages)} - {""})
    yield from messages


def _identity(file: File, head: dict[str, Any]) -> str:
    """A thread keeps its folder or path over all its files."""
    if file.path.parent.parent.name in _BOXES:
        return file.path.parent.name
    return string(head.get("thread_path")) or string(head.get("threadName")) or str(file.path)


def _time(raw: dict[str, Any]) -> datetime | None:
    for key in ("timestamp_ms", "timestamp"):
        count = raw.get(key)
        if isinstance(count, int) and not isinstance(count, bool):
            return instant(count, per_second=1000 if abs(count) > 10**11 else 1)
    return None


def _message(raw: dict[str, Any], platform: str, chat: str, owner: "_Owner") -> Message:
    sender = mend(string(raw.get("sender_name")) or string(raw.get("senderName")))
    text = mend(string(raw.get("content")) or string(raw.get("text")))
    said = notice(text, sender)
    if said and text.startswith("You "):
        owner.said_you(sender)
    kind = _kind(raw, text, said)
    return Message(platform, chat, sender or None, _time(raw), kind, "" if said and kind is Kind.MEDIA else text)


def _kind(raw: dict[str, Any], text: str, said: Kind | None) -> Kind:
    if raw.get("is_unsent") is True or raw.get("isUnsent") is True:
        return Kind.DELETED
    if "call_duration" in raw or string(raw.get("type")).lower() == "call":
        return Kind.CALL
    if raw.get("type") in ("Subscribe", "Unsubscribe", "placeholder"):
        return Kind.SYSTEM
    if any(raw.get(key) for key in _MEDIA) or (raw.get("share") and (said or not text)):
        return Kind.MEDIA
    return said or (Kind.TEXT if text else Kind.EMPTY)


class _Owner:
    """Who takes part in every thread, or is called "You" in the notices."""

    def __init__(self) -> None:
        self._threads: dict[str, set[str]] = {}
        self._you = set[str]()

    def seen(self, chat: str, names: set[str]) -> None:
        self._threads.setdefault(chat, set()).update(names)

    def said_you(self, name: str) -> None:
        self._you.add(name)

    def tell(self, report: Report, profiles: list[File]) -> None:
        known = set[str]().union(*self._threads.values())
        everywhere = set[str].intersection(*self._threads.values()) if self._threads else set[str]()
        profile = next((name for file in profiles for name in _profile_names(file) if name in known), None)
        if profile:
            report.owner, report.owner_evidence = profile, "the profile in the download"
        elif len(self._you) == 1:
            report.owner, report.owner_evidence = next(iter(self._you)), 'is called "You" in notices'
        elif len(self._threads) > 1 and len(everywhere) == 1:
            report.owner, report.owner_evidence = next(iter(everywhere)), f"is in all {len(self._threads):,} chats"


def _profile_names(file: File) -> list[str]:
    """The person's names in their profile: Facebook's full name, every value of Instagram's."""
    try:
        profile = mapping(mend_all(load(file)))
    except ExportError:
        return []
    own = mapping(mapping(profile.get("profile_v2") or profile.get("profile")).get("name"))
    values = [own.get("full_name")]
    for user in array(profile.get("profile_user")):
        values += [mapping(entry).get("value") for entry in mapping(mapping(user).get("string_map_data")).values()]
    return [name for name in map(string, values) if name]
