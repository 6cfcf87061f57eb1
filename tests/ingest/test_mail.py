"""Mail: mbox, eml, and what a person wrote in them."""

import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from tests.ingest.uploads import read_upload, survives, utc

from twin.domain.messages import Kind
from twin.ingest import Options
from twin.ingest.mailbodies import html_text
from twin.ingest.mailtext import own_words


def _mail(
    number: int,
    body: str,
    *,
    headers: str = "",
    sender: str = "Ana Ruiz <ana@example.org>",
    to: str = "paul@example.org",
) -> str:
    return (
        f"Message-ID: <{number}@example.org>\nFrom: {sender}\nTo: {to}\nSubject: Hello {number}\n"
        f"Date: Mon, 01 Jan 2024 12:{number:02}:00 +0100\n{headers}Content-Type: text/plain; charset=utf-8\n\n{body}\n"
    )


def _mbox(*mails: str) -> str:
    return "\n".join(f"From {number}@x Mon Jan 01 12:00:00 +0000 2024\n{mail}" for number, mail in enumerate(mails))


def test_mbox_with_owner_from_gmail_labels(tmp_path: Path) -> None:
    mails = _mbox(
        _mail(1, "Hi Paul!\n\n>From here on it is fine.\nFrom me you get cake.", headers="X-Gmail-Labels: Gesendet,Wichtig\nX-GM-THRID: 7\n"),
        _mail(2, "Thanks!\n\nOn Mon, 1 Jan 2024 at 12:01, Ana Ruiz <ana@example.org> wrote:\n> Hi Paul!", sender='"Paul, K." <PAUL@example.org>', to="ana@example.org", headers="Subject: Re: Hello 1\nX-GM-THRID: 7\n"),
        _mail(1, "Hi Paul!", headers="X-Gmail-Labels: Archived\n"),
        _mail(3, "Not yet", headers="X-Gmail-Labels: Entwürfe\n"),
        _mail(4, "Buy now", sender="Shop <news@shop.example>", headers="List-Unsubscribe: <x>\n"),
        _mail(5, "I am away", headers="Auto-Submitted: auto-replied\n"),
    )  # fmt: skip
    read = read_upload(tmp_path, {"Takeout/Mail/All mail.mbox": mails})
    assert read.texts == [
        "Hi Paul!\n\nFrom here on it is fine.\nFrom me you get cake.",
        "Thanks!",
        "Buy now",
        "I am away",
    ]
    assert read.kinds == [Kind.TEXT, Kind.TEXT, Kind.SYSTEM, Kind.SYSTEM]
    assert read.senders == ["Ana Ruiz", "Paul, K.", "Shop", "Ana Ruiz"]
    assert read.messages[1].sender_id == "paul@example.org"
    assert read.chats[:2] == ["Hello 1"] * 2
    assert read.times[0] == datetime(2024, 1, 1, 12, 1, tzinfo=timezone(timedelta(hours=1)))
    assert (read.report.owner, read.report.owner_id) == ("Ana Ruiz", "ana@example.org")
    assert len(read.report.warnings) == 2


def test_owner_without_labels(tmp_path: Path) -> None:
    mails = [
        _mail(1, "one"),
        _mail(2, "two", sender="Paul <paul@example.org>", to="ana@example.org"),
        _mail(3, "three", sender="Eva <eva@example.org>", to="Ana <ana@example.org>"),
    ]
    read = read_upload(tmp_path / "a", {"box.mbox": _mbox(*mails)})
    assert read.report.owner_id == "ana@example.org"
    read = read_upload(tmp_path / "b", {"Sent.mbox/mbox": _mbox(*mails[1:2])})
    assert read.report.owner_id == "paul@example.org"
    read = read_upload(tmp_path / "c", {"box.mbox": _mbox(*mails)}, options=Options(owners=("Eva@example.org",)))
    assert read.report.owner_id == "eva@example.org"


def test_single_mails(tmp_path: Path) -> None:
    html = (
        "From: =?iso-8859-1?Q?Last=DFl=2C_First?= <a@example.org>\nTo: b@example.org\nSubject: =?UTF-8?B?R3LDvMOfZQ==?=\n"
        "Date: Mon, 3 Nov 2025 18:23:00 +0000\nMIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=xx\n\n"
        "--xx\nContent-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n"
        "<p>Sch=F6n   was<br>it</p><div class=3Dgmail_quote>On Monday: no</div>\n--xx--\n"
    )
    flowed = _mail(2, "A line that \ngoes on.\n\n> quoted \n> too\nmine").replace(
        "charset=utf-8", "charset=utf-8; format=flowed"
    )
    wrong = _mail(3, "x").replace("charset=utf-8", "charset=klingon").replace("\nx\n", "\nschön\n")
    picture = _mail(4, "").replace("text/plain; charset=utf-8", "image/png")
    read = read_upload(tmp_path, {"1.eml": html, "2.eml": flowed, "3.eml": wrong, "4.eml": picture})
    assert read.texts == ["Schön was\nit", "A line that goes on.\n\nmine", "schön", ""]
    assert read.kinds == [Kind.TEXT, Kind.TEXT, Kind.TEXT, Kind.MEDIA]
    assert read.senders[0] == "Lastßl, First"
    assert read.chats[0] == "Grüße"
    assert read.times[0] == utc(2025, 11, 3, 18, 23)
    assert read.report.dialect == "eml"


