"""WhatsApp's own oddities, one by one. All chats are invented."""

import time
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from tests.ingest.uploads import Read, read_upload

from twin.domain.messages import Kind
from twin.errors import ExportError
from twin.ingest import Options
from twin.ingest.export import DateOrder


def chat(tmp_path: Path, text: str, *, name: str = "chat.txt", options: Options | None = None) -> Read:
    return read_upload(tmp_path, {name: text}, options=options)


def first_time(tmp_path: Path, header: str, *, options: Options | None = None) -> datetime | None:
    return chat(tmp_path, f"{header}Ana: hello\n", options=options).times[0]


@pytest.mark.parametrize(
    ("header", "when"),
    [
        ("3/6/18, 1:55 p.m. - ", datetime(2018, 6, 3, 13, 55)),
        ("25-06-2018, 01.55 PM - ", datetime(2018, 6, 25, 13, 55)),
        ("13.06.18 21.25.15: ", datetime(2018, 6, 13, 21, 25, 15)),
        ("[06.13.18 21:25:15] ", datetime(2018, 6, 13, 21, 25, 15)),
        ("13.6.2018 klo 21.25.15 - ", datetime(2018, 6, 13, 21, 25, 15)),
        ("13. 6. 2018. 21:25:15 ", datetime(2018, 6, 13, 21, 25, 15)),
        ("\u200e[2018/06/13, 21:25:15] ", datetime(2018, 6, 13, 21, 25, 15)),
        ("[06/2018/13, 21:25:15] ", datetime(2018, 6, 13, 21, 25, 15)),
        ("13/6/2018 1:55 p.\u00a0m. - ", datetime(2018, 6, 13, 13, 55)),
        ("6/13/18, 12:05\u202fAM – ", datetime(2018, 6, 13, 0, 5)),
        ("6/13/18, 12:05\\u202fPM - ", datetime(2018, 6, 13, 12, 5)),
        ("[14:56:01, 18/3/22] ", datetime(2022, 3, 18, 14, 56, 1)),
        ("[2022/3/18 下午2:56:01] ", datetime(2022, 3, 18, 14, 56, 1)),
        ("2022. 3. 18. 오후 2:56 - ", datetime(2022, 3, 18, 14, 56)),
        ("2022/3/18 晚上9:56 - ", datetime(2022, 3, 18, 21, 56)),
        ("[١٨\u200f/٣\u200f/٢٠٢٢، ٢:٥٦:٠١ م] ", datetime(2022, 3, 18, 14, 56, 1)),
        ('18.3.2022, 2:56 אחה"צ - ', datetime(2022, 3, 18, 14, 56)),
        ("[3/18/2565 BE, 14:56:01] ", datetime(2022, 3, 18, 14, 56, 1)),
        ("[18/3/65, 14:56:01] ", datetime(2022, 3, 18, 14, 56, 1)),
        ("[3/18/R4, 14:56:01] ", datetime(2022, 3, 18, 14, 56, 1)),
        ("۱۴۰۰/۱۲/۲۷،\u200f ۱۴:۵۶ - ", datetime(2022, 3, 18, 14, 56)),
        ("18/03/2022 à 14:56 - ", datetime(2022, 3, 18, 14, 56)),
        ("18.03.2022 г., 14:56 - ", datetime(2022, 3, 18, 14, 56)),
        ("2022-03-18 14 h 56 - ", datetime(2022, 3, 18, 14, 56)),
        ("18.03.2022 - 14:56:01; ", datetime(2022, 3, 18, 14, 56, 1)),
        ("[5.05.2017, 14:56:01] ", datetime(2017, 5, 5, 14, 56, 1)),
    ],
)
def test_reads_headers(tmp_path: Path, header: str, when: datetime) -> None:
    assert first_time(tmp_path, header) == when


def test_a_date_without_a_year_is_the_newest_one(tmp_path: Path) -> None:
    path = tmp_path / "old.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("old.txt", (2016, 8, 1, 0, 0, 0)), "10:35 PM, 07 20 - Ana: hello\n")
    assert read_upload(tmp_path, {}).times == [datetime(2016, 7, 20, 22, 35)]


def test_monotony_decides_the_order(tmp_path: Path) -> None:
    lines = [f"{month}/{day}/21, 10:00 - Ana: x" for month in (3, 4, 5) for day in (1, 5, 9, 12)]
    report = chat(tmp_path, "\n".join(lines)).report
    assert report.date_order is DateOrder.MDY
    assert report.date_order_confidence is not None
    assert report.date_order_confidence > 0.9
    assert "12 different dates" in (report.date_order_evidence or "")


