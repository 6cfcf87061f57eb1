"""Surveys: what an upload holds, found out while its owner watches. Only then is it kept."""

import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from twin.domain.messages import WORDS, Kind, Message
from twin.errors import TwinError
from twin.ingest import DateOrder, Report, read
from twin.pipeline import keys
from twin.pipeline import uploads as stored
from twin.prepare.redact import Redactor
from twin.web.faults import log_fault
from twin.web.site import Site
from twin.web.store.uploads import Upload, UploadState

SURE = 0.8
"""Below this, people are asked in which order their dates are written."""

_LINE = range(25, 91)
"""How long a line is that shows who somebody is."""
_PEOPLE = 300
_TELLING = re.compile(r"\d{5}|\d[ -]\d{3}|@\w|https?://|www\.")
_EXCERPT = 300
_ABANDONED = timedelta(days=7)


def folder(here: Site, upload_id: str) -> Path:
    """Where the bytes of an upload arrive, each file under its number."""
    return here.folder / "receiving" / upload_id


def file(here: Site, upload_id: str, number: int) -> Path:
    """Where one file of an upload arrives."""
    return folder(here, upload_id) / keys.file_number(number)


def resume(here: Site) -> None:
    """Go on with what a stopped server left: read what has arrived, drop what nobody went on with."""
    for left in here.folder.glob("tmp*"):  # of one that was killed while it read an upload or packed an export
        shutil.rmtree(left, ignore_errors=True)
    for upload in here.store.uploads.in_state(UploadState.READING):
        here.later(take, here, upload)
    for upload in here.store.uploads.in_state(UploadState.RECEIVING):
        if here.now() - upload.created_at > _ABANDONED:
            drop(here, upload)


def drop(here: Site, upload: Upload) -> None:
    """Remove an upload and everything that came of it."""
    here.store.uploads.delete(upload.id)
    shutil.rmtree(folder(here, upload.id), ignore_errors=True)
    here.platform.objects.delete(keys.upload(upload.twin_id, upload.id))
    here.store.database.scrub()


def take(here: Site, upload: Upload) -> None:
    """Read an upload that has arrived, store it where it can be used, and note what it holds or why it cannot be."""
    arrived, prefix = folder(here, upload.id), keys.upload(upload.twin_id, upload.id)
    try:
        numbers = [keys.file_number(number) for number in range(len(upload.files))]
        direct = [number for number in numbers if not (arrived / number).exists()]
        arrived.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in direct:  # the browser sent it straight to the object store
            here.platform.objects.get(prefix + number, arrived / number)
        with TemporaryDirectory(dir=here.folder) as place:
            survey = _survey(_named(upload, arrived, Path(place)))
        for number in numbers:
            if number not in direct:
                here.platform.objects.put(prefix + number, arrived / number)
        stored.complete(here.platform.objects, upload.twin_id, upload.id, [file["path"] for file in upload.files])
        there = here.store.uploads.set_state(upload.id, UploadState.READY, survey=survey)
    except TwinError as error:
        there = here.store.uploads.set_state(upload.id, UploadState.REFUSED, reason=str(error))
    except Exception as error:  # noqa: BLE001  whatever a file does to its reader, its owner gets an answer
        log_fault(error)
        reason = "A fault in twin itself stopped the reading of this file. Remove it, or try it again."
        there = here.store.uploads.set_state(upload.id, UploadState.REFUSED, reason=reason)
    if there:
        shutil.rmtree(arrived, ignore_errors=True)
    else:  # removed meanwhile
        drop(here, upload)


def reports(uploads: Iterable[Upload]) -> list[Report]:
    """The reports of surveys, with what decides whose chats these are."""
    found: list[Report] = []
    for upload in uploads:
        for row in (upload.survey or {}).get("reports", ()):
            report = Report(row["files"], row["platform"], row["dialect"])
            report.senders.update(row["senders"])
            report.written_by_sender.update(row["written"])
            report.owner, report.owner_id, report.owner_evidence = row["owner"], row["owner_id"], row["owner_evidence"]
            report.date_order = DateOrder(row["order"]) if row["order"] else None
            report.date_order_confidence, report.date_order_evidence = row["sure"], row["order_evidence"]
            found.append(report)
    return found


