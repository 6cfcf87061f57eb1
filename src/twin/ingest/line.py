"""LINE's text exports: from phones with tabs, from computers with spaces."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from functools import partial
from itertools import islice

from twin.domain.messages import Kind, Message
from twin.ingest.calendars import gregorian, year_of
from twin.ingest.datetext import weekday_of
from twin.ingest.day_periods import hour_of_day, period_of
from twin.ingest.encoding import detect, open_text
from twin.ingest.export import Export, File, Options, Report
from twin.ingest.threads import Titles
from twin.ingest.unknown import without_media

_PLATFORM = "line"
_DATE = re.compile(
    r"(?P<before>[^\d]{0,20}?)(?:(?P<a>[Rr]?\d{1,4})[/.]\s?(?P<b>\d{1,2})[/.]\s?(?P<c>\d{1,4})|(?P<y>\d{4})[年년]\s?(?P<m>\d{1,2})[月월]\s?(?P<d>\d{1,2})[日일])"
    r"(?P<after>[^\d]{0,24})"
)
_SPACE = "[ \u00a0\u202f]?"  # not a tab
_TIME = rf"(?:[^\W\d_]{{1,4}}{_SPACE})?\d{{1,2}}[:.]\d{{2}}(?:{_SPACE}[AaPp]\.?{_SPACE}[Mm]\.?)?"
_TAB_LINE = re.compile(rf"({_TIME})\t([^\t]*)(?:\t(.*))?", re.S)
_SPACE_LINE = re.compile(rf"({_TIME}) (.+)", re.S)
_CLOCK = re.compile(r"(\D*)(\d{1,2})[:.](\d{2})(\D*)")
_TITLE = re.compile(
    r"\[LINE\]\s*(?:Chat history (?:with|in) (?P<en>.+)|(?P<ja>.+?)(?:とのトーク履歴|のトーク履歴)|與(?P<zh>.+)的聊天記錄|(?P<group>.+)的聊天記錄"
    r"|(?P<ko>.+?)(?:님과의 대화|의 대화|와 대화)|ประวัติการ(?:แชท|สนทนา)(?:กับ)?\s*(?P<th>.+)|(?:Riwayat (?:obrolan|chat) dengan|Historial de chat con) (?P<more>.+))"
)
_TWO_SIDED = re.compile(r"\[LINE\]\s*(?:Chat history with|.+とのトーク履歴|與.+的聊天記錄|.+님과의 대화)")
# The words in brackets, by language: Japanese, English, Traditional Chinese, Thai, Korean, Indonesian, Spanish.
_MEDIA = re.compile(
    r"\[(?:スタンプ|写真|画像|動画|ファイル|ボイスメッセージ|アルバム|ノート|プレゼント|Sticker|Photo|Image|Video|File|Voice message|Voice|Album|Albums|Note|Notes|Gift"
    r"|貼圖|照片|圖片|影片|檔案|語音訊息|相簿|記事本|禮物|สติกเกอร์|รูป|รูปภาพ|วิดีโอ|ไฟล์|ข้อความเสียง|스티커|사진|동영상|파일|음성메시지|Stiker|Foto|Berkas|Pesan suara|Vídeo|Archivo)\]"
)
_LOCATION = re.compile(r"\[(?:位置情報|Location|位置訊息|位置資訊|ตำแหน่ง|위치정보|Lokasi|Ubicación)\]")
_CONTACT = re.compile(r"\[(?:連絡先|Contact|聯絡資訊|ข้อมูลติดต่อ|연락처|Kontak|Contacto)\]")
_POLL = re.compile(r"\[(?:投票|Poll|投票活動|โพล|투표|Jajak pendapat)\]")
_UNSENT = re.compile(
    r"送信を取り消しました|unsent a message|message (?:was )?unsent|已收回訊息|收回了?訊息|ยกเลิกข้อความ|ยกเลิกการส่ง|메시지를 삭제했습니다|membatalkan pesan",
    re.I,
)
_JOINED = re.compile(
    r"(?:joined|left) the (?:group|chat)\.?|が(?:グループ|トーク)に参加しました。?|が(?:グループ|トーク)を退会しました。?|(?:已)?(?:加入|退出)群組。?"
)


def claim(files: Sequence[File], _options: Options) -> list[Export]:
    """Texts that begin with `[LINE]`, or with a day and a weekday and lines of time, name and words."""
    exports = list[Export]()
    titles = Titles()
    for file in without_media(files):
        head = file.head()
        if b"\0" in head[:64] and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
            continue
        lines = head.decode(detect(head), "ignore").lstrip("\ufeff").splitlines()
        if any("[LINE]" in line[:12] for line in lines[:2]) or _begins_with_day(lines[:6]):
            tabs = sum(1 for line in lines if _TAB_LINE.fullmatch(line))
            spaces = sum(1 for line in lines if _SPACE_LINE.fullmatch(line))
            dialect = "text with tabs" if tabs >= spaces else "text with spaces"
            exports.append(Export(_PLATFORM, dialect, [file], partial(_parse, file, titles, tabs < spaces)))
    return exports


def _begins_with_day(lines: list[str]) -> bool:
    filled = [line for line in lines if line.strip()]
    return (
        len(filled) > 1
        and day_line(filled[0]) is not None
        and (_TAB_LINE.fullmatch(filled[1]) or _SPACE_LINE.fullmatch(filled[1])) is not None
    )


def _parse(file: File, titles: Titles, spaces: bool, report: Report) -> Iterator[Message]:
    report.time_zone = "wall clock, no zone stated"
    names = _names(file) if spaces else ()
    line_pattern = _SPACE_LINE if spaces else _TAB_LINE
    chat = partner = ""
    day: date | None = None
    entry: tuple[datetime | None, str | None, list[str]] | None = None
    senders = set[str]()
    blank = True
    with open_text(file) as text:
        for number, raw in enumerate(text, 1):
            line = raw.rstrip("\r\n")
            if number <= 2 and not chat and (title := _title(line)):
                chat = titles.name(title, str(file.path))
                partner = title if _TWO_SIDED.search(line) else ""
                continue
            chat = chat or titles.name(file.path.stem, str(file.path))
            new_day = day_line(line) if blank or spaces or day is None else None
            blank = not line.strip()
            found = line_pattern.fullmatch(line)
            clock = _clock(found[1]) if found else None
            if new_day or clock is not None:
                if entry:
                    yield _message(chat, entry, senders, spaces=spaces)
                    entry = None
                if new_day:
                    day = new_day
                elif found and clock is not None:
                    sender, body = _split(found, names)
                    entry = (datetime.combine(day, clock) if day else None, sender, [body])
            elif entry:
                entry[2].append(line)
            elif not blank and number > 3:
                report.miss(number)
    if entry:
        yield _message(chat, entry, senders, spaces=spaces)
    others = senders - {partner}
    if partner in senders and len(others) == 1:
        report.owner, report.owner_evidence = others.pop(), "the chat is with the other one"


def _title(line: str) -> str | None:
    found = _TITLE.search(line)
    return next((group.strip(' "') for group in found.groups() if group), None) if found else None


def day_line(line: str) -> date | None:
    """The day of a line that holds a date and a weekday and nothing else; the weekday tells 3/11 from 11/3."""
    found = _DATE.fullmatch(line.strip("\ufeff\u200e\u200f \t\r\n")) if len(line) < 60 else None
    if not found:
        return None
    weekday = weekday_of(found["before"]) if found["before"].strip() else weekday_of(found["after"])
    if weekday is None:
        return None
    if found["y"]:
        return gregorian(int(found["y"]), int(found["m"]), int(found["d"]))
    a, b, c = found["a"], found["b"], found["c"]
    if len(a) == 4 or not a.isdigit():
        orders = [(year_of(a), int(b), int(c))]
    else:
        orders = [(int(c), int(b), int(a)), (int(c), int(a), int(b))]
    days = [day for year, month, number in orders if year and (day := gregorian(year, month, number))]
    return next((day for day in days if day.weekday() == weekday), days[0] if days else None)


def _clock(text: str) -> time | None:
    found = _CLOCK.fullmatch(text)
    if not found:
        return None
    words = found[1].strip() or found[4].strip()
    period = period_of(words) if words else None
    hour, minute = int(found[2]), int(found[3])
    if (words and period is None) or hour > 24 or minute > 59:
        return None
    return time(hour_of_day(hour, period) % 24, minute)


def _split(found: re.Match[str], names: Sequence[str]) -> tuple[str | None, str]:
    """Sender and body; a line without a sender is the program's."""
    if found.re is _TAB_LINE:
        return (found[2] or None, found[3]) if found[3] is not None else (None, found[2])
    rest = found[2]
    for name in names:
        if rest == name or rest.startswith(f"{name} "):
            return name, rest[len(name) + 1 :]
    name, _, body = rest.partition(" ")
    return name, body


