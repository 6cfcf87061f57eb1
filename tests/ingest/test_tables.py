"""Exports that are tables: Reddit, Viber, and what people make themselves."""

from datetime import datetime
from pathlib import Path

import pytest
from tests.ingest.uploads import read_upload, survives, utc

from twin.domain.messages import Kind
from twin.ingest import DateOrder, Options

REDDIT = {
    "statistics.csv": "statistic,value\naccount name,ana_r\nexport time,x\n",
    "comments.csv": "id,permalink,date,ip,subreddit,gildings,link,parent,body,media\n"
    'a1,https://x,2020-01-02 10:00:00 UTC,,books,0,l,p,"> the quoted\n\nmy own words, here",\n'
    "a2,https://x,2020-01-02 11:00:00 UTC,,books,0,l,p,[removed],\n",
    "posts.csv": "id,permalink,date,ip,subreddit,gildings,title,url,body\nb1,https://x,2020-01-03 10:00:00 UTC,,maps,0,A title,u,A body\n",
    "messages.csv": "id,permalink,thread_id,date,ip,from,to,subject,body\n"
    "c1,x,t1,2020-01-04 10:00:00 UTC,,ana_r,ben_l,hi,hello\nc2,x,t1,2020-01-04 10:01:00 UTC,,ben_l,ana_r,hi,hey\n",
    "chat_history.csv": "message_id,created_at,updated_at,username,message,thread_parent_message_id,channel_url,subreddit,channel_name,conversation_type\n"
    "d1,2020-01-05 10:00:00 UTC,,ben_l,yo,,u1,,Ben,direct\nd2,2020-01-05 10:01:00 UTC,,ana_r,sup,d1,u1,,Ben,direct\n",
}


def test_reddit(tmp_path: Path) -> None:
    read = read_upload(tmp_path, {f"export/{name}": table for name, table in REDDIT.items()})
    assert read.texts == ["my own words, here", "[removed]", "A title\n\nA body", "hello", "hey", "yo", "sup"]
    assert read.kinds == [Kind.TEXT, Kind.DELETED, *[Kind.TEXT] * 5]
    assert read.senders == ["ana_r", "ana_r", "ana_r", "ana_r", "ben_l", "ben_l", "ana_r"]
    assert read.chats == ["r/books", "r/books", "r/maps", "ben_l", "ben_l", "Ben", "Ben"]
    assert (read.messages[0].reply_to, read.messages[6].reply_to) == ("the quoted", "yo")
    assert read.times[0] == utc(2020, 1, 2, 10)
    assert read.report.owner == "ana_r"


VIBER = '03/01/2020,12:30:11,Ana,+4915112345,"hello, you"\r\n13/01/2020,12:31:00,Me,+4915199999,hi\r\n13/01/2020,12:32:00,Ana,+4915112345,Photo message\r\n'


def test_viber(tmp_path: Path) -> None:
    read = read_upload(tmp_path, {"Messages - Ana.csv": VIBER})
    assert read.texts == ["hello, you", "hi", "Photo message"]
    assert read.kinds == [Kind.TEXT, Kind.TEXT, Kind.MEDIA]
    assert read.times[0] == datetime(2020, 1, 3, 12, 30, 11)
    assert (read.chats[0], read.messages[0].sender_id) == ("Ana", "+4915112345")
    assert read.report.date_order is DateOrder.DMY
    assert read.report.owner == "Me"
    american = VIBER.replace("13/01", "01/13")
    assert read_upload(tmp_path / "us", {"Messages - Ana.csv": american}).times[0] == datetime(2020, 3, 1, 12, 30, 11)
    thin = VIBER.splitlines()[0]
    read = read_upload(tmp_path / "thin", {"Messages - Ana.csv": thin}, options=Options(date_order=DateOrder.MDY))
    assert read.times == [datetime(2020, 3, 1, 12, 30, 11)]


@pytest.mark.parametrize(
    "content",
    [
        "user,message,datetime\nAna,hello,2024-01-01 10:00:00\nBen,hi,2024-01-01 10:01:00\n",
        "Timestamp;Sender;Text\n2024-01-01T10:00:00;Ana;hello\n2024-01-01T10:01:00;Ben;hi\n",
        "date\tauthor\tcontent\n1/1/2024 10:00\tAna\thello\n1/1/2024 10:01\tBen\thi\n",
        [{"timestamp": "2024-01-01T10:00:00", "author": "Ana", "message": "hello"}, {"timestamp": "2024-01-01T10:01:00", "author": "Ben", "message": "hi"}],
        {"messages": [{"date": "2024-01-01 10:00", "from": "Ana", "text": "hello"}, {"date": "2024-01-01 10:01", "from": "Ben", "text": "hi"}]},
    ],
)  # fmt: skip
def test_own_tables(tmp_path: Path, content: object) -> None:
    read = read_upload(tmp_path, {"ours.csv" if isinstance(content, str) else "ours.json": content})
    assert (read.texts, read.senders) == (["hello", "hi"], ["Ana", "Ben"])
    assert read.times == [datetime(2024, 1, 1, 10, 0), datetime(2024, 1, 1, 10, 1)]
    assert read.report.platform == "table"


def test_whatever_is_wrong(tmp_path: Path) -> None:
    survives(tmp_path / "reddit", REDDIT, rounds=15)
    survives(tmp_path / "viber", {"a.csv": VIBER}, rounds=15)
    survives(
        tmp_path / "own", {"a.json": [{"timestamp": "2024-01-01T10:00:00", "author": "Ana", "message": "hello"}] * 3}
    )