def lines(uploads: Iterable[Upload]) -> dict[str, str]:
    """Something that each person wrote, so that one recognises oneself."""
    return {name: line for upload in uploads for name, line in (upload.survey or {}).get("lines", {}).items()}


def unsure_dates(uploads: Iterable[Upload]) -> Report | None:
    """The report whose order of dates is least certain, where it is too uncertain."""
    asked = [one for one in reports(uploads) if one.date_order_confidence is not None]
    least = min(asked, key=lambda one: one.date_order_confidence or 0, default=None)
    return least if least and (least.date_order_confidence or 0) < SURE else None


def replaced(
    uploads: Iterable[Upload], speakers: tuple[str, ...], *, seed: int, most: int = 5
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """What redaction does to these chats: pairs of names, and pairs of lines, before and after."""
    excerpt = [
        Message("", chat, sender, None, Kind.TEXT, text)
        for upload in uploads
        for chat, sender, text in (upload.survey or {}).get("excerpt", ())
    ]
    redactor = Redactor.learn(excerpt, speakers, seed=seed)
    others = [name for name, _ in Counter(one.sender for one in excerpt).most_common() if name and name not in speakers]
    names = [(name, redactor.name(name)) for name in others[:most]]
    pairs = [(one.text, redactor.text(one.text)) for one in excerpt if len(one.text) < 160]
    return names, [pair for pair in pairs if pair[0] != pair[1]][:most]


def forget_words(here: Site, twin_id: str) -> None:
    """Drop the words in the surveys of a twin, once they have served."""
    bare = [
        (upload.id, {**upload.survey, "lines": {}, "excerpt": []})
        for upload in here.store.uploads.of_twin(twin_id)
        if upload.survey and (upload.survey.get("lines") or upload.survey.get("excerpt"))
    ]
    if bare:
        here.store.uploads.set_surveys(bare)
        here.store.database.scrub()


def _named(upload: Upload, arrived: Path, place: Path) -> list[Path]:
    """The files under the names that they came with, because names say which chat a file holds."""
    tops: set[Path] = set()
    for number, file in enumerate(upload.files):
        target = place / file["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(arrived / keys.file_number(number), target)
        tops.add(place / PurePosixPath(file["path"]).parts[0])
    return sorted(tops)


def _survey(paths: list[Path]) -> dict[str, Any]:
    reading = read(paths)
    shown: dict[str, str] = {}
    telling: list[tuple[str, str, str]] = []
    ordinary: list[tuple[str, str, str]] = []
    for count, message in enumerate(reading.messages()):
        if message.kind not in WORDS or not message.sender:
            continue
        text, sender = message.text, message.sender
        if len(text) in _LINE and "\n" not in text and len(shown) < _PEOPLE:
            shown.setdefault(sender, text)
        if len(telling) < _EXCERPT and len(text) < 400 and _TELLING.search(text):
            telling.append((message.chat, sender, text))
        elif len(ordinary) < _EXCERPT and len(text) < 400 and count % 7 == 0:
            ordinary.append((message.chat, sender, text))
    return {
        "reports": [_row(report) for report in reading.reports],
        "skipped": [{"path": skipped.path, "reason": skipped.reason} for skipped in reading.skipped[:50]],
        "skipped_count": len(reading.skipped),
        "lines": shown,
        "excerpt": telling + ordinary,
    }


def _row(report: Report) -> dict[str, Any]:
    moment: Callable[[Any], str | None] = lambda time: time and time.date().isoformat()  # noqa: E731
    return {
        "files": report.files[:20],
        "platform": report.platform,
        "dialect": report.dialect,
        "chats": len(report.chats),
        "messages": report.kinds.total(),
        "senders": dict(report.senders.most_common(_PEOPLE)),
        "written": dict(report.written_by_sender.most_common(_PEOPLE)),
        "first": moment(report.first),
        "last": moment(report.last),
        "order": report.date_order and report.date_order.value,
        "sure": report.date_order_confidence,
        "order_evidence": report.date_order_evidence,
        "owner": report.owner,
        "owner_id": report.owner_id,
        "owner_evidence": report.owner_evidence,
        "unmatched": report.unmatched_count,
        "warnings": report.warnings[:20],
    }