def test_thin_evidence_is_told(tmp_path: Path) -> None:
    report = chat(tmp_path, "3/4/21, 10:00 - Ana: x\n3/4/21, 10:01 - Bo: y\n").report
    assert any("--date-order" in warning for warning in report.warnings)


def test_american_looks_and_english_words_mean_month_first(tmp_path: Path) -> None:
    text = "1/4/23, 9:05\u202fPM - Ana: what are you up to\n1/4/23, 9:06\u202fPM - Bo: not much\n"
    assert chat(tmp_path, text).times[0] == datetime(2023, 1, 4, 21, 5)


def test_the_language_of_notices_tells_the_order(tmp_path: Path) -> None:
    text = "1/4/23, 9:05 - Los mensajes y las llamadas están cifrados de extremo a extremo.\n1/4/23, 9:06 - Ana: ya\n"
    found = chat(tmp_path, text)
    assert found.times[0] == datetime(2023, 4, 1, 9, 5)
    assert found.report.locale == "es"
    assert found.kinds == [Kind.SYSTEM, Kind.TEXT]


def test_other_shapes_inside_are_text(tmp_path: Path) -> None:
    text = (
        "[04.01.18, 11:53:57] Ana: look\n[1.2.2019, 00:00:00] Bo: quoted\n2/11/19, 14:48 - Cy: too\n2/11/19: arrival\n"
        "[04.01.18, 11:54:57] Bo: I see\n[04.01.18, 11:55:57] Ana: yes\n[04.01.18, 11:56:57] Ana: bye\n"
        "[04.01.18, 11:57:57] Bo: bye\n[04.01.18, 11:58:57] Ana: !\n"
    )
    found = chat(tmp_path, text)
    assert len(found.messages) == 6
    assert found.texts[0].count("\n") == 3


def test_two_exports_in_one_file(tmp_path: Path) -> None:
    one = "".join(f"[{day:02}.01.18, 11:53:57] Ana: a{day}\n" for day in range(1, 15))
    two = "".join(f"1/{day}/19, 9:05 PM - Bo: b{day}\n" for day in range(1, 15))
    found = chat(tmp_path, one + two)
    assert len(found.messages) == 28
    assert found.times[-1] == datetime(2019, 1, 14, 21, 5)


def test_an_export_with_lf_joined_to_one_with_crlf(tmp_path: Path) -> None:
    one = "".join(f"[{day:02}.01.18, 11:53:57] Ana: a{day}\r\n" for day in range(1, 29)) * 4
    two = "".join(f"[{day:02}.02.18, 11:53:57] Bo: b{day}\n" for day in range(1, 29)) * 3
    assert len(chat(tmp_path, one + two).messages) == 7 * 28


def test_line_breaks_survive_windows(tmp_path: Path) -> None:
    text = "[04.01.18, 11:53:57] Ana: one\r\ntwo\r\n\r\nthree\r\n[04.01.18, 11:54:57] Bo: four\r\n"
    assert chat(tmp_path, text).texts == ["one\ntwo\n\nthree", "four"]


def test_lines_before_the_first_header_are_counted(tmp_path: Path) -> None:
    report = chat(tmp_path, "\ufeffGroup Chat: all encrypted\n\nnote\n1/2/21, 10:00 - Ana: x\n").report
    assert (report.unmatched, report.unmatched_count) == ([1, 3], 2)


def test_names_with_colons(tmp_path: Path) -> None:
    text = "".join(f"01/02/21, 10:0{i} - Team: Rot: go: {i}\n01/02/21, 10:0{i} - User:): hi\n" for i in range(5))
    found = chat(tmp_path, text + "01/02/21, 10:09 - Bo: Note: this\n01/02/21, 10:09 - Bo: x\n")
    assert set(found.senders) == {"Team: Rot", "User:)", "Bo"}
    assert found.texts[0] == "go: 0"
    assert found.texts[-2] == "Note: this"


def test_whoever_is_addressed_is_no_part_of_the_name(tmp_path: Path) -> None:
    text = "".join(f"01/02/21, 10:{i:02} - Ana: Bo: you see {i}\n01/02/21, 10:{i:02} - Bo: yes\n" for i in range(30))
    found = chat(tmp_path, text)
    assert set(found.senders) == {"Ana", "Bo"}
    assert found.texts[0] == "Bo: you see 0"


