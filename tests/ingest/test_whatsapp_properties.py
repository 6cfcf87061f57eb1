"""Both ways: what a phone would write is read as it was said, and whatever is read, nothing gets lost."""

import random
import re
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from tests.ingest.generate import LOCALES, NASTY, PHRASES, SENDERS, Digits, Said, Style, System, render, talk, typed

from twin.domain.messages import Kind, Message
from twin.errors import ExportError
from twin.ingest import Options, read
from twin.ingest.export import DateOrder

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def parse(content: bytes, *, name: str = "chat.txt", options: Options | None = None) -> list[Message]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return list(read([path], options=options))


def said(messages: list[Message]) -> list[Said]:
    return [Said(message.sender, message.sent_at, message.kind, message.text) for message in messages]  # type: ignore[arg-type]


def same_clock(style: Style, chat: list[Said]) -> bool:
    """Whether a line of a body could be taken for a header of this very style, which nobody could tell apart."""
    header = re.sub(r"\d+", r"\\d+", re.escape(style.header(chat[0].at)))
    return style.line_end == "\n" and any(re.search(f"^{header}", line.text, re.MULTILINE) for line in chat)


bodies = st.one_of(
    st.sampled_from(NASTY),
    st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\r"), min_size=1, max_size=60),
).filter(
    lambda text: (
        text.strip(" \n\u200e\u200f")
        and text == text.strip("\n")
        and text[0] not in "\u200e\u200f<"
        and "\u200e" not in text
        and not text.rstrip().endswith((">", ")"))
        and "://" not in text
        and text.strip() != "null"  # a body that the phone does not have
    )
)


@st.composite
def styles(draw: st.DrawFn) -> Style:
    locale = draw(st.sampled_from(LOCALES))
    system: System = draw(st.sampled_from(("ios", "android", "ios before 2016")))
    digits: Digits = draw(
        st.sampled_from({"ar": ("arab", "latn"), "fa": ("arabext", "latn")}.get(locale[:2], ("latn",)))
    )
    return Style(
        locale,
        system,
        twelve=draw(st.sampled_from((None, True, False))),
        long_year=draw(st.sampled_from((None, True))),
        padded=draw(st.sampled_from((None, True, False))),
        digits=digits,
        marks=draw(st.booleans()),
        bom=draw(st.booleans()),
        space=draw(st.sampled_from((None, " ", "\u00a0", "\u2009"))),
    )


@QUICK
@given(
    style=styles(),
    texts=st.lists(bodies, min_size=6, max_size=25),
    seed=st.integers(0, 999),
    hours=st.integers(20, 200),
    before=st.sampled_from((0, 60)),
)
@example(style=Style("vi", "ios"), texts=list(NASTY), seed=0, hours=31, before=0)
@example(style=Style("ar_EG", "ios", digits="arab", marks=True), texts=list(NASTY), seed=0, hours=31, before=60)
def test_reads_what_was_written(style: Style, texts: list[str], seed: int, hours: int, before: int) -> None:
    texts = ["good morning"] * before + texts  # the first fifty are looked at more closely
    names = random.Random(seed).sample(SENDERS, 3)
    chat = talk(texts, senders=names, start=datetime(2022, 5, 13, 9, 5, 7), step=timedelta(hours=hours, seconds=61))
    assume(not same_clock(style, chat))
    assert said(parse(render(chat, style))) == [typed(line, style) for line in chat]


@pytest.mark.parametrize("locale", LOCALES)
def test_every_locale(locale: str) -> None:
    """Every system of a locale, with a clock and a length of the year that change from locale to locale."""
    turn = LOCALES.index(locale)
    digits: dict[str, Digits] = {"ar_EG": "arab", "fa": "arabext", "mr": "deva", "bn": "beng"}
    for system in ("ios", "android", "ios before 2016"):
        twelve, long_year = (None, True, False)[turn % 3], (None, True)[turn % 2]
        style = Style(locale, system, twelve, long_year, marks=True, digits=digits.get(locale, "latn"))
        assert said(parse(render(talk(NASTY), style))) == [typed(line, style) for line in talk(NASTY)]
        turn += 1


