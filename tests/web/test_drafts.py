"""Making a twin: the three steps."""

import re
from pathlib import Path

import pytest
from tests.web.conftest import House, Person
from tests.web.test_uploads import CHAT, announce, draft, piece

from twin.domain.runs import RunState
from twin.web import estimates, surveys


@pytest.fixture
def ana(house: House) -> Person:
    return house.ana()


@pytest.fixture
def twin(house: House, ana: Person) -> str:
    twin = draft(ana)
    upload = announce(ana, twin, {"WhatsApp Chat with Saturday crew.txt": len(CHAT)})["id"]
    piece(ana, twin, upload, 0, 0, CHAT)
    house.wait()
    return twin


def test_from_chats_to_a_run(house: House, ana: Person, twin: str) -> None:
    page = ana.get(f"/twins/{twin}/me")
    assert "1,079 messages" in page
    assert re.search(r'value="Nora Quill" checked', page)
    assert "“so i thought.. we should have one place for all this”" in page
    assert ana.post(f"/twins/{twin}/me", {"speaker": "Nora Quill"}).headers["Location"].endswith("/create")
    check = ana.get(f"/twins/{twin}/create")
    assert "Tash Bellweather" in check
    assert "01632 960142" in check  # what is replaced is shown beside what it becomes
    ana.post(f"/twins/{twin}/create", {"name": "Nora", "consent": "yes", "budget": "120"})
    made = house.platform.records.twin(twin)
    assert (made.name, made.speakers, made.options) == ("Nora", ("Nora Quill",), {})
    (run,) = house.platform.records.runs(twin)
    assert (run.state, run.options) == (RunState.QUEUED, {"budget_s": "120"})
    (upload,) = house.site.store.uploads.of_twin(twin)
    assert upload.survey
    assert upload.survey["lines"] == {}
    assert upload.survey["excerpt"] == []


def test_a_base_model_is_chosen_among_those_that_are_offered(house: House, ana: Person, twin: str) -> None:
    ana.post(f"/twins/{twin}/me", {"speaker": "Nora Quill"})
    assert 'name="base"' not in ana.get(f"/twins/{twin}/create")  # where there is one, nothing is asked
    usual = house.platform.settings.base
    small, large = (str(house.platform.folder / name) for name in ("gemma-3-1b.gguf", "large.gguf"))
    Path(small).touch()
    object.__setattr__(house.platform.settings, "bases", f"{small}, , {large}")
    assert re.findall(r'<option value="(.*?)"', ana.get(f"/twins/{twin}/create")) == [usual, small, large]
    form = {"name": "Nora", "consent": "yes"}
    answer = ana.post(f"/twins/{twin}/create", {**form, "base": large}, status=400)
    assert "there is no such file" in answer.text
    ana.post(f"/twins/{twin}/create", {**form, "base": small})
    assert house.platform.records.twin(twin).base == small


def test_a_base_model_that_is_not_offered_is_not_taken(house: House, ana: Person, twin: str) -> None:
    ana.post(f"/twins/{twin}/me", {"speaker": "Nora Quill"})
    ana.post(f"/twins/{twin}/create", {"name": "Nora", "consent": "yes", "base": "/etc/passwd"})
    assert house.platform.records.twin(twin).base == house.platform.settings.base


def test_nothing_is_trained_without_consent(house: House, ana: Person, twin: str) -> None:
    ana.post(f"/twins/{twin}/me", {"speaker": "Nora Quill"})
    ana.post(f"/twins/{twin}/create", {"name": "Nora", "budget": "120"})
    assert not house.platform.records.runs(twin)
    assert "permission" in ana.get(f"/twins/{twin}/create")


def test_a_name_is_taken_once(house: House, ana: Person, twin: str) -> None:
    house.twin("ana@example.org", name="Nora")
    ana.post(f"/twins/{twin}/me", {"speaker": "Nora Quill"})
    ana.post(f"/twins/{twin}/create", {"name": "Nora", "consent": "yes"})
    assert "already" in ana.get(f"/twins/{twin}/create")
    assert not house.platform.records.runs(twin)


