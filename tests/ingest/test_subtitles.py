"""Subtitles and captions."""

from pathlib import Path

from tests.ingest.uploads import read_upload, survives

from twin.domain.messages import Kind

VOICES = """WEBVTT

NOTE made by hand

1
00:00:01.000 --> 00:00:02.000
<v Ana Ruiz>Hello <i>there</i>, how</v>

00:00:02.100 --> 00:00:04.000 align:start
<v Ana Ruiz>are you &amp; yours?</v>

00:00:04.500 --> 00:00:05.000
<v.loud Ben>Fine.</v>

00:00:06.000 --> 00:00:07.000
[music]
"""
MEETING = """WEBVTT

1
00:00:01.000 --> 00:00:02.000
Ana Ruiz: Shall we begin?

2
00:00:03.000 --> 00:00:04.000
Ben: Yes.

3
00:00:05.000 --> 00:00:06.000
Ana Ruiz: Good: let us
go.

4
00:00:06.000 --> 00:00:07.000
Ben: Right.
"""
FILM = """1
00:00:01,000 --> 00:00:02,000
ANA: <b>Come</b> in.

2
00:00:02,000 --> 00:00:03,000
- Thanks.
- Sit down.

3
00:00:04,000 --> 00:00:05,000
BEN: {\\an8}I will.
"""
PLAY = """[Script Info]
ScriptType: v4.00+

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:01.00,0:00:02.00,Default,Ana,0,0,0,,Come\\Nin.
Comment: 0,0:00:01.00,0:00:02.00,Default,Ana,0,0,0,,not said
"""


def test_voices(tmp_path: Path) -> None:
    read = read_upload(tmp_path, {"talk.vtt": VOICES})
    assert read.texts == ["Hello there, how are you & yours?", "Fine.", "[music]"]
    assert read.senders == ["Ana Ruiz", "Ben", None]
    assert read.kinds == [Kind.TEXT, Kind.TEXT, Kind.SYSTEM]
    assert read.times == [None] * 3
    assert read.chats[0] == "talk"


def test_meeting(tmp_path: Path) -> None:
    read = read_upload(tmp_path, {"meeting.vtt": MEETING.replace("\n", "\r\n")})
    assert read.texts == ["Shall we begin?", "Yes.", "Good: let us go.", "Right."]
    assert read.senders == ["Ana Ruiz", "Ben", "Ana Ruiz", "Ben"]


def test_film(tmp_path: Path) -> None:
    read = read_upload(tmp_path, {"film.srt": FILM.encode("utf-16")})
    assert read.texts == ["Come in.", "Thanks.", "Sit down.", "I will."]
    assert read.senders == ["ANA", None, None, "BEN"]


def test_play(tmp_path: Path) -> None:
    read = read_upload(tmp_path, {"play.ass": PLAY})
    assert (read.texts, read.senders) == (["Come in."], ["Ana"])


def test_lecture_without_names(tmp_path: Path) -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\nThe first\n\n2\n00:00:02,000 --> 00:00:03,000\nsentence.\n"
    read = read_upload(tmp_path, {"lecture.srt": text})
    assert (read.texts, read.senders) == (["The first sentence."], ["Speaker"])
    assert "No speaker is named" in read.report.warnings[0]


def test_whatever_is_wrong(tmp_path: Path) -> None:
    for name, text in {"a.vtt": VOICES, "b.srt": FILM, "c.ass": PLAY}.items():
        survives(tmp_path / name, {name: text}, rounds=15)
