"""KakaoTalk: Android, iPhone, Windows and Mac."""

from datetime import datetime
from pathlib import Path

import pytest
from tests.ingest.uploads import read_upload, survives

from twin.domain.messages import Kind

HEAD = "민수 님과 카카오톡 대화\n저장한 날짜 : 2021년 12월 18일 오후 7:17\n\n\n"
ANDROID = (
    HEAD + "2021년 12월 29일 오후 8:36\n2021년 12월 29일 오후 8:36, 민수 : 안녕 : 반가워\n둘째 줄\n\n셋째 줄\n"
    "2021년 12월 29일 오전 12:05, 지우 : 사진\n2021년 12월 29일 오후 8:37,  : 알림\n"
    "2021년 12월 29일 오후 8:38, 민수님이 나갔습니다.\n2021년 12월 30일 오후 8:38, 지우 : 삭제된 메시지입니다.\n"
)
IPHONE = (
    HEAD + "2021년 12월 29일 수요일\n오후 8:36, 민수 : 안녕\n오전 12:05, 지우 : 이모티콘\n"
    "2021년 12월 30일 목요일\n오후 8:38, 민수님이 나갔습니다.\n"
)
WINDOWS = (
    HEAD
    + "--------------- 2021년 12월 29일 수요일 ---------------\n[민수] [오후 8:36] 안녕\n둘째 줄\n지우님을 초대하였습니다.\n"
    "[지우] [20:40] 보이스톡 0:12\n--------------- Thursday, December 30, 2021 ---------------\n[지우] [오전 12:00] 좋아\n"
)
ENGLISH = (
    "Talk_2026.4.25 10:20-1.txt\nDate Saved : Apr 25, 2026 at 10:38\n\n\nWednesday, December 31, 2014\n"
    "Dec 31, 2014 at 19:12: Mina invited Jay .\nDec 31, 2014 at 19:12, Mina : hello\nyou\nDec 31, 2014 at 19:13, Jay : Photo\n"
)


def test_android(tmp_path: Path) -> None:
    read = read_upload(tmp_path, {"KakaoTalk.txt": ANDROID})
    assert read.texts == [
        "안녕 : 반가워\n둘째 줄\n\n셋째 줄",
        "사진",
        "알림",
        "민수님이 나갔습니다.",
        "삭제된 메시지입니다.",
    ]
    assert read.kinds == [Kind.TEXT, Kind.MEDIA, Kind.SYSTEM, Kind.SYSTEM, Kind.DELETED]
    assert read.senders == ["민수", "지우", None, None, "지우"]
    assert read.times[:2] == [datetime(2021, 12, 29, 20, 36), datetime(2021, 12, 29, 0, 5)]
    assert set(read.chats) == {"민수"}
    assert read.report.owner == "지우"


def test_iphone(tmp_path: Path) -> None:
    read = read_upload(tmp_path, {"KakaoTalk.txt": IPHONE})
    assert read.times == [datetime(2021, 12, 29, 20, 36), datetime(2021, 12, 29, 0, 5), datetime(2021, 12, 30, 20, 38)]
    assert read.kinds == [Kind.TEXT, Kind.MEDIA, Kind.SYSTEM]


def test_windows(tmp_path: Path) -> None:
    read = read_upload(tmp_path, {"KakaoTalk.txt": "\ufeff" + WINDOWS})
    assert read.texts == ["안녕\n둘째 줄", "지우님을 초대하였습니다.", "보이스톡 0:12", "좋아"]
    assert read.kinds == [Kind.TEXT, Kind.SYSTEM, Kind.CALL, Kind.TEXT]
    assert read.times[-1] == datetime(2021, 12, 30)


@pytest.mark.parametrize(
    "stamp", ["November 3, 2020, 1:08 PM", "2020년 11월 3일 오후 1:08", "2020. 11. 3. 오후 1:08", "2020-11-03 13:08"]
)
def test_stamps(tmp_path: Path, stamp: str) -> None:
    text = f"KakaoTalk Chats with Mina\nDate Saved : {stamp}\n\n{stamp}, Mina : hi\n"
    read = read_upload(tmp_path, {"a.txt": text})
    assert read.times == [datetime(2020, 11, 3, 13, 8)]
    assert read.chats == ["Mina"]


def test_parts_of_an_english_export(tmp_path: Path) -> None:
    second = "Talk_2026.4.25 10:20-2.txt\nDate Saved : Apr 25, 2026 at 10:38\n\nJan 1, 2015 at 01:00, Jay : late\n"
    read = read_upload(tmp_path, {"Talk_2026.4.25-2.txt": second, "Talk_2026.4.25-1.txt": ENGLISH})
    assert read.texts == ["Mina invited Jay .", "hello\nyou", "Photo", "late"]
    assert read.kinds == [Kind.SYSTEM, Kind.TEXT, Kind.MEDIA, Kind.TEXT]
    assert read.times[-1] == datetime(2015, 1, 1, 1, 0)
    assert len(set(read.chats)) == len(read.reports) == 1


def test_mac(tmp_path: Path) -> None:
    table = (
        'Date,User,Message\n2021-12-29 20:36:00,"민수","안녕\n""인용"""\n2021-12-29 20:37:00,"","알림"\n'
        ',"","The message has been deleted."\n2021-12-29 20:38:00,"지우","지우님이 나갔습니다."\n2021-12-29 20:39:00\n'
    )
    read = read_upload(tmp_path, {"KakaoTalk_Chat.csv": table})
    assert read.texts[0] == '안녕\n"인용"'
    assert read.kinds == [Kind.TEXT, Kind.SYSTEM, Kind.DELETED, Kind.SYSTEM]
    assert read.times[0] == datetime(2021, 12, 29, 20, 36)
    assert read.report.unmatched_count == 1


def test_whatever_is_wrong(tmp_path: Path) -> None:
    for name, text in {"a": ANDROID, "i": IPHONE, "w": WINDOWS, "e": ENGLISH}.items():
        survives(tmp_path / name, {"k.txt": text}, rounds=10)
