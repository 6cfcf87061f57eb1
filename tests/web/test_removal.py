"""Deleting, and taking along: what is listed is gone, every byte of it; what is exported is everything."""

import base64
import hashlib
import io
import json
import re
from dataclasses import replace
from uuid import uuid4
from zipfile import ZipFile

import pytest
from tests.web.conftest import PASSWORD, House, Person
from tests.web.test_chat import begin
from tests.web.test_uploads import announce, draft, piece

from twin.domain.runs import RunState, Stage
from twin.domain.twins import Twin
from twin.errors import UnavailableError
from twin.pipeline import keys
from twin.web import blind
from twin.web.removal import delete_twin
from twin.web.site import open_site
from twin.web.store.conversations import Said
from twin.web.store.uploads import UploadState

MARK = "zanzibarine"


@pytest.fixture
def ana(house: House) -> Person:
    return house.ana()


@pytest.fixture
def twin(house: House, ana: Person) -> Twin:
    """A twin with a mark in everything that can hold one."""
    twin = house.twin("ana@example.org", name=f"{MARK} twin")
    data = "".join(f"01/03/2025, 10:{n:02d} - Ben {MARK}: {MARK} {n} is what i say here\n" for n in range(40)).encode()
    upload = announce(ana, twin.id, {f"{MARK}.txt": len(data)})["id"]
    piece(ana, twin.id, upload, 0, 0, data)
    half = announce(ana, twin.id, {f"half {MARK}.txt": len(data)})["id"]
    piece(ana, twin.id, half, 0, 0, data[:900])
    house.wait()
    talk = begin(ana, twin, f"do you know {MARK}")
    ana.post(f"/conversations/{talk}/rename", {"title": f"{MARK} title"})
    reply = next(one for one in house.site.store.conversations.messages(talk).values() if one.parent)
    ana.post(f"/messages/{reply.id}/correction", {"text": f"{MARK} indeed"})
    ana.post(f"/twins/{twin.id}/share", {"days": "7", "replies": "50"})
    (share,) = house.site.store.invitations.shares(twin.id)
    house.person().post(f"/s/{share.token}", {"text": f"i am a guest called {MARK}"})
    ana.post(f"/twins/{twin.id}/keys", {"label": MARK}, status=200)
    ana.post(f"/twins/{twin.id}/blind-tests")
    house.wait()
    return twin


def marked(house: House) -> list[str]:
    files = [file for file in house.platform.folder.rglob("*") if file.is_file()]
    return [file.name for file in files if MARK.encode() in file.read_bytes() or MARK in file.name]


def test_a_deleted_twin_is_gone_to_the_last_byte(house: House, ana: Person, twin: Twin) -> None:
    assert marked(house)
    page = ana.get(f"/twins/{twin.id}/delete")
    for said in (
        "2 uploads of chats",
        "1 training",
        "1 conversation",
        "1 correction",
        "2 links to others",
        "1 API key",
    ):
        assert said in page
    ana.post(f"/twins/{twin.id}/delete")
    ana.get("/twins")
    assert marked(house) == []
    ana.get(f"/twins/{twin.id}/chat", status=404)


def test_deleted_chats_are_gone_from_everything_that_trainings_kept(house: House, ana: Person) -> None:
    twin = house.twin("ana@example.org")
    run = house.platform.records.run(twin.run_id or "")
    data = "".join(f"01/03/2025, 10:{n:02d} - Ben {MARK}: {MARK} {n} is what i say here\n" for n in range(40)).encode()
    upload = announce(ana, twin.id, {f"{MARK}.txt": len(data)})["id"]
    piece(ana, twin.id, upload, 0, 0, data)
    house.wait()
    words = house.platform.scratch / "words"
    words.write_text(f"a training has kept {MARK}")
    for name in (keys.MESSAGES, keys.EXAMPLES, keys.MEMORY, keys.REPORT, "journal/train.jsonl"):
        house.platform.objects.put(keys.run(run) + name, words)
    house.platform.objects.put(keys.redaction(twin.id), words)
    broken = replace(run, id=uuid4().hex, state=RunState.FAILED)
    house.platform.records.save(broken)
    house.platform.objects.put(keys.outcome(broken, Stage.INGEST), words)
    words.unlink()
    path = f"/twins/{twin.id}/uploads/{upload}/delete"
    assert "1 file" in ana.get(path)
    waiting = replace(run, id=uuid4().hex, state=RunState.QUEUED)
    house.platform.records.save(waiting)
    assert "A training is under way" in ana.post(path, status=503).text
    house.platform.records.save(replace(waiting, state=RunState.CANCELLED))
    ana.post(path)
    assert ana.get(f"/twins/{twin.id}/chats").count(MARK) == 1, "it says once that they are gone"
    assert marked(house) == []
    assert list(house.platform.objects.keys(keys.run(broken))) == []
    begin(ana, twin, "you still answer")