def test_who_wrote_too_little_is_told(ana: Person, house: House) -> None:
    twin, data = draft(ana), b"01/03/2025, 10:00 - Ben: hello there\n01/03/2025, 10:01 - Ana: hi you\n" * 3
    upload = announce(ana, twin, {"WhatsApp Chat with Ben.txt": len(data)})["id"]
    piece(ana, twin, upload, 0, 0, data)
    house.wait()
    ana.get(f"/twins/{twin}/me")
    ana.post(f"/twins/{twin}/me", {"speaker": "Ana"})
    assert "at least 20" in ana.get(f"/twins/{twin}/me")


def test_the_order_of_dates_is_asked_only_where_it_is_unsure(house: House, ana: Person, twin: str) -> None:
    assert "How are the dates" not in ana.get(f"/twins/{twin}/me")
    other = draft(ana)
    data = b"".join(b"03/03/2025, 10:%02d - Ben: hello %d\n" % (n, n) for n in range(30))
    upload = announce(ana, other, {"WhatsApp Chat with Ben.txt": len(data)})["id"]
    piece(ana, other, upload, 0, 0, data)
    house.wait()
    assert "How are the dates" in ana.get(f"/twins/{other}/me")
    ana.post(f"/twins/{other}/me", {"speaker": "Ben", "date_order": "mdy"})
    assert house.platform.records.twin(other).options["date_order"] == "mdy"


def test_steps_come_in_order(ana: Person, house: House) -> None:
    twin = draft(ana)
    ana.get(f"/twins/{twin}/me", status=302)
    ana.get(f"/twins/{twin}/create", status=302)
    assert "Give at least one chat" in ana.get(f"/twins/{twin}/chats")
    ana.post(f"/twins/{twin}/create", {"name": "x", "consent": "yes"})
    assert not house.platform.records.runs(twin)


def test_drafts_do_not_pile_up(ana: Person, house: House) -> None:
    for _ in range(9):
        ana.post("/twins")
    assert len(house.platform.records.twins("local")) == 5


def test_an_estimate_follows_what_was_measured(house: House) -> None:
    house.ana()
    assert estimates.speed(house.platform.records, "local") == pytest.approx(170)
    house.twin("ana@example.org")
    assert estimates.speed(house.platform.records, "local") == pytest.approx(500)
    few, many = estimates.budgets(100, 500.0), estimates.budgets(100_000, 500.0)
    assert [one.seconds for one in few] == [120]
    assert few[0].share == 1
    assert few[0].total_s < 120  # what measures is in the budget
    assert [one.seconds for one in many] == list(estimates.BUDGETS_S)
    assert many[0].share < many[1].share < 1
    # A small budget is halved between training and measuring, and measuring then takes longer than its half.
    assert [round(one.total_s) for one in many[:3]] == [160, 240, 420]
    assert estimates.USUAL_S in estimates.BUDGETS_S


def test_who_is_in_no_chat_any_more_is_chosen_anew(house: House, ana: Person, twin: str) -> None:
    ana.post(f"/twins/{twin}/me", {"speaker": "Nora Quill"})
    (first,) = house.site.store.uploads.of_twin(twin)
    data = b"".join(b"03/03/2025, 10:%02d - Ben: hello %d\n" % (n, n) for n in range(30))
    upload = announce(ana, twin, {"WhatsApp Chat with Ben.txt": len(data)})["id"]
    piece(ana, twin, upload, 0, 0, data)
    house.wait()
    surveys.drop(house.site, first)
    ana.get(f"/twins/{twin}/create", status=302)
    ana.post(f"/twins/{twin}/create", {"name": "x", "consent": "yes"})
    assert not house.platform.records.runs(twin)
