"""LINE's text exports."""

from datetime import date, datetime
from pathlib import Path

import pytest
from tests.ingest.uploads import read_upload, survives

from twin.domain.messages import Kind
from twin.ingest.line import day_line


@pytest.mark.parametrize(
    ("line", "day"),
    [
        ("2024/01/14(Sun)", date(2024, 1, 14)),
        ("2024.01.14 Sunday", date(2024, 1, 14)),
        ("2015/12/25 Fri", date(2015, 12, 25)),
        ("Sun, 26/04/2026", date(2026, 4, 26)),
        ("Mon, 11/03/2025", date(2025, 11, 3)),  # a Monday in November, a Tuesday in March
        ("2024/01/14（一）", date(2024, 1, 14)),
        ("2024/1/2週二", date(2024, 1, 2)),
        ("2026年7月12日(日)", date(2026, 7, 12)),
        ("R7/02/09(日)", date(2025, 2, 9)),
        ("อา., 14/01/2567", date(2024, 1, 14)),
        ("2024/01/14", None),
        ("2024/01/14 party", None),
        ("see you 2024/01/14 (Sun)", None),
    ],
)
def test_day_line(line: str, day: date | None) -> None:
    assert day_line(line) == day


PHONE = """[LINE] ミカとのトーク履歴
保存日時：2022/11/10 01:11

2018/07/10(火)
19:42\tケン\tおはよう
19:43\tミカ\t"二行の
メッセージ ""引用"" です"
午後8:05\tミカ\t[スタンプ]
20:06\tミカ\t"開いたまま
20:07\tケン\t☎ 通話時間 0:12
20:08\tミカがメッセージの送信を取り消しました
20:09\tケン\t[位置情報] 東京

2018/07/12(木)
0:05\tケン\t2018/07/13

またね
"""


def test_phone(tmp_path: Path) -> None:
    read = read_upload(tmp_path, {"[LINE] ミカ.txt": "\ufeff" + PHONE.replace("\n", "\r\n")})
    assert read.texts == [
        "おはよう", '二行の\nメッセージ "引用" です', "[スタンプ]", '"開いたまま', "☎ 通話時間 0:12",
        "ミカがメッセージの送信を取り消しました", "[位置情報] 東京", "2018/07/13\n\nまたね",
    ]  # fmt: skip
    assert read.kinds == [
        Kind.TEXT, Kind.TEXT, Kind.MEDIA, Kind.TEXT, Kind.CALL, Kind.DELETED, Kind.LOCATION, Kind.TEXT,
    ]  # fmt: skip
    assert read.senders == ["ケン", "ミカ", "ミカ", "ミカ", "ケン", None, "ケン", "ケン"]
    assert read.times[2] == datetime(2018, 7, 10, 20, 5)
    assert read.times[-1] == datetime(2018, 7, 12, 0, 5)
    assert set(read.chats) == {"ミカ"}
    assert read.report.owner == "ケン"


@pytest.mark.parametrize(
    ("header", "title", "day", "clock"),
    [
        ("[LINE] Chat history with Mia\nSaved on: 2024/01/14 10:00", "Mia", "Sun, 14/01/2024", "1:05PM"),
        ("[LINE] 與Mia的聊天記錄\n儲存日期：2024/01/14 10:00", "Mia", "2024/01/14（日）", "下午01:05"),
        ("[LINE] Clubのトーク履歴\n保存日時：2024/01/14 10:00", "Club", "2024.01.14 日曜日", "午後1:05"),
        ("[LINE] ประวัติการแชทกับ Mia\nบันทึกเมื่อ: 2024/01/14", "Mia", "อา., 14/01/2567", "13:05"),
    ],
)
def test_languages(tmp_path: Path, header: str, title: str, day: str, clock: str) -> None:
    text = f"{header}\n\n{day}\n{clock}\tMia\thello\n{clock}\tKen joined the group.\n"
    read = read_upload(tmp_path, {"line.txt": text})
    assert read.times[0] == datetime(2024, 1, 14, 13, 5)
    assert read.chats[0] == title
    assert read.kinds == [Kind.TEXT, Kind.SYSTEM]


def test_computer(tmp_path: Path) -> None:
    text = (
        "2024.01.14 Sunday\n10:00 Mia Mae one two\n10:01 Ken Lee good day\n10:02 Mia Mae one more\n10:03 Ken Lee see\n"
        "second line\n10:04 Mia Mae ok\n10:05 Ken Lee Photos\n10:06 Ken Lee left the group.\n2024.01.15 Monday\n09:00 Ken Lee hi\n"
    )
    read = read_upload(tmp_path, {"chat.txt": text})
    assert read.senders == ["Mia Mae", "Ken Lee", "Mia Mae", "Ken Lee", "Mia Mae", "Ken Lee", "Ken Lee", "Ken Lee"]
    assert read.texts[3] == "see\nsecond line"
    assert read.kinds[5:7] == [Kind.MEDIA, Kind.SYSTEM]
    assert read.times[-1] == datetime(2024, 1, 15, 9, 0)
    assert read.report.dialect == "text with spaces"


@pytest.mark.parametrize("encoding", ["utf-16", "cp932", "utf-8-sig"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = PHONE.split("20:06", maxsplit=1)[0]
    assert read_upload(tmp_path, {"a.txt": text.encode(encoding)}).texts[0] == "おはよう"


def test_whatever_is_wrong(tmp_path: Path) -> None:
    survives(tmp_path, {"a.txt": PHONE})
    long = "[LINE] Chat history with Mia\n\n2024/01/14(Sun)\n10:00\tMia\t" + "x" * 10_000_000
    assert len(read_upload(tmp_path / "long", {"a.txt": long}).texts[0]) == 10_000_000
