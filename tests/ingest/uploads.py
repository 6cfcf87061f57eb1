"""What the tests of platforms share: invented uploads, read the way a person's are."""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twin.domain.messages import Kind, Message
from twin.errors import ExportError
from twin.ingest import Options, Report, Skipped, read


@dataclass(frozen=True, slots=True)
class Read:
    """What came out of an upload."""

    messages: list[Message]
    reports: tuple[Report, ...]
    skipped: tuple[Skipped, ...]

    @property
    def report(self) -> Report:
        """The report of the only export."""
        assert len(self.reports) == 1, [report.platform for report in self.reports]
        return self.reports[0]

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.messages]

    @property
    def kinds(self) -> list[Kind]:
        return [message.kind for message in self.messages]

    @property
    def senders(self) -> list[str | None]:
        return [message.sender for message in self.messages]

    @property
    def chats(self) -> list[str]:
        return [message.chat for message in self.messages]

    @property
    def times(self) -> list[datetime | None]:
        return [message.sent_at for message in self.messages]


def encoded(content: Any) -> bytes:
    """A file's bytes: bytes as they are, text in UTF-8, and everything else as JSON."""
    if isinstance(content, bytes):
        return content
    return (content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, indent=1)).encode()


def read_upload(folder: Path, files: Mapping[str, Any], *, options: Options | None = None) -> Read:
    """Write files under `folder` and read them all."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(content))
    reading = read([folder], options=options)
    messages = list(reading)
    return Read(messages, reading.reports, reading.skipped)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # pyright: ignore[reportArgumentType]


_WRONG: tuple[Any, ...] = (None, True, -1, 10**30, 1.5, "", "x", "\ud83d", [], [[]], {}, {"x": [1]}, [None], "9" * 400)


def mutated(value: Any, chance: random.Random, rate: float = 0.1) -> Any:
    """A JSON value with some of its inner values replaced by ones of the wrong type."""
    if chance.random() < rate:
        return chance.choice(_WRONG)
    match value:
        case dict():
            return {key: mutated(inner, chance, rate) for key, inner in value.items()}
        case list():
            return [mutated(inner, chance, rate) for inner in value]
        case _:
            return value


def survives(folder: Path, files: Mapping[str, Any], *, rounds: int = 40) -> None:
    """Whatever is wrong in the files, reading gives messages of the right types, or an ExportError."""
    for seed in range(rounds):
        chance = random.Random(seed)
        place = folder / str(seed)
        broken = dict[str, Any]()
        for name, content in files.items():
            if isinstance(content, dict | list):
                body = (
                    {k: mutated(v, chance, 0.05) for k, v in content.items()}
                    if isinstance(content, dict)
                    else [mutated(item, chance, 0.05) for item in content]
                )
                broken[name] = json.dumps(body).encode()
            else:
                broken[name] = encoded(content)
            data = bytearray(broken[name])
            if data and chance.random() < 0.5:
                if chance.random() < 0.5:
                    del data[chance.randrange(len(data)) :]
                for _ in range(chance.randrange(4)):
                    if data:
                        data[chance.randrange(len(data))] = chance.randrange(256)
            broken[name] = bytes(data)
        try:
            result = read_upload(place, broken)
        except ExportError:
            continue
        for message in result.messages:
            assert isinstance(message.chat, str)
            assert isinstance(message.text, str)
            assert message.sender is None or isinstance(message.sender, str)
            assert message.sender_id is None or isinstance(message.sender_id, str)
            assert message.reply_to is None or isinstance(message.reply_to, str)
            assert message.sent_at is None or isinstance(message.sent_at, datetime)
            assert isinstance(message.kind, Kind)