def test_no_space_after_the_colon(tmp_path: Path) -> None:
    found = chat(tmp_path, "01/02/21, 10:00 - Bo:Hi\n01/02/21, 10:01 - Ana:Hello: you\n")
    assert list(zip(found.senders, found.texts, strict=True)) == [("Bo", "Hi"), ("Ana", "Hello: you")]


def test_notices_with_colons_have_no_sender(tmp_path: Path) -> None:
    text = (
        "01/02/21, 10:00 - Messages and calls are end-to-end encrypted: nobody else reads them.\n"
        '01/02/21, 10:01 - Ana changed the subject from "a: b" to "c: d"\n'
        "01/02/21, 10:02 - Ana: hello\n01/02/21, 10:03 - Bo added Cy\n"
    )
    found = chat(tmp_path, text)
    assert found.senders == [None, None, "Ana", None]
    assert found.kinds == [Kind.SYSTEM, Kind.SYSTEM, Kind.TEXT, Kind.SYSTEM]


def test_iphone_groups_speak_under_their_own_name(tmp_path: Path) -> None:
    text = (
        "[01.02.21, 10:00:00] Viagem: \u200eMessages and calls are end-to-end encrypted.\r\n"
        "[01.02.21, 10:00:01] Viagem: \u200eXyzzy plugh foo\r\n"
        "[01.02.21, 10:00:02] Ana: hello\r\n\u200e[01.02.21, 10:00:03] Ana: \u200ebla omitida\r\n"
    )
    found = chat(tmp_path, text, name="WhatsApp Chat - Viagem/_chat.txt")
    assert found.chats[0] == "Viagem"
    assert found.kinds == [Kind.SYSTEM, Kind.SYSTEM, Kind.TEXT, Kind.MEDIA]
    assert found.senders == [None, None, "Ana", "Ana"]


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        ("", Kind.EMPTY, ""),
        ("null", Kind.EMPTY, ""),
        ("NULL", Kind.TEXT, "NULL"),
        ("Waiting for this message. This may take a while.", Kind.EMPTY, ""),
        ("<Media omitted>", Kind.MEDIA, ""),
        ("<Media omitted>\nlook at that", Kind.MEDIA, "look at that"),
        ("IMG-20210428-WA0001.jpg (file attached)", Kind.MEDIA, ""),
        ("IMG-20210428-WA0001.jpg (file attached)\nlook at that", Kind.MEDIA, "look at that"),
        ("\u200eDOC-20250622-WA0000. (Datei angehängt)", Kind.MEDIA, ""),
        ("IMG-20210428-WA0001.jpg (whatever it says)", Kind.MEDIA, ""),
        ("report.pdf (file attached)", Kind.MEDIA, ""),
        ("report.pdf (see page 2)", Kind.TEXT, "report.pdf (see page 2)"),
        ("Bo Li.vcf (file attached)", Kind.CONTACT, ""),
        ("< pièce jointe : 00000042-PHOTO-2020-06-07-15-13-20.jpg >", Kind.MEDIA, ""),
        ("<00000042-PHOTO-2020-06-07-15-13-20.jpg eklendi>", Kind.MEDIA, ""),
        ("2015-08-04-PHOTO-00004762.jpg <\u200eattached>", Kind.MEDIA, ""),
        ("فایل پیوست شد IMG-20210428-WA0001.jpg", Kind.MEDIA, ""),
        ("This message was deleted", Kind.DELETED, "This message was deleted"),
        ("well then <This message was edited>", Kind.EDITED, "well then"),
        ("two\nlines \u200e<This message was edited>", Kind.EDITED, "two\nlines"),
        ("location: https://maps.google.com/?q=51.5,-0.12", Kind.LOCATION, None),
        ("live location shared", Kind.LOCATION, None),
        ("Café (High St 1): https://foursquare.com/v/4b0588", Kind.LOCATION, None),
        ("POLL:\nPizza?\nOPTION: yes (2 votes)\nOPTION: no (0 votes)", Kind.POLL, None),
        ("SAVAŞ:\nPizza?\nKELİME: evet (2 oy)\nKELİME: hayır (0 oy)", Kind.POLL, None),
        ("Missed voice call", Kind.CALL, None),
        ("video call", Kind.TEXT, "video call"),
        ("see https://example.org", Kind.TEXT, "see https://example.org"),
        ("<3", Kind.TEXT, "<3"),
        ("<b>bold</b>", Kind.TEXT, "<b>bold</b>"),
        ("image", Kind.TEXT, "image"),
        ("see you at 20.15 \nor later", Kind.TEXT, None),  # a word like a file, and a space: nothing is attached
    ],
)
def test_types_android_bodies(tmp_path: Path, body: str, kind: Kind, text: str | None) -> None:
    lines = f"01/02/21, 10:00 - Ana: {body}\n01/02/21, 10:01 - Bo: hello\n01/02/21, 10:02 - Ana: hi\n"
    for before in (0, 60):  # the first fifty are looked at one by one, the others only where they are odd
        found = chat(tmp_path, "01/02/21, 09:00 - Ana: good morning\n" * before + lines)
        assert found.kinds[before] is kind
        assert found.texts[before] == (body if text is None else text)
        assert found.kinds[before + 1 :] == [Kind.TEXT, Kind.TEXT]


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        ("\u200eimage omitted", Kind.MEDIA, ""),
        ("look \u200eimage omitted", Kind.MEDIA, "look"),
        ("\u200e<attached: 00000012-AUDIO-2021-02-01-10-00-00.opus>", Kind.MEDIA, ""),
        ("look at this \u200e<attached: 00000012-PHOTO-2021-02-01-10-00-00.jpg>", Kind.MEDIA, "look at this"),
        ("A PDF.pdf • \u200e1 page \u200e<attached: 00000012-A PDF.pdf>", Kind.MEDIA, ""),
        ("Some file.txt \u200edocument omitted", Kind.MEDIA, ""),
        ("\u200eContact card omitted", Kind.CONTACT, ""),
        ("\u200eYou deleted this message.", Kind.DELETED, "You deleted this message."),
        ("\u200eVoice call, \u200eNo answer", Kind.CALL, "Voice call, \u200eNo answer"),
        ("\u200eVideo call. \u200e5 min", Kind.CALL, "Video call. \u200e5 min"),
        ("\u200eLocation: https://maps.google.com/?q=51.5,-0.12", Kind.LOCATION, None),
        ("\u200ePOLL:\nPizza?\n\u200eOPTION: yes (\u200e2 votes)\n\u200eOPTION: no (\u200e1 vote)", Kind.POLL, None),
        ("\u200fفیلم کنار گذاشته شد", Kind.MEDIA, ""),
        ("ok \u200e<This message was edited>", Kind.EDITED, "ok"),
        ("hi @\u2068~Bo\u2069 there", Kind.TEXT, "hi @\u2068~Bo\u2069 there"),
    ],
)
def test_types_iphone_bodies(tmp_path: Path, body: str, kind: Kind, text: str | None) -> None:
    lines = f"[01.02.21, 10:00:00] Ana: {body}\r\n[01.02.21, 10:01:00] Bo: hello\r\n"
    for before in (0, 60):
        found = chat(tmp_path, "[01.02.21, 09:00:00] Ana: good morning\r\n" * before + lines)
        assert found.kinds[before:] == [kind, Kind.TEXT]
        assert found.texts[before] == (body.strip("\u200e") if text is None else text)


