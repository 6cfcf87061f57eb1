"""SMS Backup & Restore."""

from pathlib import Path

import pytest
from tests.ingest.uploads import read_upload, survives, utc

from twin.domain.messages import Kind
from twin.errors import ExportError

HEAD = (
    "<?xml version='1.0' encoding='UTF-8' standalone='yes' ?>\n<?xml-stylesheet type=\"text/xsl\" href=\"sms.xsl\"?>\n"
)
BACKUP = (
    HEAD
    + """<smses count="6" backup_set="x" type="full">
  <sms protocol="0" address="+49 151 2345678" date="1700000000000" type="1" subject="null" body="Hi &amp; hello&#10;there &#55357;&#56832;" contact_name="Ana" />
  <sms protocol="0" address="01512345678" date="1700000001500" type="2" body="lone &#55357; null &#0; &lt;3" contact_name="(Unknown)" />
  <sms protocol="0" address="777" date="1700000002000" type="3" body="draft" contact_name="(Unknown)" />
  <sms protocol="0" address="777" date="1700000003000" type="5" body="failed to go" contact_name="(Unknown)" />
  <mms date="1700000004000" msg_box="1" address="01512345678~+491701111111~insert-address-token" contact_name="Ana, Ben" m_type="132">
    <parts>
      <part seq="-1" ct="application/smil" text="&lt;smil/&gt;" />
      <part seq="0" ct="image/jpeg" text="null" data="AAAA" />
      <part seq="0" ct="text/plain" text="look" />
    </parts>
    <addrs>
      <addr address="01512345678" type="137" charset="106" />
      <addr address="insert-address-token" type="151" charset="106" />
    </addrs>
  </mms>
  <mms date="1700000005000" msg_box="2" address="+491701111111" contact_name="Ben"><parts><part ct="text/plain" text="just words" /></parts></mms>
  <sms address="null" date="1" type="1" body="x" contact_name="null" />
</smses>
"""
)


def test_backup(tmp_path: Path) -> None:
    read = read_upload(tmp_path, {"sms-20231114.xml": BACKUP})
    assert read.texts == ["Hi & hello\nthere 😀", "lone \ufffd null \ufffd <3", "failed to go", "look", "just words"]
    assert read.kinds == [Kind.TEXT, Kind.TEXT, Kind.TEXT, Kind.MEDIA, Kind.TEXT]
    assert read.senders == ["Ana", "Me", "Me", "Ana", "Me"]
    assert read.chats == ["Ana", "Ana", "777", "Ana, Ben", "Ben"]
    assert read.times[:2] == [utc(2023, 11, 14, 22, 13, 20), utc(2023, 11, 14, 22, 13, 21, 500000)]
    assert read.report.owner == "Me"
    assert read.report.warnings == ["1 drafts were left out."]
    assert read.report.unmatched == [7]


def test_pairs_are_joined_wherever_a_block_ends(tmp_path: Path) -> None:
    for padding in range(65400, 65540, 7):
        body = "x" * (padding - 200) + "&#55357;&#56832;" * 20
        xml = HEAD + f'<smses count="1"><sms address="1" date="1700000000000" type="1" body="{body}" /></smses>'
        read = read_upload(tmp_path, {"sms.xml": xml})
        assert read.texts[0].endswith("😀" * 20)


def test_calls(tmp_path: Path) -> None:
    xml = (
        HEAD
        + '<calls count="1"><call number="+49151" duration="9" date="1700000000000" type="2" contact_name="Ana" /></calls>'
    )
    read = read_upload(tmp_path, {"calls.xml": xml})
    assert (read.kinds, read.senders, read.chats) == ([Kind.CALL], ["Me"], ["Ana"])


def test_damage(tmp_path: Path) -> None:
    read = read_upload(tmp_path / "cut", {"sms.xml": BACKUP[:900]})
    assert len(read.messages) == 3
    assert "breaks off" in read.report.warnings[0]
    with pytest.raises(ExportError, match="before any message"):
        read_upload(tmp_path / "early", {"sms.xml": BACKUP[:250]})
    bomb = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><smses><sms body="&b;"/></smses>'
    with pytest.raises(ExportError, match="document type"):
        read_upload(tmp_path / "bomb", {"sms.xml": bomb})
    survives(tmp_path, {"sms.xml": BACKUP})


@pytest.mark.parametrize("encoding", ["UTF-4", "UTF-7", "idna", "punycode", "x" * 99])
def test_an_unknown_encoding_is_told(tmp_path: Path, encoding: str) -> None:
    backup = (
        f"<?xml version='1.0' encoding='{encoding}'?><smses count='1'><sms address='1' type='2' body='hi'/></smses>"
    )
    with pytest.raises(ExportError, match=r"encoding|damaged"):
        read_upload(tmp_path, {"sms.xml": backup})