@pytest.mark.parametrize("locale", sorted(PHRASES))
@pytest.mark.parametrize("system", ["ios", "android"])
def test_types_what_the_phone_put_in(locale: str, system: System) -> None:
    style = Style(locale, system, marks=True)
    _, _, deleted, deleted_me, _ = PHRASES[locale]
    chat = talk(
        ["hello there", "x", "", "a caption", deleted, deleted_me, "so they said", "bye"], senders=["Ana", "Bo"]
    )
    kinds = [Kind.TEXT, Kind.TEXT, Kind.MEDIA, Kind.MEDIA, Kind.DELETED, Kind.DELETED, Kind.EDITED, Kind.TEXT]
    chat = [line._replace(kind=kind) for line, kind in zip(chat, kinds, strict=True)]
    assert said(parse(render(chat, style))) == [typed(line, style) for line in chat]


@pytest.mark.parametrize("calendar", ["buddhist", "reiwa"])
def test_other_calendars(calendar: str) -> None:
    chat = talk(NASTY[:8])
    style = Style("en_US", "ios", calendar=calendar)  # type: ignore[arg-type]
    assert said(parse(render(chat, style))) == [typed(line, style) for line in chat]


def test_an_iphone_quotes_its_own_headers() -> None:
    style = Style("de", "ios")
    quoted = style.header(datetime(2020, 1, 2, 3, 4, 5)) + "Ana: that was then"
    chat = talk(["look:", f"{quoted}\n{quoted}", "I see"])
    assert said(parse(render(chat, style))) == [typed(line, style) for line in chat]


def words_of(messages: list[Message]) -> str:
    return " ".join(f"{message.sender or ''} {message.text}" for message in messages)


@QUICK
@given(
    chat=st.lists(st.sampled_from(NASTY), min_size=3, max_size=12),
    style=styles(),
    seed=st.integers(0, 10**6),
)
def test_nothing_is_lost_and_nothing_raised(chat: list[str], style: Style, seed: int) -> None:
    """However lines are shuffled, cut and joined, every marked word comes out, or its line is counted."""
    chance = random.Random(seed)
    lines = render(talk([f"w{i}w {text}" for i, text in enumerate(chat)]), style).decode().split("\n")
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(lines))
        match chance.randrange(5):
            case 0:
                lines[at] = lines[at][chance.randrange(len(lines[at]) + 1) :]
            case 1:
                lines.insert(at, chance.choice(["stray", "\x00", "\ufeff", "[1/1/20, 10:00] ", "a: b", "—" * 50]))
            case 2:
                lines[at] = lines[at].replace("\r", "")
            case 3:
                lines.insert(at, lines[chance.randrange(len(lines))])
            case _:
                lines[at] += "\r"
    text = "\n".join(lines)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chat.txt"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            reading = read([path])
            messages = list(reading)
        except ExportError:
            return
    found = set(re.findall(r"w\d+w", words_of(messages)))
    missing = set(re.findall(r"w\d+w", text)) - found
    assert len(missing) <= reading.reports[0].unmatched_count


@QUICK
@given(content=st.binary(max_size=400), name=st.sampled_from(("a.txt", "_chat.txt", "chat.md", "a.zip", "a", "a.json")))
@example(content=b"PK\x03\x04" + b"\0" * 40, name="a.zip")
@example(content="[1/1/20, 10:00:00] a: b".encode("utf-16"), name="a.txt")
def test_no_bytes_raise_anything_else(content: bytes, name: str) -> None:
    try:
        parse(content, name=name)
    except ExportError as error:
        assert str(error).endswith(".")  # noqa: PT017


def test_a_date_order_that_the_dates_rule_out_is_not_followed(tmp_path: Path) -> None:
    content = "".join(f"{day:02}/11/2025, 10:00 - Ana: {day}\n" for day in range(8, 28))
    (tmp_path / "chat.txt").write_text(content, "utf-8")
    reading = read([tmp_path / "chat.txt"], options=Options(date_order=DateOrder.MDY))
    months = {message.sent_at and message.sent_at.month for message in reading}
    (report,) = reading.reports
    assert months == {11}
    assert report.date_order is DateOrder.DMY
    assert any("--date-order mdy does not fit" in warning for warning in report.warnings)


def test_date_order_decides_where_the_file_does_not() -> None:
    content = b"3/4/21, 10:00 - Ana: one\n3/4/21, 10:01 - Bo: two\n"
    months = {
        order: parse(content, options=Options(date_order=order))[0].sent_at.month
        for order in (DateOrder.DMY, DateOrder.MDY)
    }  # type: ignore[union-attr]
    assert months == {DateOrder.DMY: 4, DateOrder.MDY: 3}
