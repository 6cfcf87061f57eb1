"""Training, live: what is drawn, the queue, the mail."""

import json
import re
from dataclasses import replace
from uuid import uuid4

import pytest
from tests.web.conftest import House, Person

from twin.domain.events import Progress
from twin.domain.runs import Run, RunState, Stage
from twin.domain.twins import Twin
from twin.pipeline.journal import Journal
from twin.web.curve import HEIGHT, WIDTH, curve
from twin.web.training import tell_who_waits


@pytest.fixture
def ana(house: House) -> Person:
    return house.ana()


def run_of(house: House, email: str, state: RunState = RunState.RUNNING, *, submit: bool = False) -> tuple[Twin, Run]:
    account = house.site.store.accounts.by_email(email)
    assert account
    now = house.clock()
    twin = Twin(uuid4().hex, account.id, "Nora", ("Nora Quill",), str(house.tiny.gguf), now)
    house.platform.records.save(twin)
    run = Run(uuid4().hex, twin.id, state, now, now, stage=None if submit else Stage.TRAIN)
    house.platform.records.save(run)
    if submit:
        house.platform.runner.submit(run)
    return twin, run


def tell(house: House, run: Run, *told: Progress) -> None:
    scratch = house.platform.scratch / run.twin_id
    scratch.mkdir(parents=True, exist_ok=True)
    journal = Journal(house.platform.objects, run, Stage.TRAIN, scratch=scratch)
    for progress in told:
        journal(progress)
        journal.store()


STEPS = [
    Progress(Stage.TRAIN, 0, 10, {"held_out_loss": 4.0}),
    Progress(Stage.TRAIN, 2, 10, {"loss": 3.8, "tokens_per_s": 412.0, "left_s": 130.0}),
    Progress(Stage.TRAIN, 5, 10, {"loss": 3.0, "tokens_per_s": 420.0, "left_s": 75.0}),
    Progress(Stage.TRAIN, 5, 10, {"held_out_loss": 3.5}),
    Progress(Stage.TRAIN, 5, 10, note="Ben: beans?\nNora: <yes>"),
]


def test_a_look_shows_stages_figures_curve_and_samples(house: House, ana: Person) -> None:
    twin, run = run_of(house, "ana@example.org")
    tell(house, run, *STEPS)
    page = ana.get(f"/twins/{twin.id}/training")
    assert page.count('class="done"') == 2
    assert 'aria-current="step"' in page
    assert "50 %" in page
    assert "420" in page
    assert "75 seconds" in page or "1 minute" in page
    assert "&lt;yes&gt;" in page
    assert page.count("<circle") == 2


def test_the_curve_stays_in_its_box(house: House, ana: Person) -> None:
    from twin.pipeline.journal import Event

    drawn = curve([Event(house.clock(), progress) for progress in STEPS])
    assert drawn
    points = [tuple(map(float, point.split(","))) for point in f"{drawn.loss} {drawn.held_out}".split()]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)
    heights = [y for _, y in drawn.marks]
    assert heights == sorted(heights)  # a falling loss falls
    assert curve([]) is None


def test_the_stream_ends_with_the_run(house: House, ana: Person) -> None:
    twin, run = run_of(house, "ana@example.org", RunState.FAILED)
    house.platform.records.save(replace(run, error="There is too little text."))
    answer = ana.browser.get(f"/twins/{twin.id}/runs/{run.id}/events")
    kinds = re.findall(r"event: (\w+)\ndata: (.*)\n\n", answer.text)
    assert [kind for kind, _ in kinds] == ["look", "over"]
    assert "There is too little text." in json.loads(kinds[0][1])


def test_the_stream_tells_what_changes(house: House, ana: Person) -> None:
    twin, run = run_of(house, "ana@example.org")
    answer = ana.browser.get(f"/twins/{twin.id}/runs/{run.id}/events", buffered=False)
    stream = iter(answer.response)
    first = str(next(stream))
    assert "is growing" in first
    tell(house, run, *STEPS[:2])
    assert "412" in str(next(stream))
    house.platform.records.save(replace(run, state=RunState.DONE))
    assert "is ready" in str(next(stream))
    assert "event: over" in str(next(stream))
    answer.close()


def test_two_accounts_wait_in_one_queue(house: House, ana: Person) -> None:
    eve = house.person().sign_up("eve@example.org")
    first, run = run_of(house, "ana@example.org", RunState.QUEUED, submit=True)
    second, _ = run_of(house, "eve@example.org", RunState.QUEUED, submit=True)
    assert "is done first" not in ana.get(f"/twins/{first.id}/training")
    page = eve.get(f"/twins/{second.id}/training")
    assert "waits for its turn" in page
    assert "Another training is done first" in page
    ana.post(f"/twins/{first.id}/runs/{run.id}/cancel")
    assert house.platform.records.run(run.id).state is RunState.CANCELLED
    assert "is done first" not in eve.get(f"/twins/{second.id}/training")


def test_a_stopped_run_is_gone_on_with(house: House, ana: Person) -> None:
    twin, run = run_of(house, "ana@example.org", RunState.CANCELLED)
    ana.post(f"/twins/{twin.id}/training")
    assert [one.id for one in house.platform.records.runs(twin.id)] == [run.id]
    assert house.platform.records.run(run.id).state is RunState.QUEUED
    ana.post(f"/twins/{twin.id}/training")  # once is enough
    assert len(house.platform.records.runs(twin.id)) == 1


def test_who_left_gets_a_mail_once(house: House, ana: Person) -> None:
    twin, run = run_of(house, "ana@example.org")
    ana.post(f"/twins/{twin.id}/runs/{run.id}/mail")
    assert "You will get a mail" in ana.get(f"/twins/{twin.id}/training")
    with house.app.app_context():
        tell_who_waits(house.site)
        house.platform.records.save(replace(run, state=RunState.DONE))
        tell_who_waits(house.site)
        tell_who_waits(house.site)
    house.wait()
    (mail,) = house.mails
    assert "Your twin is ready" in mail
    assert f"/twins/{twin.id}" in mail
    assert "Nora" not in mail


def test_the_mail_can_be_taken_back(house: House, ana: Person) -> None:
    twin, run = run_of(house, "ana@example.org")
    for _ in range(2):
        ana.post(f"/twins/{twin.id}/runs/{run.id}/mail")
    assert not house.site.store.waits()
