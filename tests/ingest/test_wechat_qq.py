"""WeChat and QQ."""

from datetime import datetime
from pathlib import Path
from typing import Any

from tests.ingest.uploads import read_upload, survives, utc

from twin.domain.messages import Kind

WEFLOW: dict[str, Any] = {
    "weflow": {"version": "1.0.3"},
    "session": {"wxid": "wxid_b", "nickname": "小明", "remark": "明明", "displayName": "明明", "type": "私聊"},
    "messages": [
        {"localId": 1, "createTime": 1700000000, "type": "文本消息", "content": "你好", "isSend": 0, "senderUsername": "wxid_b", "senderDisplayName": "明明"},
        {"localId": 2, "createTime": 1700000001, "type": "引用消息", "content": "嗯", "quotedContent": "你好", "isSend": 1, "senderUsername": "wxid_a", "senderDisplayName": "我"},
        {"localId": 3, "createTime": 1700000002, "type": "图片消息", "content": "[图片]", "isSend": 0, "senderUsername": "wxid_b", "senderDisplayName": "明明"},
        {"localId": 4, "createTime": 1700000003, "type": "系统消息", "content": "撤回", "isSend": None},
        {"localId": 5, "createTime": 1700000004, "type": "聊天记录", "content": "x", "isSend": 0, "senderDisplayName": "明明"},
    ],
}  # fmt: skip


def test_weflow(tmp_path: Path) -> None:
    read = read_upload(tmp_path, {"明明.json": WEFLOW})
    assert read.texts[:2] == ["你好", "嗯"]
    assert read.kinds == [Kind.TEXT, Kind.TEXT, Kind.MEDIA, Kind.SYSTEM, Kind.FORWARD]
    assert read.senders == ["明明", "我", "明明", None, "明明"]
    assert read.times[0] == utc(2023, 11, 14, 22, 13, 20)
    assert read.messages[1].reply_to == "你好"
    assert set(read.chats) == {"明明"}
    assert (read.report.owner, read.report.owner_id) == ("我", "wxid_a")


def test_weflow_with_a_list_of_senders(tmp_path: Path) -> None:
    export = {
        "weflow": {"format": "arkme-json"},
        "session": {"type": "私聊", "displayName": "朋友"},
        "senders": [
            {"senderID": 1, "wxid": "b", "displayName": "朋友"},
            {"senderID": 2, "wxid": "a", "displayName": "我"},
        ],
        "messages": [{"isSend": 1, "senderID": 2, "type": "文本消息", "content": "在吗", "createTime": 1700000000}],
    }
    read = read_upload(tmp_path, {"a.json": export})
    assert (read.senders, read.messages[0].sender_id) == (["我"], "a")


def test_csv(tmp_path: Path) -> None:
    wechatmsg = (
        "localId,TalkerId,Type,SubType,IsSender,CreateTime,Status,StrContent,StrTime,Remark,NickName,Sender\n"
        '1,7,1,0,0,1700000000,,"你好, 我",2023-11-14 22:13:20,明明,小明,wxid_b\n'
        "2,7,49,57,1,1700000001,,回复,2023-11-14 22:13:21,,我,wxid_a\n3,7,47,0,0,1700000002,,,,明明,小明,wxid_b\n"
    )
    read = read_upload(tmp_path / "a", {"明明.csv": wechatmsg})
    assert (read.texts, read.senders) == (["你好, 我", "回复", ""], ["明明", "我", "明明"])
    assert read.kinds == [Kind.TEXT, Kind.TEXT, Kind.MEDIA]
    assert read.report.owner_id == "wxid_a"
    weclone = (
        "id,MsgSvrID,type_name,is_sender,talker,room_name,msg,src,CreateTime\n"
        "1,11,文本,0,wxid_b,,你好,,2023-11-14 22:13:20\n2,12,图片,1,wxid_a,,,a.jpg,2023-11-14 22:13:21\n"
    )
    read = read_upload(tmp_path / "b", {"wxid_b_0.csv": weclone})
    assert (read.senders, read.kinds) == (["wxid_b", "Me"], [Kind.TEXT, Kind.MEDIA])
    assert read.times[0] == datetime(2023, 11, 14, 22, 13, 20)
    assert read.report.owner == "Me"