def test_an_unknown_language_shows_by_its_placeholders(tmp_path: Path) -> None:
    text = "".join(
        f"01/02/21, 10:0{i} - {name}: {body}\n"
        for i, (name, body) in enumerate(
            [("Ana", "<Xyzzy>"), ("Bo", "<Xyzzy>"), ("Ana", "<mine>"), ("Bo", "hi <Xyzzy>")]
        )
    )
    assert chat(tmp_path, text).kinds == [Kind.MEDIA, Kind.MEDIA, Kind.TEXT, Kind.MEDIA]


def test_edits_in_an_unknown_language_show_by_their_tails(tmp_path: Path) -> None:
    text = (
        "".join(f"01/02/21, 10:0{i} - Ana: text {i} <Xyzzy plugh>\n" for i in range(4))
        + "01/02/21, 10:09 - Bo: a <b>\n"
    )
    found = chat(tmp_path, text)
    assert found.kinds == [Kind.EDITED] * 4 + [Kind.TEXT]
    assert found.texts[0] == "text 0"


def test_a_group_of_unknown_name_shows_by_its_marks(tmp_path: Path) -> None:
    text = (
        "[01.02.21, 10:00:00] Viagem: \u200eXyzzy plugh\r\n[01.02.21, 10:00:02] Ana: hello\r\n"
        "[01.02.21, 10:00:03] Ana: \u200ebla omitida\r\n[01.02.21, 10:00:04] Viagem: \u200ePlugh\r\n"
    )
    found = chat(tmp_path, text, name="_chat.txt")
    assert found.kinds == [Kind.SYSTEM, Kind.TEXT, Kind.MEDIA, Kind.SYSTEM]
    assert set(found.report.senders) == {"Ana"}


