"""Deletion is real: a marker in every field and file of an account, everything used, the account deleted, every byte
of the installation, its database and journal, the logs and the temporary folder searched."""

import gzip
import io
import logging
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.cli.conftest import lines
from tests.web.conftest import PASSWORD, Clock, House, Person
from tests.web.test_chat import begin
from tests.web.test_uploads import announce, draft, piece
from twin.backends.local import temporary
from twin.domain.events import Progress
from twin.domain.runs import Run, RunState, Stage
from twin.domain.twins import Twin
from twin.pipeline.execute import execute
from twin.pipeline.journal import Journal
from twin.platform import Platform
from twin.web import create_app
from twin.web.mail import Mailer
from twin.web.server import _resume
from twin.web.store.invitations import TestState

MARK = "zanzibarine"
EMAIL = f"{MARK}@example.org"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """Everything that anything logs, from the finest level on."""
    file = tmp_path / "log.txt"
    handler = logging.FileHandler(file)
    root = logging.getLogger()
    before, root.level = root.level, logging.DEBUG
    root.addHandler(handler)
    yield file
    root.removeHandler(handler)
    root.level = before
    handler.close()


@pytest.fixture
def used(house: House, log: Path) -> Iterator[Person]:
    """Somebody whose every field and file holds the marker, and who has used everything."""
    house.person().sign_up("first@example.org")  # the machine's owner is somebody else
    with temporary.inside(house.platform.folder):
        ana = house.person().sign_up(EMAIL)
        made = house.twin(EMAIL, name=f"{MARK} twin")
        twin = replace(made, speakers=(f"Nora {MARK}",), options={"partner": f"{MARK} partner"})
        house.platform.records.save(twin)
        data = lines(f"Nora {MARK}", f"Otto {MARK}", 30).replace("keys", MARK).encode()
        upload = announce(ana, twin.id, {f"{MARK} kitchen.txt": len(data)})["id"]
        piece(ana, twin.id, upload, 0, 0, data)
        refused = announce(ana, twin.id, {f"{MARK}.bin": 9})["id"]
        piece(ana, twin.id, refused, 0, 0, b"\0" * 9)
        half = announce(ana, twin.id, {f"half {MARK}.txt": len(data)})["id"]
        piece(ana, twin.id, half, 0, 0, data[:900])
        house.wait()
        _train(house, twin)
        _talk(house, ana, twin)
        _invite(house, ana, twin)
        for path in ("data", "peft", "gguf"):
            ana.post(f"/twins/{twin.id}/export/{path}", status=200)
        ana.post("/forgotten", {"email": EMAIL}, status=200)
        ana.post("/account/password", {"password": PASSWORD, "new": PASSWORD + MARK})
        ana.token = ""
        house.wait()
        killed = Path(tempfile.mkdtemp(dir=house.platform.folder / "temporary"))
        (killed / "chat.db").write_text(MARK)
        killed.with_suffix(".lock").touch()
        draft(ana)
        yield ana


def _train(house: House, twin: Twin) -> None:
    """The stages that need no training, a run that failed with the name of a file, one that waits, a journal."""
    platform, now = house.platform, house.clock()
    run = Run("r" * 32, twin.id, RunState.QUEUED, now, now, options={"note": MARK})
    platform.records.save(run)
    for stage in (Stage.INGEST, Stage.PREPARE):
        execute(
            stage,
            run.id,
            objects=platform.objects,
            records=platform.records,
            folder=platform.scratch,
            bases=platform.bases,
            chat=platform.chat,
        )
    journal = Journal(platform.objects, run, Stage.TRAIN, scratch=platform.scratch / twin.id)
    journal(Progress(Stage.TRAIN, 1, 2, note=f"Otto: who has the {MARK}"))
    journal.store()
    platform.records.save(replace(run, state=RunState.FAILED, error=f"{MARK}.txt cannot be read."))
    waits = Run("q" * 32, twin.id, RunState.QUEUED, house.clock(), now)
    platform.records.save(waits)
    platform.runner.submit(waits)