def _names(file: File) -> list[str]:
    """Who writes in a file with spaces, longest name first.

    A name is the first word of a line and what always follows it, up to four words.
    """
    with open_text(file) as text:
        names = {title for line in islice(text, 2) if (title := _title(line))}
    with open_text(file) as text:
        found = (_SPACE_LINE.fullmatch(raw.rstrip("\r\n")) for raw in text)
        lines = [line[2].split(" ") for line in islice(filter(None, found), 5000)]
    groups = defaultdict[str, list[list[str]]](list)
    for line in lines:
        groups[line[0]].append(line)
    for group in groups.values():
        length = 1
        while length < 4 and len(group) > 2 and len({tuple(line[: length + 1]) for line in group}) == 1:
            length += 1
        names.add(" ".join(group[0][:length]))
    return sorted(names, key=len, reverse=True)


def _message(
    chat: str, entry: tuple[datetime | None, str | None, list[str]], senders: set[str], *, spaces: bool
) -> Message:
    sent_at, sender, lines = entry
    while len(lines) > 1 and not lines[-1].strip():
        lines.pop()
    text = "\n".join(lines)
    if len(lines) > 1 and text.startswith('"') and text.endswith('"'):
        text = text[1:-1].replace('""', '"')
    if sender:
        senders.add(sender)
    return Message(_PLATFORM, chat, sender, sent_at, _kind(sender, text, spaces=spaces), text)


def _kind(sender: str | None, text: str, *, spaces: bool) -> Kind:
    if text.startswith("☎"):
        return Kind.CALL
    if _UNSENT.search(text) and len(text) < 80:
        return Kind.DELETED
    if sender is None or _JOINED.fullmatch(text):
        return Kind.SYSTEM
    if spaces and _MEDIA.fullmatch(f"[{text.removesuffix('s')}]"):  # computers leave the brackets out
        return Kind.MEDIA
    for kind, pattern in (
        (Kind.MEDIA, _MEDIA),
        (Kind.LOCATION, _LOCATION),
        (Kind.CONTACT, _CONTACT),
        (Kind.POLL, _POLL),
    ):
        if pattern.match(text) and (pattern is not _MEDIA or pattern.fullmatch(text)):
            return kind
    return Kind.TEXT if text.strip() else Kind.EMPTY