def test_media_beside_the_text_are_known(tmp_path: Path) -> None:
    text = "01/02/21, 10:00 - Ana: holiday.mov (xyz)\n01/02/21, 10:01 - Bo: other.mov (xyz)\n"
    found = read_upload(tmp_path, {"c/chat.txt": text, "c/holiday.mov": b"\0"})
    assert found.kinds == [Kind.MEDIA, Kind.TEXT]
    assert found.skipped == ()


def test_whatsapp_web(tmp_path: Path) -> None:
    text = (
        "Messages and calls are end-to-end encrypted.\n"
        '[1/5/26, 9:03:07 AM] - You created group "Trip"\n[1/5/26, 9:03:40 AM] Ana: Hi\nsecond\n'
        "[1/5/26, 9:04:02 AM] You: [Forwarded] see this\n[1/5/26, 12:00:00 PM] You: <image omitted> our hotel\n"
        "[1/5/26, 12:00:09 PM] Ana: IMG_1.jpg (file attached) look\n[1/6/26, 8:15:59 PM] Ana: Poll: Pizza?\n    - Yes\n    - No\n"
        "[1/6/26, 8:17:00 PM] You: Location: 51.5, -0.12 - https://maps.google.com/?q=51.5,-0.12\n[1/6/26, 8:18:00 PM] Ana: nice\n"
    )
    markdown = (
        "# WhatsApp Chat Export: Trip\nExport date: January 20, 2026 at 9:00 AM\n\n---\n\n## January 6, 2026\n\n"
        "[8:18 PM] **Ana:**\n> _You: our hotel_\nnice\n"
    )
    found = read_upload(tmp_path, {"trip/chat.txt": text, "trip/chat.md": markdown})
    assert found.kinds == [
        Kind.SYSTEM, Kind.TEXT, Kind.FORWARD, Kind.MEDIA, Kind.MEDIA, Kind.POLL, Kind.LOCATION, Kind.TEXT,
    ]  # fmt: skip
    assert found.texts[2:5] == ["see this", "our hotel", "look"]
    assert found.messages[-1].reply_to == "our hotel"
    assert found.chats == ["trip"] * 8
    assert found.times[0] == datetime(2026, 1, 5, 9, 3, 7)
    assert (found.report.dialect, found.report.owner, found.report.unmatched_count) == ("web", "You", 1)


def test_whatsapp_web_markdown_alone(tmp_path: Path) -> None:
    markdown = (
        '# WhatsApp Chat Export: Trip\n\n---\n\n## 5. Januar 2026\n\n[9:03 AM] __You created group "Trip"__\n\n'
        "[9:03 AM] **Ana:** Hi all\nsecond line\n\n[12:01 PM] **You:** [Image](media/IMG_1.jpg) our hotel\n\n---\n\n"
        "## 2026年1月6日\n\n[8:15 PM] **Ana:** **Poll: Pizza?**\n- Yes\n- No\n\n[8:16 PM] **You:** > no\n"
    )
    found = read_upload(tmp_path, {"chat.md": markdown})
    assert found.kinds == [Kind.SYSTEM, Kind.TEXT, Kind.MEDIA, Kind.POLL, Kind.TEXT]
    assert found.texts[1:3] == ["Hi all\nsecond line", "our hotel"]
    assert found.times[3] == datetime(2026, 1, 6, 20, 15)


@pytest.mark.parametrize(
    ("name", "partner"),
    [
        ("WhatsApp Chat with Ana Pérez.txt", "Ana Pérez"),
        ("WhatsApp Chat with Ana (1).txt", "Ana"),
        ("WhatsApp Chat - Ana.zip/_chat.txt", "Ana"),
        ("Chat de WhatsApp con Ana.txt", "Ana"),
        ("Conversa do WhatsApp com Ana.txt", "Ana"),
        ("Discussion WhatsApp avec Ana.txt", "Ana"),
        ("WhatsApp-Chat mit Ana.txt", "Ana"),
        ("WhatsApp-chat met Ana.txt", "Ana"),
        ("Chat WhatsApp con Ana.txt", "Ana"),
        ("Chat WhatsApp s uživatelem Ana.txt", "Ana"),
        ("Чат WhatsApp с контактом Ana.txt", "Ana"),
        ("Czat WhatsApp z Ana.txt", "Ana"),
        ("Ana ile WhatsApp Sohbeti.txt", "Ana"),
        ("与Ana的WhatsApp聊天记录.txt", "Ana"),
        ("holiday.txt", "holiday"),
    ],
)
def test_chats_are_named_after_files(tmp_path: Path, name: str, partner: str) -> None:
    assert chat(tmp_path, "01/02/21, 10:00 - Ana: x\n", name=f"up/{name}").chats == [partner]


