"""KakaoTalk's exports: text from Android, iPhone and Windows, CSV from a Mac."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import PurePosixPath

from twin.domain.messages import Kind, Message
from twin.ingest.datetext import written_time
from twin.ingest.encoding import detect, open_text
from twin.ingest.export import Export, File, Options, Report
from twin.ingest.tables import header, rows
from twin.ingest.threads import Titles
from twin.ingest.times import iso
from twin.ingest.unknown import without_media

_PLATFORM = "kakaotalk"
_SAVED = re.compile(r"\s*(?:저장한 날짜|Date Saved|保存日時?|保存日期)\s*[:：]")
_TITLE = re.compile(r"(?P<one>.+?) 님과 카카오톡 대화|(?P<group>.+) 카카오톡 대화|KakaoTalk Chats? with (?P<en>.+)")
_PART = re.compile(r"-(\d+)$")

_PERIOD = r"(?:오전|오후|午前|午後|上午|下午)"
_CLOCK = rf"(?:{_PERIOD} ?)?\d{{1,2}}:\d{{2}}(?::\d{{2}})?(?: ?[APap]\.?[Mm]\.?)?"
_DAY = r"(?:\d{4}[년年] ?\d{1,2}[월月] ?\d{1,2}[일日]|\d{4}[.-] ?\d{1,2}[.-] ?\d{1,2}\.?|[A-Z][a-z]{2,8}\.? \d{1,2}, \d{4}|\d{1,2} [A-Z][a-z]{2,8} \d{4})"
_STAMPED = re.compile(rf"({_DAY},?(?: at)? {_CLOCK})(?:, ?|: )(.*)", re.S)
_TIMED = re.compile(rf"({_CLOCK})(?:, |: )(.*)", re.S)
_WINDOWS = re.compile(rf"\[([^\n]*?)\] \[({_CLOCK})\] ?(.*)", re.S)
_DAY_LINE = re.compile(
    rf"(?:-{{5,}} )?(?:[A-Z][a-z]+day, )?({_DAY})(?: \S{{1,4}}요일| .曜日| 星期.)?(?: {_CLOCK})?(?: -{{5,}})?"
)

# Facts of the format, Korean first, then English and Japanese.
_MEDIA = re.compile(
    r"(?:사진(?: \d+장)?|이모티콘|동영상|음성메시지|파일: .+|Photos?|\d+ photos|Emoticons?|Video|Voice (?:Note|message)|File: .+|写真|スタンプ|動画)(?:\([^)]*\))?"
    r"|.+\.(?:jpe?g|png|gif|mp4|m4a|pdf|zip|docx?|xlsx?|pptx?|hwp)",
    re.I,
)
_CALL = re.compile(
    r"(?:보이스톡|페이스톡|그룹콜|라이브톡)(?: ?(?:해요|취소|부재중|종료|참여|시작|응답).*| [\d:]+)?|(?:Voice|Video|Group) ?(?:Call|Talk)\b.*"
)
_LOCATION = re.compile(r"(?:지도|위치|Map|Location): .+")
_CONTACT = re.compile(r"(?:연락처|Contact|프로필): .+")
_POLL = re.compile(r"(?:투표|Poll)(?: ?:|가 ).+")
_DELETED = re.compile(
    r"(?:삭제된 메시지입니다|메시지가 삭제되었습니다|가려진 메시지입니다|(?:The|This) message (?:has been|was) deleted)\.?"
)
_NOTICE = re.compile(
    r".+님이 (?:들어왔|나갔)습니다\.?|.+님을 (?:초대|내보냈?)\S*습니다\.?|.+님(?:이|을) .+(?:하였|했)습니다\.?|채팅방 관리자가 .+"
    r"|.+ (?:left|joined|entered) th(?:is|e) chat ?room\.?|.+ (?:has been removed from|was removed from) th(?:is|e) chat ?room\.?|.+ invited .+\."
)


def claim(files: Sequence[File], _options: Options) -> list[Export]:
    """Texts that say when they were saved, and CSV of `Date,User,Message`; the parts of a text are one export."""
    parts = defaultdict[PurePosixPath, list[File]](list)
    titles = Titles()
    exports = list[Export]()
    for file in without_media(files):
        lines = _first_lines(file)
        if any(_SAVED.match(line) for line in lines) or (lines and _TITLE.fullmatch(lines[0])):
            parts[file.path.with_name(_PART.sub("", file.path.stem))].append(file)
        elif header(file) == ["date", "user", "message"]:
            exports.append(Export(_PLATFORM, "csv", [file], partial(_parse_csv, file, titles)))
    for whole, own in parts.items():
        own.sort(key=lambda file: int(found[1]) if (found := _PART.search(file.path.stem)) else 0)
        exports.append(Export(_PLATFORM, "text", own, partial(_parse, own, whole, titles)))
    return exports


def _first_lines(file: File) -> list[str]:
    head = file.head(2048)
    return [line for line in head.decode(detect(head), "ignore").lstrip("\ufeff").splitlines()[:6] if line.strip()][:3]


@dataclass(slots=True)
class _Entry:
    """A message while its lines come."""

    sent_at: datetime | None
    sender: str | None
    lines: list[str] = field(default_factory=list[str])


def _parse(files: list[File], whole: PurePosixPath, titles: Titles, report: Report) -> Iterator[Message]:
    report.time_zone = "wall clock, no zone stated"
    found = _TITLE.fullmatch(_first_lines(files[0])[0].strip())
    title = next((group for group in found.groups() if group), "") if found else ""
    chat = titles.name(title or whole.name, str(whole))
    senders = set[str]()
    for file in files:
        for entry in _entries(file, report):
            while len(entry.lines) > 1 and not entry.lines[-1].strip():
                entry.lines.pop()
            text = "\n".join(entry.lines)
            if entry.sender:
                senders.add(entry.sender)
            yield Message(_PLATFORM, chat, entry.sender or None, entry.sent_at, _kind(entry.sender, text), text)
    others = senders - {title}
    if found and found["one"] and len(others) == 1:
        report.owner, report.owner_evidence = others.pop(), "the chat is with the other one"


def _entries(file: File, report: Report) -> Iterator[_Entry]:
    day: datetime | None = None
    entry: _Entry | None = None
    windows = False
    with open_text(file) as text:
        for number, raw in enumerate(text, 1):
            line = raw.rstrip("\r\n").lstrip("\ufeff")
            day_line = _DAY_LINE.fullmatch(line.strip())
            new = None if day_line else _start(line, day)
            if not new and windows and _NOTICE.fullmatch(line):  # Windows gives notices no time
                new = _Entry(day, None, [line])
            if new or day_line:
                if entry:
                    yield entry
                entry = new
                day = (written_time(day_line[1]) if day_line else new and new.sent_at) or day
                windows = windows or (line.startswith("[") and day is not None)
            elif entry:
                entry.lines.append(line)
            elif line.strip() and number > 2 and not _SAVED.match(line):
                report.miss(number)
    if entry:
        yield entry


def _start(line: str, day: datetime | None) -> _Entry | None:
    """The message that begins with this line: date and time, or the time only, or name and time in brackets."""
    if found := _STAMPED.fullmatch(line):
        sent_at = written_time(found[1])
        return _Entry(sent_at, *_split(found[2])) if sent_at else None
    if day is None:
        return None
    if found := _WINDOWS.fullmatch(line):
        return _Entry(_at(day, found[2]), found[1] or None, [found[3]])
    if found := _TIMED.fullmatch(line):
        return _Entry(_at(day, found[1]), *_split(found[2]))
    return None


def _at(day: datetime, clock: str) -> datetime | None:
    return written_time(f"{day:%Y-%m-%d} {clock}")


def _split(rest: str) -> tuple[str | None, list[str]]:
    """Name and first line of the body; what has no ` : ` is a notice."""
    name, separator, body = rest.partition(" : ")
    if separator:
        return name.strip() or None, [body]
    return (rest.removesuffix(" :"), [""]) if rest.endswith(" :") else (None, [rest])


def _parse_csv(file: File, titles: Titles, report: Report) -> Iterator[Message]:
    report.time_zone = "wall clock, no zone stated"
    chat = titles.name(file.path.stem, str(file.path))
    for number, row in rows(file, report):
        sender, text = row["user"], row["message"]
        if not text:
            report.miss(number)
            continue
        sent_at = iso(row["date"])
        kind = _kind(sender, text)
        if sent_at is None and kind is not Kind.DELETED:
            report.miss(number)
            continue
        yield Message(_PLATFORM, chat, sender or None, sent_at, kind, text)


def _kind(sender: str | None, text: str) -> Kind:
    if _DELETED.fullmatch(text):
        return Kind.DELETED
    if not sender or _NOTICE.fullmatch(text):
        return Kind.SYSTEM
    for kind, pattern in (
        (Kind.MEDIA, _MEDIA),
        (Kind.CALL, _CALL),
        (Kind.LOCATION, _LOCATION),
        (Kind.CONTACT, _CONTACT),
        (Kind.POLL, _POLL),
    ):
        if pattern.fullmatch(text):
            return kind
    return Kind.TEXT if text.strip() else Kind.EMPTY