def test_forwards_invitations_and_broken_headers(tmp_path: Path) -> None:
    forward = _mail(1, "---------- Forwarded message ---------\nFrom: Eva <eva@example.org>\n\nlong story")
    invitation = _mail(2, "BEGIN:VCALENDAR").replace("text/plain", "text/calendar")
    broken = "Message-ID: <9@x>\nFrom: \nSubject: \nDate: not a date\n\nwords\n"
    twice = _mail(3, "name is an address", sender="alice@example.org <bob@example.org>")
    read = read_upload(tmp_path, {"a.mbox": _mbox(forward, invitation, broken, twice)})
    assert read.kinds == [Kind.FORWARD, Kind.SYSTEM, Kind.TEXT]
    assert (read.messages[2].sender, read.messages[2].sender_id) == ("alice@example.org", "bob@example.org")
    assert read.report.unmatched == [3]


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("Hi\n-- \nAna\nTel 1", "Hi"),
        ("Fine -- really.\n\nSent from my iPhone", "Fine -- really."),
        ("Sent from my desk, which is better.", "Sent from my desk, which is better."),
        ("Tak for sidst\n\nKh\nPeter", "Tak for sidst\n\nKh\nPeter"),
        ("Ja.\n\nAm So., 1. Jan. 2023 um 17:22 Uhr schrieb Eva <\neva@example.org>:\n\n> was", "Ja."),
        ("Oui.\n\nLe lun. 15 nov. 2021 à 19:42, Eva <eva@example.org>\na écrit :\n\nQuoi", "Oui."),
        ("Joo.\n\npe 20. lokakuuta 2017 klo 17.50 Eva\n<eva@example.org> kirjoitti:\n\nmitä", "Joo."),
        ("Ok\n\nVon: Eva\nGesendet: Montag\nAn: Ana\nBetreff: x\n\nwas", "Ok"),
        ("Ok\n\n-----Oprindelig meddelelse-----\nx", "Ok"),
        ("Tamam\n\nGönderen: Eva <eva@example.org>\nTarih: 1 Ocak 2023 10:00\nBaşlık: x\n\nne", "Tamam"),
        ("On Mon, Jan 1, 2024 at 1:00 PM Eva <eva@example.org> wrote:\n> one?\nyes\n> two?\n\nno", "yes\n\nno"),
        (
            "Done.\n\nBest regards,\nAna Ruiz\nExample Ltd | 1 Road\n+44 20 1234 5678",
            "Done.\n\nBest regards,\nAna Ruiz",
        ),
        (
            "Done.\n\nCheers,\nAna\n\nPS: call me on 020 1234 5678",
            "Done.\n\nCheers,\nAna\n\nPS: call me on 020 1234 5678",
        ),
        ("CAUTION: This email came from outside.\n\nHello", "Hello"),
        ("Hello\n\nDisclaimer: this mail is confidential\n\nmore of it", "Hello"),
        ("To do:\n- milk\n  - fresh\n\nOn the other hand:\nno", "To do:\n- milk\n  - fresh\n\nOn the other hand:\nno"),
        ("> only\n> quoted", ""),
    ],
)
def test_own_words(text: str, own: str) -> None:
    assert own_words(text) == own


def test_html_without_quotes() -> None:
    page = "<html><head><style>p {}</style></head><body><p>Hi</p><p>you</p><blockquote>no</blockquote></body></html>"
    assert html_text(page) == "Hi\nyou"
    assert html_text("<p>a</p><div id=divRplyFwdMsg><b>From:</b> x</div><p>quoted</p>") == "a"


def test_own_words_take_bounded_time() -> None:
    began = time.process_time()
    for text in (
        "On " * 30_000,
        "From: a\n" * 20_000,
        "On x " * 10_000 + "wrote",
        "Von:\n" * 20_000,
        ("On " * 80 + ":\n") * 50,
    ):
        own_words(text)
    assert time.process_time() - began < 5


def test_large_and_damaged(tmp_path: Path) -> None:
    read = read_upload(tmp_path / "large", {"a.mbox": _mbox(_mail(1, "x" * 3_000_000), _mail(2, "y"))})
    assert read.texts[1] == "y"
    deep = "From: a@example.org\nDate: Mon, 3 Nov 2025 18:23:00 +0000\nTo: b\n" + "".join(
        f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(3000)
    )
    survives(tmp_path / "deep", {"a.eml": deep}, rounds=1)
    survives(tmp_path, {"a.mbox": _mbox(_mail(1, "one"), _mail(2, "two")), "b.eml": _mail(3, "three")})