def test_two_exports_of_one_chat_are_merged(tmp_path: Path) -> None:
    lines = [f"{day:02}/02/2021, 10:00 - {'Ana' if day % 2 else 'Bo'}: m{day}\n" for day in range(1, 29)]
    twice = ["28/02/2021, 11:00 - Ana: ha\n"] * 2
    found = read_upload(
        tmp_path,
        {
            "WhatsApp Chat with Ana (1).txt": "".join(lines[10:] + twice),
            "WhatsApp Chat with Ana.txt": "".join(lines[:20]),
        },
    )
    assert found.texts == [f"m{day}" for day in range(1, 29)] + ["ha", "ha"]
    assert len(found.report.files) == 2


def test_files_that_overlap_are_one_chat_whatever_their_names(tmp_path: Path) -> None:
    lines = [f"{day:02}/02/2021, 10:00 - {'Ana' if day % 2 else 'Bo'}: message {day}\n" for day in range(1, 29)]
    found = read_upload(tmp_path, {"_chat.txt": "".join(lines[:20]), "_chat (1).txt": "".join(lines[5:])})
    assert found.texts == [f"message {day}" for day in range(1, 29)]
    assert len(found.reports) == 1


def test_two_chats_of_one_file_name_stay_two(tmp_path: Path) -> None:
    found = read_upload(
        tmp_path, {"a/notes.txt": "01/02/21, 10:00 - Ana: x\n", "b/notes.txt": "01/02/21, 10:00 - Bo: y\n"}
    )
    assert found.chats == ["notes", "notes (2)"]


def test_the_owner_deleted_a_message(tmp_path: Path) -> None:
    report = chat(tmp_path, "01/02/21, 10:00 - Ana: x\n01/02/21, 10:01 - Bo: You deleted this message\n").report
    assert report.owner == "Bo"
    assert report.owner_evidence == "who exported the chat deleted 1 of their messages"


def test_the_owner_is_not_whom_the_file_names(tmp_path: Path) -> None:
    text = "01/02/21, 10:00 - Ana: x\n01/02/21, 10:01 - Bo: y\n"
    assert chat(tmp_path, text, name="WhatsApp Chat with Ana.txt").report.owner == "Bo"


def test_utf_16_is_read(tmp_path: Path) -> None:
    text = "01/02/21, 10:00 - Ana: 日本\n01/02/21, 10:01 - Bo: é\n"
    assert read_upload(tmp_path, {"chat.txt": text.encode("utf-16")}).texts == ["日本", "é"]
    assert read_upload(tmp_path / "2", {"chat.txt": text.encode("utf-16-le")}).texts == ["日本", "é"]


def test_a_very_long_line_is_one_message(tmp_path: Path) -> None:
    text = f"01/02/21, 10:00 - Ana: {'x' * 3_000_000}\n01/02/21, 10:01 - Bo: y\n"
    assert list(map(len, chat(tmp_path, text).texts)) == [3_000_000, 1]


@pytest.mark.parametrize("piece", ["<", "\n", ": ", "\u200e", "a.b (", "1/2/21, 10:00 ", "[", "<a: b.c>"])
def test_millions_of_one_thing_take_no_time(tmp_path: Path, piece: str) -> None:
    start = time.process_time()
    chat(tmp_path, f"01/02/21, 10:00 - Ana: {piece * (2_000_000 // len(piece))}x\n01/02/21, 10:01 - Bo: y\n")
    assert time.process_time() - start < 10


def test_no_words_of_a_chat_in_errors(tmp_path: Path) -> None:
    with pytest.raises(ExportError) as caught:
        chat(tmp_path, '{"secretword": ' * 50)
    assert "secretword" not in str(caught.value)


def test_one_message_of_a_name_with_a_colon(tmp_path: Path) -> None:
    assert chat(tmp_path, "01/02/21, 10:00 - User:): hi\n").senders == ["User:)"]
