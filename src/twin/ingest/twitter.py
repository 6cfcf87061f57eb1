"""The archive that X (Twitter) sends: tweets, long posts and direct messages, as JavaScript files."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from html import unescape
from pathlib import PurePosixPath
from typing import Any

from twin.domain.messages import Kind, Message
from twin.ingest.export import Export, File, Options, Report
from twin.ingest.jsonstream import array, mapping, records, string
from twin.ingest.threads import Quotes, Titles
from twin.ingest.times import iso
from twin.ingest.unknown import without_media

_PLATFORM = "twitter"
_ASSIGNMENT = re.compile(rb"\s*window\.YTD\.(\w+)\.part\d+\s*=\s*")
_TWEETS = frozenset({"tweet", "tweets", "community_tweet"})
_NOTES = frozenset({"note_tweet"})
_DIRECT = frozenset({"direct_message", "direct_messages", "direct_message_group", "direct_messages_group"})
_MENTIONS = re.compile(r"^(?:@\w+\s+)+")
_CREATED = "%a %b %d %H:%M:%S %z %Y"


def claim(files: Sequence[File], _options: Options) -> list[Export]:
    """One export per archive: all files that assign to `window.YTD`."""
    archives = defaultdict[PurePosixPath, list[tuple[File, str, int]]](list)
    for file in without_media(files):
        if file.path.suffix.lower() == ".js":
            found = _ASSIGNMENT.match(file.head(512).removeprefix(b"\xef\xbb\xbf"))
            if found:
                bom = 3 if file.head(3) == b"\xef\xbb\xbf" else 0
                root = file.path.parent.parent if file.path.parent.name == "data" else file.path.parent
                archives[root].append((file, found[1].decode(), found.end() + bom))
    return [
        Export(_PLATFORM, "archive", [file for file, _, _ in parts], partial(_parse, parts))
        for parts in archives.values()
    ]


class _People:
    """Who is who: the owner from `account.js`, others from the mentions in tweets."""

    def __init__(self) -> None:
        self.owner_id = ""
        self.names = dict[str, str]()

    def name(self, person_id: str) -> str:
        return self.names.get(person_id) or person_id


def _parse(parts: list[tuple[File, str, int]], report: Report) -> Iterator[Message]:
    report.time_zone = "UTC"
    people = _People()

    def items(kinds: frozenset[str]) -> Iterator[dict[str, Any]]:
        for file, kind, start in parts:
            if kind in kinds:
                for number, (_, value) in enumerate(records(file, report, "item", start=start, alone=False), 1):
                    if isinstance(value, dict):
                        yield mapping(value)
                    else:
                        report.miss(number)

    for item in items(frozenset({"account"})):
        account = mapping(item.get("account"))
        people.owner_id = string(account.get("accountId"))
        name = string(account.get("accountDisplayName")) or string(account.get("username"))
        people.names[people.owner_id] = name
        report.owner, report.owner_id, report.owner_evidence = name, people.owner_id, "account.js"
    yield from _tweets(items, people)
    titles = Titles()
    for item in items(_DIRECT):
        yield from _direct(mapping(item.get("dmConversation")), people, titles)
    if not any(kind in _TWEETS | _NOTES | _DIRECT for _, kind, _ in parts):
        report.warnings.append("These files of the archive hold no tweets and no direct messages.")


def _tweets(items: Any, people: _People) -> Iterator[Message]:
    """Oldest first; the archive begins with the newest."""
    owner = people.names.get(people.owner_id) or "Me"
    messages = list[Message]()
    notes = dict[str, str]()  # by their beginnings, because a long post also stands among the tweets, cut short
    for item in items(_NOTES):
        note = mapping(item.get("noteTweet"))
        core = mapping(note.get("core"))
        text = _expanded(string(core.get("text")), array(core.get("urls")))
        notes[text[:80]] = text
        messages.append(_post(text, Kind.TEXT, iso(note.get("createdAt")), owner, people))
    own = list[tuple[str, str, Message]]()
    for item in items(_TWEETS):
        tweet = mapping(item.get("tweet")) or item
        entities = mapping(tweet.get("entities"))
        for mention in map(mapping, array(entities.get("user_mentions"))):
            people.names.setdefault(string(mention.get("id_str")), string(mention.get("screen_name")))
        raw = string(tweet.get("full_text")) or string(tweet.get("text"))
        media = array(mapping(tweet.get("extended_entities")).get("media")) or array(entities.get("media"))
        text = _expanded(raw, array(entities.get("urls")), media)
        if tweet.get("in_reply_to_status_id_str") or tweet.get("in_reply_to_screen_name"):
            text = _MENTIONS.sub("", text)
        kind = Kind.MEDIA if media else Kind.TEXT if text else Kind.EMPTY
        if raw.startswith("RT @") or tweet.get("retweeted") is True:
            kind = Kind.FORWARD
        if text[:80] in notes and len(text) > 79:
            continue
        message = _post(text, kind, _created(tweet.get("created_at")), owner, people)
        own.append((string(tweet.get("id_str")), string(tweet.get("in_reply_to_status_id_str")), message))
    quotes = Quotes()
    for tweet_id, answered, message in reversed(own):
        quotes.remember(tweet_id, message.text)
        messages.append(message._replace(reply_to=quotes.find(answered)))
    yield from sorted(messages, key=lambda message: message.sent_at.timestamp() if message.sent_at else 0.0)


def _post(text: str, kind: Kind, sent_at: datetime | None, owner: str, people: _People) -> Message:
    return Message(_PLATFORM, "Tweets", owner, sent_at, kind, text, None, people.owner_id or None)


def _created(value: Any) -> datetime | None:
    try:
        return datetime.strptime(string(value), _CREATED)
    except ValueError:
        return iso(value)


def _expanded(text: str, urls: list[Any], media: list[Any] | None = None) -> str:
    """With links as they were typed, and without the links to pictures."""
    for entry in map(mapping, urls):
        short = string(entry.get("url")) or string(entry.get("shortUrl"))
        full = string(entry.get("expanded_url")) or string(entry.get("expandedUrl")) or string(entry.get("expanded"))
        if short and full:
            text = text.replace(short, full)
    for entry in map(mapping, media or []):
        if short := string(entry.get("url")):
            text = text.replace(short, "")
    return unescape(text).strip()


def _direct(conversation: dict[str, Any], people: _People, titles: Titles) -> Iterator[Message]:
    conversation_id = string(conversation.get("conversationId"))
    others = [person for person in conversation_id.split("-") if person != people.owner_id]
    title = ", ".join(map(people.name, others)) or conversation_id or "Direct messages"
    chat = titles.name(title, conversation_id)
    for event in reversed(list(map(mapping, array(conversation.get("messages"))))):
        created = mapping(event.get("messageCreate"))
        if created:
            text = _expanded(string(created.get("text")), array(created.get("urls")))
            kind = Kind.MEDIA if array(created.get("mediaUrls")) else Kind.TEXT if text else Kind.EMPTY
            sender_id = string(created.get("senderId"))
            yield Message(
                _PLATFORM,
                chat,
                people.name(sender_id) or None,
                iso(created.get("createdAt")),
                kind,
                text,
                None,
                sender_id or None,
            )
        else:
            inner = next(map(mapping, event.values()), {})
            yield Message(_PLATFORM, chat, None, iso(inner.get("createdAt")), Kind.SYSTEM, "")