NATIVE = """消息记录（此消息记录为文本格式，不支持重新导入）

================================================================
消息分组:我的好友
================================================================
消息对象:同学群
================================================================

2020-01-01 9:00:00 【管理员】小明(123456)
新年好
大家

2020-01-01 12:01:00 小红<hong@example.org>
[图片]

2020-01-01 12:02:00 系统消息(10000)
小红撤回了一条消息

"""


def test_times_with_and_without_an_offset(tmp_path: Path) -> None:
    rows = (
        "localId,TalkerId,Type,SubType,IsSender,CreateTime,Status,StrContent,StrTime,Remark,NickName,Sender\n"
        "1,7,1,0,0,1700000000,,a,2023-11-14 22:13:20,b,b,x\n2,7,1,0,0,broken,,c,2023-11-14 22:13:25,b,b,x\n"
    )
    read = read_upload(tmp_path, {"b.csv": rows})
    assert (read.report.first, read.report.last) == tuple(read.times)


def test_native_text(tmp_path: Path) -> None:
    read = read_upload(tmp_path, {"同学群.txt": "\ufeff" + NATIVE.replace("\n", "\r\n")})
    assert read.texts == ["新年好\n大家", "[图片]", "小红撤回了一条消息"]
    assert read.kinds == [Kind.TEXT, Kind.MEDIA, Kind.SYSTEM]
    assert read.senders == ["小明", "小红", None]
    assert [message.sender_id for message in read.messages] == ["123456", "hong@example.org", "10000"]
    assert read.times[0] == datetime(2020, 1, 1, 9, 0)
    assert set(read.chats) == {"同学群"}


def _said(sender: str, *elements: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"timestamp": 1767193517000, "sender": {"uid": f"u_{sender}", "uin": "1", "name": sender}, "type": "type_1", "content": {"text": "", "elements": list(elements)}, "recalled": False, "system": False, **more}  # fmt: skip


QCE: dict[str, Any] = {
    "metadata": {"name": "QQChatExporter V5"},
    "chatInfo": {"name": "小明", "type": "private", "selfUid": "u_me", "selfName": "我"},
    "messages": [
        _said("小明", {"type": "text", "data": {"text": "你好"}}, {"type": "face", "data": {"name": "/微笑"}}),
        _said("me", {"type": "reply", "data": {"content": "你好"}}, {"type": "at", "data": {"name": "小明"}}, {"type": "text", "data": {"text": " 嗯"}}),
        _said("小明", {"type": "image", "data": {}}),
        _said("小明", recalled=True),
        _said("小明", system=True),
    ],
}  # fmt: skip


def test_qq_chat_exporter(tmp_path: Path) -> None:
    read = read_upload(tmp_path, {"friend.json": QCE})
    assert read.texts[:2] == ["你好/微笑", "@小明 嗯"]
    assert read.kinds == [Kind.TEXT, Kind.TEXT, Kind.MEDIA, Kind.DELETED, Kind.SYSTEM]
    assert read.messages[1].reply_to == "你好"
    assert read.times[0] == utc(2025, 12, 31, 15, 5, 17)
    assert (read.report.owner, read.report.owner_id) == ("me", "u_me")


def test_qq_chat_exporter_text(tmp_path: Path) -> None:
    text = (
        "[QQChatExporter V5 / https://example.org]\n\n聊天名称: 小明\n聊天类型: 私聊\n\n\n小明:\n时间: 2026-02-01 09:00:00\n内容: 第一\n第二行\n\n\n"
        "我:\n时间: 2026-02-01 09:00:10\n内容: [图片]\n资源: 1 个文件\n\n"
    )
    read = read_upload(tmp_path, {"a.txt": text})
    assert read.texts == ["第一\n第二行", "[图片]"]
    assert (read.senders, read.kinds) == (["小明", "我"], [Kind.TEXT, Kind.MEDIA])
    assert read.times[1] == datetime(2026, 2, 1, 9, 0, 10)
    assert set(read.chats) == {"小明"}


def test_whatever_is_wrong(tmp_path: Path) -> None:
    survives(tmp_path / "weflow", {"a.json": WEFLOW})
    survives(tmp_path / "qce", {"a.json": QCE})
    survives(tmp_path / "native", {"a.txt": NATIVE}, rounds=15)
