"""Subtitles and captions: srt, vtt, ass; meetings, interviews and plays, where the speakers are named."""

import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from html import unescape
from typing import NamedTuple

from twin.domain.messages import Kind, Message
from twin.errors import ExportError
from twin.ingest.encoding import detect, open_text
from twin.ingest.export import Export, File, Options, Report
from twin.ingest.extras import formats_extra
from twin.ingest.threads import Titles
from twin.ingest.unknown import without_media

_PLATFORM = "subtitles"
_NOBODY = "Speaker"
_LARGEST = 64 << 20
_PAUSE = 2_000  # milliseconds; what the same person says sooner goes on in the same message
_SRT = re.compile(r"\ufeff?\s*\d+\s*\n\d{1,2}:\d{2}:\d{2}[,.]\d{1,3}\s*-->")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>")
_TAG = re.compile(r"</?[a-zA-Z][^<>\n]{0,200}>|<\d[\d:.]*>|\{\\[^{}\n]*\}")
_NAMED = re.compile(r"([^\W\d_][\w .'’()&-]{0,40}?|\[[^\]\n]{1,40}\])\s?:\s+(?=\S)")
_DASH = re.compile(r"^[-–—]\s?", re.M)
_SOUND = re.compile(r"[\[(（【♪♫#*].*[\])）】♪♫#*]|[♪♫\s]+", re.S)
_ENDS = re.compile(r"[.!?…:;\"”»)。！？]$")


def claim(files: Sequence[File], _options: Options) -> list[Export]:
    """Each file of captions is an export."""
    titles = Titles()
    exports = list[Export]()
    for file in without_media(files):
        head = file.head(2048)
        text = head.decode(detect(head), "ignore").lstrip("\ufeff").replace("\r\n", "\n")
        kind = (
            "vtt"
            if text.startswith("WEBVTT")
            else "srt"
            if _SRT.match(text)
            else "ass"
            if text.startswith("[Script Info]")
            else ""
        )
        if kind:
            exports.append(Export(_PLATFORM, kind, [file], partial(_parse, file, kind, titles)))
    return exports


class _Said(NamedTuple):
    """Some words of somebody, in milliseconds from the start."""

    speaker: str | None
    text: str
    start: int
    end: int


def _parse(file: File, kind: str, titles: Titles, report: Report) -> Iterator[Message]:
    chat = titles.name(file.path.stem, str(file.path))
    said = list(_named(_cues(file, kind)))
    speakers = {speaker for speaker, *_ in said if speaker}
    if not speakers:
        report.warnings.append("No speaker is named; all words count as one person's.")
    pending: _Said | None = None
    for one in said:
        if pending and one.speaker == pending.speaker and _goes_on(pending, one):
            pending = _Said(pending.speaker, f"{pending.text} {one.text}", pending.start, one.end)
            continue
        if pending:
            yield _message(pending, chat, speakers)
        pending = one
    if pending:
        yield _message(pending, chat, speakers)


def _goes_on(before: _Said, after: _Said) -> bool:
    sounds = _SOUND.fullmatch(before.text) or _SOUND.fullmatch(after.text)
    return not sounds and after.start - before.end < _PAUSE and not _ENDS.search(before.text)


def _message(said: _Said, chat: str, speakers: set[str]) -> Message:
    kind = Kind.SYSTEM if _SOUND.fullmatch(said.text) else Kind.TEXT
    return Message(_PLATFORM, chat, said.speaker or (None if speakers else _NOBODY), None, kind, said.text)


def _cues(file: File, kind: str) -> list[_Said]:
    with formats_extra("Reading subtitles"):
        import pysubs2  # noqa: PLC0415
        from pysubs2.exceptions import Pysubs2Error  # noqa: PLC0415
    if file.size > _LARGEST:
        raise ExportError(f"{file.path.name}: {file.size >> 20:,} MB are more than subtitles have (64 MB).")
    with open_text(file) as stream:
        text = stream.read().replace("\r\n", "\n")
    try:
        options = {} if kind == "ass" else {"keep_html_tags": True}
        with warnings.catch_warnings(action="ignore"):  # it warns about margins and the like
            events = pysubs2.SSAFile.from_string(text, format_=kind, **options)
    except (Pysubs2Error, ArithmeticError, LookupError, ValueError) as error:
        raise ExportError(f"{file.path.name} is damaged ({type(error).__name__}). Save the subtitles again.") from error
    return [
        _Said(event.name or None, re.sub(r"\\[Nn]", "\n", event.text), event.start, event.end)
        for event in events
        if event.type == "Dialogue"
    ]


def _named(cues: list[_Said]) -> Iterator[_Said]:
    """The cues with their speakers: a voice tag, an actor, or a name and a colon that comes more than once."""
    texts = [unescape(_TAG.sub("", _VOICE.sub("", cue.text))).strip() for cue in cues]
    names = Counter(
        found[1] for text in texts for line in text.split("\n") if (found := _NAMED.match(_DASH.sub("", line)))
    )
    known = {name for name, count in names.items() if count > 1 or name.isupper()}
    speaker: str | None = None
    for cue, text in zip(cues, texts, strict=True):
        voice = _VOICE.search(cue.text)
        speaker = cue.speaker or (voice[1].strip() if voice else None) or (speaker if known else None)
        lines = text.split("\n")
        dialogue = len(lines) > 1 and all(_DASH.match(line) for line in lines)
        pieces = [_DASH.sub("", line) for line in lines] if dialogue else [" ".join(lines)]
        for piece in pieces:
            found = _NAMED.match(piece)
            words = piece
            if found and found[1] in known:
                speaker, words = found[1].strip("[]"), piece[found.end() :]
            if words.strip():
                yield _Said(
                    None if dialogue and not (found and found[1] in known) else speaker,
                    words.strip(),
                    cue.start,
                    cue.end,
                )