def test_a_deleted_account_is_gone_to_the_last_byte(house: House, ana: Person, twin: Twin) -> None:
    draft(ana)
    ana.post("/account/delete", {"password": "wrong wrong wrong"}, status=400)
    assert twin.name in ana.get("/account/delete")
    ana.post("/account/delete", {"password": PASSWORD})
    assert marked(house) == []
    assert all(b"ana@example.org" not in file.read_bytes() for file in house.platform.folder.rglob("twin.db*"))
    assert house.site.store.accounts.count() == 0
    ana.get("/twins", status=302)


def test_the_data_of_a_twin_can_be_taken_along(house: House, ana: Person, twin: Twin) -> None:
    answer = ana.post(f"/twins/{twin.id}/export/data", status=200)
    with ZipFile(io.BytesIO(answer.data)) as archive:
        about = json.loads(archive.read("twin.json"))
        names = archive.namelist()
    assert about["twin"]["name"] == twin.name
    assert about["conversations"][0]["messages"][0]["bubbles"] == [f"do you know {MARK}"]
    assert about["corrections"][0]["text"] == f"{MARK} indeed"
    assert any(name.endswith("adapter.gguf") for name in names)
    assert any("/uploads/" in name for name in names)


def test_the_adapter_can_be_taken_along(ana: Person, twin: Twin) -> None:
    answer = ana.post(f"/twins/{twin.id}/export/peft", status=200)
    assert answer.mimetype == "application/zip"
    with ZipFile(io.BytesIO(answer.data)) as archive:
        names = {name.rpartition("/")[2] for name in archive.namelist()}
    assert {"adapter_config.json", "adapter_model.safetensors", "README.md"} <= names
    ana.post(f"/twins/{twin.id}/export/exe", status=404)


def test_an_earlier_version_answers_again(house: House, ana: Person, twin: Twin) -> None:
    second = house.version(twin, loss_base=4.0, loss_twin=3.9)
    page = ana.get(f"/twins/{twin.id}/likeness")
    assert "It has learned little" in page
    ana.post(f"/twins/{twin.id}/versions/{twin.run_id}")
    assert house.platform.records.twin(twin.id).run_id == twin.run_id != second.run_id
    assert "It has clearly learned" in ana.get(f"/twins/{twin.id}/likeness")
    assert "25 %" in ana.get(f"/twins/{twin.id}/likeness?version={twin.run_id}")


def test_the_report_says_what_was_measured(house: House, ana: Person) -> None:
    twin = house.twin("ana@example.org")
    page = ana.get(f"/twins/{twin.id}/likeness")
    for said in ("60 of 100", "50 % (41 to 59)", "the rain &lt;did&gt;"):
        assert said in page
    answer = ana.browser.get(f"/twins/{twin.id}/versions/{twin.run_id}/report")
    policy = answer.headers["Content-Security-Policy"]
    style = answer.text.partition("<style>")[2].partition("</style>")[0]
    assert base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() in policy
    assert "unsafe" not in policy
    assert not re.search(r"\bstyle=|<script", answer.text)


def test_the_command_line_deletes_what_the_web_app_keeps(house: House, ana: Person, twin: Twin) -> None:
    assert marked(house)
    here = open_site(house.platform)
    assert delete_twin(here, twin) > 0
    here.store.database.close()
    assert marked(house) == []
    ana.get(f"/twins/{twin.id}/chat", status=404)


def test_a_deletion_that_broke_off_can_be_asked_for_again(
    house: House, ana: Person, twin: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(prefix: str) -> int:
        raise UnavailableError(f"{prefix} is away")

    with monkeypatch.context() as patched:
        patched.setattr(house.platform.objects, "delete", away)
        ana.post(f"/twins/{twin.id}/delete", status=503)
    ana.post(f"/twins/{twin.id}/delete")
    assert marked(house) == []


def test_a_blind_test_of_a_twin_that_is_gone_does_not_stop_the_server(house: House, ana: Person, twin: Twin) -> None:
    waiting = house.site.store.invitations.begin_test(twin.id, now=house.clock())
    house.platform.records.forget(twin_id=twin.id)
    blind.resume(house.site)
    assert house.site.store.invitations.get_test(waiting.token) is None


def test_removed_chats_are_not_quoted_beside_replies(house: House, ana: Person, twin: Twin) -> None:
    conversations = house.site.store.conversations
    (talk,) = conversations.listed(twin.id, twin.owner)
    conversations.say(talk, Said.TWIN, ["yes"], parent=talk.leaf, remembered=["what was said"], now=house.clock())
    upload = next(one for one in house.site.store.uploads.of_twin(twin.id) if one.state is UploadState.READY)
    ana.post(f"/twins/{twin.id}/uploads/{upload.id}/delete")
    assert [one.remembered for one in conversations.messages(talk.id).values() if one.remembered] == []