def _talk(house: House, ana: Person, twin: Twin) -> None:
    talk = begin(ana, twin, f"who has the {MARK}")
    ana.post(f"/conversations/{talk}/rename", {"title": f"{MARK} title"})
    reply = next(one for one in house.site.store.conversations.messages(talk).values() if one.parent)
    ana.post(f"/messages/{reply.id}/correction", {"text": f"{MARK} indeed"})
    ana.post(f"/messages/{reply.id}/rating", {"rating": "1"})
    ana.post(f"/twins/{twin.id}/search", {"words": MARK}, status=200)
    gone = begin(ana, twin, f"{MARK}, to be deleted at once")
    ana.post(f"/conversations/{gone}/delete")
    for page in ("training", "likeness", "chats", "share", "keys", "blind-tests"):
        ana.get(f"/twins/{twin.id}/{page}")
    ana.post(f"/twins/{twin.id}/runs/{'q' * 32}/mail")


def _invite(house: House, ana: Person, twin: Twin) -> None:
    ana.post(f"/twins/{twin.id}/share", {"days": "7", "replies": "50"})
    (share,) = house.site.store.invitations.shares(twin.id)
    house.person().post(f"/s/{share.token}", {"text": f"i am a guest called {MARK}"})
    ana.post(f"/twins/{twin.id}/keys", {"label": MARK}, status=200)
    test = house.site.store.invitations.begin_test(twin.id, now=house.clock())
    item = {"said": [{"name": MARK, "messages": [MARK]}], "real": [MARK], "twin": [MARK], "twin_first": True}
    house.site.store.invitations.set_test(test.token, TestState.OPEN, items=[item])
    house.person().post(f"/t/{test.token}", {"item-0": "first"}, status=200)


def marked(*places: Path) -> list[str]:
    """Every file whose name or content, packed or not, holds the marker."""
    files = [file for place in places for file in ([place] if place.is_file() else place.rglob("*"))]
    return sorted(str(file) for file in files if MARK in file.name or (file.is_file() and _holds(file.read_bytes())))


def _holds(content: bytes) -> bool:
    if any(MARK.encode(code) in content for code in ("utf-8", "utf-16-le", "utf-16-be")):
        return True
    if content[:2] == b"\x1f\x8b":
        return _holds(gzip.decompress(content))
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return any(MARK in name or _holds(archive.read(name)) for name in archive.namelist())
    return False


def test_a_deleted_account_leaves_nothing(house: House, used: Person, log: Path) -> None:
    before = marked(house.platform.folder)
    kinds = {Path(name).suffix for name in before}
    assert {".db", ".gz", ".json", ".jsonl", ".txt"} <= kinds | {".txt"}, before
    assert len(before) > 10
    used.post("/account/delete", {"password": PASSWORD + MARK})
    assert marked(house.platform.folder, log) == []
    assert marked(Path(tempfile.gettempdir())) == []
    assert used.get("/twins", status=302) is not None


def test_it_leaves_nothing_for_who_reads_the_database_meanwhile(house: House, used: Person) -> None:
    """A reader keeps pages in the journal alive; deleting waits for it."""
    reading = house.site.store.database.read()
    reading.__enter__().execute(text("SELECT count(*) FROM web_messages"))

    def read_to_the_end() -> None:
        time.sleep(1)
        reading.__exit__(None, None, None)

    house.site.jobs.submit(read_to_the_end)
    used.post("/account/delete", {"password": PASSWORD + MARK})
    assert marked(house.platform.folder) == []


def test_what_a_killed_server_had_unpacked_is_gone_when_it_starts_again(house: House) -> None:
    left = house.site.folder / "tmpabc"
    left.mkdir()
    (left / "chat.txt").write_text(MARK)
    with Platform(house.platform.settings) as platform:
        app = create_app(platform, mail=Mailer("", "t@example.org", show=lambda _: None), now=Clock())
        _resume(app.extensions["twin"]).release()
        assert marked(house.platform.folder) == []
        app.extensions["twin"].jobs.shutdown()
        app.extensions["twin"].store.database.close()
