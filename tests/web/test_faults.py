"""What happens beside the usual way: a second server, a database that is away, things done at the same moment."""

import threading
from dataclasses import replace

import pytest
from filelock import FileLock
from tests.web.conftest import House, Person
from tests.web.test_uploads import announce, draft

from twin.domain.events import Progress
from twin.domain.runs import Stage
from twin.errors import UnavailableError
from twin.pipeline import deletion, keys
from twin.pipeline.journal import Journal, events
from twin.platform import Platform
from twin.web import api_keys
from twin.web.server import _resume
from twin.web.site import open_site
from twin.web.store.conversations import Said
from twin.web.store.uploads import UploadState
from twin.web.uploads import FORM_LARGEST, PUBLIC_FORM_LARGEST, form_largest


@pytest.fixture
def ana(house: House) -> Person:
    return house.ana()


def test_a_second_server_leaves_alone_what_the_first_is_at(house: House, ana: Person) -> None:
    twin = draft(ana)
    upload = str(announce(ana, twin, {"a.txt": 3})["id"])
    house.site.store.uploads.set_state(upload, UploadState.READING)

    def state() -> UploadState:
        (found,) = house.site.store.uploads.of_twin(twin)
        return found.state

    with FileLock(house.site.folder / "serving.lock"):
        _resume(house.site)
        house.wait()
        assert state() is UploadState.READING
    first = _resume(house.site)
    house.wait()
    assert first.is_locked
    first.release()
    assert state() is UploadState.REFUSED  # it is empty


def test_a_database_that_is_away_is_a_sentence_for_those_who_are_logged_in(
    house: House, ana: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(account_id: str) -> None:
        raise UnavailableError(f"The database does not answer ({account_id[:0]}away).")

    monkeypatch.setattr(house.site.store.accounts, "get", away)
    assert "does not answer" in ana.get("/twins", status=503)
    assert "does not answer" in ana.get("/privacy", status=503)


def test_what_is_said_while_a_twin_is_deleted_goes_with_it(
    house: House, ana: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin = house.twin("ana@example.org")
    delete, store = deletion.delete, house.site.store

    def meanwhile(*arguments: object, **options: object) -> int:
        talk = store.conversations.begin(twin.id, twin.owner, title="late", now=house.clock())
        store.conversations.say(talk, Said.PERSON, ["late words"], parent=None, now=house.clock())
        return delete(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(deletion, "delete", meanwhile)
    ana.post(f"/twins/{twin.id}/delete")
    assert store.conversations.listed(twin.id, twin.owner) == []


def test_revoked_keys_make_room_for_new_ones(house: House, ana: Person) -> None:
    twin = house.twin("ana@example.org")
    for _ in range(api_keys.MOST):
        key, _secret = house.site.keys.make(twin.id, label="k", now=house.clock())
    ana.post(f"/twins/{twin.id}/keys", {"label": "one more"}, status=400)
    ana.post(f"/twins/{twin.id}/keys/{key.id}/revoke")
    ana.post(f"/twins/{twin.id}/keys", {"label": "one more"}, status=200)


def test_removed_chats_leave_nothing_beside_the_runs(house: House, ana: Person) -> None:
    twin = house.twin("ana@example.org")
    upload = str(announce(ana, twin.id, {"a.txt": 3})["id"])
    scratch = house.platform.scratch / twin.id
    (scratch / "gemini").mkdir()
    (scratch / "gemini" / "answer.json").write_text("words")
    (scratch / f"{twin.run_id}-{keys.MEMORY}").write_text("words")
    (scratch / f"{twin.run_id}-{keys.ADAPTER_GGUF}").write_text("weights")
    (scratch / "telegram.json").write_text("{}")
    house.site.store.uploads.set_state(upload, UploadState.READY, survey={})
    ana.post(f"/twins/{twin.id}/uploads/{upload}/delete")
    kept = {one.name for one in scratch.iterdir()}
    assert {f"{twin.run_id}-{keys.ADAPTER_GGUF}", "telegram.json"} <= kept
    assert not {"gemini", f"{twin.run_id}-{keys.MEMORY}"} & kept


def test_an_untrained_twin_cannot_be_shared(house: House, ana: Person) -> None:
    twin = house.twin("ana@example.org")
    house.platform.records.save(replace(twin, run_id=None))
    ana.post(f"/twins/{twin.id}/share", {"days": "7", "replies": "50"}, status=409)


def test_guests_do_not_see_what_a_reply_drew_on(house: House, ana: Person) -> None:
    twin = house.twin("ana@example.org")
    ana.post(f"/twins/{twin.id}/share", {"days": "7", "replies": "50"})
    (share,) = house.site.store.invitations.shares(twin.id)
    guest = house.person()
    guest.get(f"/s/{share.token}")
    guest.post(f"/s/{share.token}", {"text": "hello"})
    with guest.browser.session_transaction() as kept:
        owner = f"guest:{share.token}:{kept['guest'][share.token]}"
    (talk,) = house.site.store.conversations.listed(twin.id, owner)
    store = house.site.store.conversations
    store.say(talk, Said.TWIN, ["yes"], parent=talk.leaf, remembered=["what was said"], now=house.clock())
    assert "what was said" not in guest.get(f"/conversations/{talk.id}")


def test_the_language_stays_when_somebody_logs_in(house: House) -> None:
    person = house.person()
    person.post("/language", {"language": "es"})
    person.sign_up("eva@example.org")
    assert 'lang="es"' in person.get("/twins")


def test_where_anybody_may_send_less_is_taken_at_once(house: House) -> None:
    assert form_largest(house.site) == FORM_LARGEST
    settings = replace(house.platform.settings, url="https://twin.example.org")
    with Platform(settings) as platform:
        here = open_site(platform)
        assert form_largest(here) == PUBLIC_FORM_LARGEST
        here.store.database.close()


def test_several_can_follow_a_run(house: House, ana: Person) -> None:
    del ana
    twin = house.twin("ana@example.org")
    (run,) = house.platform.records.runs(twin.id)
    objects, scratch = house.platform.objects, house.platform.scratch / twin.id
    journal = Journal(objects, run, Stage.INGEST, scratch=scratch)
    for done in range(40):
        journal(Progress(Stage.INGEST, done, 40))
    journal.store()
    found: list[int] = []

    def look() -> None:
        found.extend(len(events(objects, run, scratch=scratch)) for _ in range(40))

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 120
    assert len(set(found)) == 1
