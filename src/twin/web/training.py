"""Training, live: every look at it is drawn here, and sent again whenever something changes."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from flask_babel import force_locale, get_locale
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from twin.backends.local.worker import Queue
from twin.domain.events import Progress
from twin.domain.runs import Run, RunState, Stage
from twin.domain.twins import Twin
from twin.errors import NotFoundError
from twin.pipeline import runs
from twin.pipeline.journal import Event, events
from twin.web import access, corrections, estimates, limits, surveys
from twin.web.curve import Curve, curve
from twin.web.faults import log_fault
from twin.web.site import Site, site

pages = Blueprint("training", __name__)

LOOK_S = 1.0
STILL_THERE_S = 15.0
"""A stream says something at least so often, or nobody would notice that its reader has gone."""


@dataclass(frozen=True, slots=True)
class Look:
    """A run as it stands.

    Attributes:
        now: the newest progress of each stage that has begun.
        figures: the newest of each figure of the training.
        notes: what was told in sentences, newest first; sample replies among them.
        ahead: runs that are done before this one; None where it does not wait.
    """

    run: Run
    now: dict[Stage, Progress]
    figures: dict[str, float]
    notes: list[Progress]
    curve: Curve | None
    ahead: int | None

    @property
    def share(self) -> float | None:
        """How much of the stage under way is done, 0 to 1."""
        progress = self.now.get(self.run.stage) if self.run.stage else None
        return min(1.0, progress.done / progress.total) if progress and progress.total else None

    @property
    def talks(self) -> bool:
        """Whether it can be talked with before it is trained."""
        return self.done(Stage.PREPARE)

    def done(self, stage: Stage) -> bool:
        order = list(Stage)
        under_way = order.index(self.run.stage) if self.run.stage else -1
        return self.run.state is RunState.DONE or order.index(stage) < under_way


@pages.get("/twins/<twin_id>/training")
def live(twin_id: str) -> AnyResponse | str:
    twin = access.own_twin(twin_id)
    found = site().platform.records.runs(twin_id)
    if not found:
        return redirect(url_for("drafts.chats", twin_id=twin_id))
    with TemporaryDirectory() as folder:
        look = _look(site(), found[-1], Path(folder))
    waits = (look.run.id, access.account().id) in {wait[:2] for wait in site().store.waits()}
    return render_template("training/live.html", twin=twin, look=look, stages=list(Stage), waits=waits)


@pages.get("/twins/<twin_id>/runs/<run_id>/events")
def stream(twin_id: str, run_id: str) -> Response:
    """Server-sent events: `look` with the drawn part of the page, and `over` with the state that it ended in."""
    twin = access.own_twin(twin_id)
    run = access.own_run(twin, run_id)
    return Response(stream_with_context(_events(site(), twin, run)), mimetype="text/event-stream")


@pages.post("/twins/<twin_id>/training")
@limits.rarely
def start(twin_id: str) -> AnyResponse:
    """Train again: go on with what was broken off, or begin anew with every chat and correction that is here now."""
    here, twin = site(), access.own_twin(twin_id)
    before = here.platform.records.runs(twin_id)
    if before and not before[-1].state.final:
        return redirect(url_for(".live", twin_id=twin_id))
    anew = request.form.get("anew") == "yes" or (bool(before) and before[-1].state is RunState.DONE)
    handed_over = corrections.hand_over(here, twin)
    _run, resumed = runs.start(
        twin,
        estimates.asked(request.form.get("budget", "")),
        begin=Stage.INGEST if anew else None,
        records=here.platform.records,
        runner=here.platform.runner,
        now=here.now(),
    )
    if not resumed:  # one that goes on may have its examples already
        here.store.corrections.use(twin_id, of=handed_over)
    surveys.forget_words(here, twin_id)  # of chats that were added since
    return redirect(url_for(".live", twin_id=twin_id))


@pages.post("/twins/<twin_id>/runs/<run_id>/cancel")
def cancel(twin_id: str, run_id: str) -> AnyResponse:
    here, twin = site(), access.own_twin(twin_id)
    here.platform.runner.cancel(access.own_run(twin, run_id))
    return redirect(url_for(".live", twin_id=twin_id))


@pages.post("/twins/<twin_id>/runs/<run_id>/mail")
def mail(twin_id: str, run_id: str) -> AnyResponse:
    """Tell the owner by mail when it is over, or do not."""
    here, twin = site(), access.own_twin(twin_id)
    run = access.own_run(twin, run_id)
    if run.state.final:
        abort(409)
    if not here.store.stop_waiting(run.id, access.account().id):
        here.store.wait_for(run.id, twin.id, access.account().id, language=str(get_locale() or "en"))
    return redirect(url_for(".live", twin_id=twin_id))


def tell_who_waits(here: Site) -> None:
    """Mail those whose run is over. To be called now and then by whoever serves the app."""
    for run_id, account_id, language in here.store.waits():
        account = here.store.accounts.get(account_id)
        try:
            run = here.platform.records.run(run_id)
            twin = here.platform.records.twin(run.twin_id)
        except NotFoundError:
            here.store.stop_waiting(run_id, account_id)
            continue
        if not run.state.final or not here.store.stop_waiting(run_id, account_id) or not account:
            continue
        with force_locale(language):
            subject = _("Your twin is ready") if run.state is RunState.DONE else _("Your twin could not be finished")
        address = (here.platform.settings.url or "http://127.0.0.1:8000").rstrip("/")
        here.later(here.mail.send, account.email, subject, f"{subject}:\n\n{address}/twins/{twin.id}")


def _events(here: Site, twin: Twin, run: Run) -> Iterator[str]:
    sent, spoke = None, time.monotonic()
    with TemporaryDirectory() as folder, suppress(NotFoundError):
        while True:
            run = here.platform.records.run(run.id)
            try:
                look = _look(here, run, Path(folder))
            except Exception as error:  # noqa: BLE001  the answer has begun: it cannot become an error page any more
                log_fault(error)
                return
            html = render_template("training/look.html", twin=twin, look=look, stages=list(Stage))
            if html != sent:
                yield _event("look", html)
                sent, spoke = html, time.monotonic()
            elif time.monotonic() - spoke > STILL_THERE_S:
                yield ": still here\n\n"
                spoke = time.monotonic()
            if run.state.final:
                break
            time.sleep(LOOK_S if not current_app.testing else 0.05)
    yield _event("over", run.state)


def _event(name: str, data: str) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def _look(here: Site, run: Run, folder: Path) -> Look:
    told: list[Event] = events(here.platform.objects, run, scratch=folder)
    now: dict[Stage, Progress] = {}
    figures: dict[str, float] = {}
    notes: list[Progress] = []
    for _at, progress in told:
        now[progress.stage] = progress
        if progress.stage is Stage.TRAIN:
            figures.update(progress.figures or {})
        if progress.note:
            notes.append(progress)
    return Look(run, now, figures, notes[::-1][:12], curve(told), _ahead(here, run))


def _ahead(here: Site, run: Run) -> int | None:
    runner = here.platform.runner
    if run.state is not RunState.QUEUED or not isinstance(runner, Queue):
        return None
    waiting = runner.waiting()
    return waiting.index(run.id) if run.id in waiting else 0
