"""Facebook Messenger's and Instagram's HTML: the pages of the account download, and `messages.htm` from before 2018."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import PurePosixPath

from twin.domain.messages import Kind, Message
from twin.ingest.datetext import written_time
from twin.ingest.export import Export, File, Options, Report
from twin.ingest.html import Node, Tree, parse_html, words
from twin.ingest.messenger import account_of, platform_of
from twin.ingest.messenger_notices import notice
from twin.ingest.rowdates import reader
from twin.ingest.threads import Titles

_THREAD_PAGE = re.compile(
    r"(?:inbox|e2ee_cutover|archived_threads|filtered_threads|message_requests)/[^/]+/message_\d+\.html?$"
)
_MARKS = (b"Participants: ", b"_a6-g", b"_a6-p", b"uiBoxWhite")
_LOOKS_LIKE_TIME = re.compile(r"\d{1,2}[:.]\d{2}")
_MEDIA = "img, video, audio, a[href^='messages/'], a[href*='/photos/'], a[href*='/videos/'], a[href*='/files/']"


def claim(files: Sequence[File], options: Options) -> list[Export]:
    """One export per account: all pages of threads that lie under one folder."""
    accounts = defaultdict[PurePosixPath, dict[PurePosixPath, list[File]]](dict)
    exports = list[Export]()
    for file in files:
        if file.path.suffix.lower() not in (".html", ".htm"):
            continue
        head = file.head()
        if b'class="thread"' in head and b'class="message' in head:
            parse = partial(_parse_old, file, options)
            exports.append(Export("messenger", "html, before 2018", [file], parse))
        elif _THREAD_PAGE.search(str(file.path)) or any(mark in head for mark in _MARKS):
            accounts[account_of(file.path)].setdefault(file.path.parent, []).append(file)
    for threads in accounts.values():
        own = [file for pages in threads.values() for file in pages]
        parse = partial(_parse, platform_of(own), list(threads.values()), options)
        exports.append(Export(platform_of(own), "html", own, parse))
    return exports


def _parse(platform: str, threads: list[list[File]], options: Options, report: Report) -> Iterator[Message]:
    report.time_zone = "wall clock, no zone stated"
    titles = Titles()
    read: Callable[[str], datetime | None] | None = None
    for pages in threads:
        for page in sorted(pages, key=_number, reverse=True):  # the first page is the newest
            tree = parse_html(page)
            title = tree.css_first("title") or tree.css_first("h1")
            same = pages[0].path.parent if len(pages) > 1 else page.path
            chat = titles.name((words(title) if title else "") or page.path.parent.name, same)
            blocks = list(_blocks(tree))
            read = read or reader([stamp for _, stamp in blocks], options, report, latest=page.modified)
            messages = [_message(parts, read(stamp), platform, chat) for parts, stamp in blocks]
            yield from _oldest_first(messages)


def _number(page: File) -> int:
    digits = re.findall(r"\d+", page.path.stem)
    return int(digits[-1][:9]) if digits else 0


def _oldest_first(messages: list[Message]) -> list[Message]:
    """A page begins with its newest message; times are to the minute, so all may be the same."""
    times = [message.sent_at for message in messages if message.sent_at]
    return messages[::-1] if times and times[0] >= times[-1] else messages


def _blocks(tree: Tree) -> Iterator[tuple[list[Node], str]]:
    """The messages of a page: an element whose first part is a name and whose last part is a time."""
    for leaf in tree.css("body *"):
        if leaf.first_child is None or any(child.is_element_node for child in leaf.iter()):
            continue
        stamp = leaf.text().strip()
        if not (len(stamp) < 60 and _LOOKS_LIKE_TIME.search(stamp)) or written_time(stamp) is None:
            continue
        node = leaf
        while node.parent is not None and len(list(node.parent.iter())) == 1:
            node = node.parent
        if node.parent is None:
            continue
        parts = list(node.parent.iter())
        if parts[-1] == node and words(parts[0]):
            yield parts[:-1], stamp


def _message(parts: list[Node], time: datetime | None, platform: str, chat: str) -> Message:
    sender, body = words(parts[0]), parts[1:]
    media = any(part.css_first(_MEDIA) for part in body)
    for part in body:
        for reactions in part.css("ul"):
            reactions.decompose()
    text = "\n".join(filter(None, (words(part) for part in body)))
    kind = notice(text, sender) or (Kind.TEXT if text else Kind.EMPTY)
    if media:
        kind = Kind.MEDIA
    return Message(platform, chat, sender, time, kind, text)


def _parse_old(file: File, options: Options, report: Report) -> Iterator[Message]:
    """`div.thread` begins with its participants; a `div.message` has name and time, the `p` after it the words."""
    tree = parse_html(file)
    titles = Titles()
    read = reader([words(meta) for meta in tree.css("div.message .meta")], options, report, latest=file.modified)
    zone = None
    for number, thread in enumerate(tree.css("div.thread"), 1):
        first = thread.first_child
        names = ((first.text_content or "") if first else "").strip()
        # A long thread stands on the page in several parts with the same names.
        chat = titles.name(names or f"thread {number}", names or number)
        messages = list[Message]()
        for node in thread.css("div.message"):
            user, meta = node.css_first(".user"), node.css_first(".meta")
            sender = words(user) if user else None
            time = read(words(meta)) if meta else None
            body = node.next
            while body is not None and not body.is_element_node:
                body = body.next
            text = words(body) if body is not None and body.tag == "p" else ""
            media = body is not None and body.css_first("img, video, audio") is not None
            kind = Kind.MEDIA if media else notice(text, sender or "") or (Kind.TEXT if text else Kind.EMPTY)
            zone = zone or (time and time.tzinfo)
            messages.append(Message("messenger", chat, sender, time, kind, text))
        yield from _oldest_first(messages)
    report.time_zone = "offset stated" if zone else "wall clock, no zone stated"
    heading = tree.css_first("h1")
    if heading and words(heading):
        report.owner, report.owner_evidence = words(heading), "the heading of the page"
