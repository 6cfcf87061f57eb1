"""Likeness: how much a twin is like its person, version by version, and going back to an earlier one."""

import base64
import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from twin.domain.runs import Run, RunState, Stage
from twin.errors import DataError, NotFoundError
from twin.likeness import Report, page
from twin.likeness.sentences import verdicts
from twin.pipeline import keys
from twin.pipeline.execute import outcome
from twin.web import access, estimates
from twin.web.site import Site, site

pages = Blueprint("versions", __name__)


@dataclass(frozen=True, slots=True)
class Version:
    """One training that was finished.

    Attributes:
        number: from 1, in the order of the trainings.
        prepared: what became of the chats, see the prepare stage.
        report: what was measured; None where nothing was.
    """

    number: int
    run: Run
    prepared: dict[str, Any]
    report: Report | None

    @property
    def gain(self) -> float | None:
        """How much better than the untouched base it predicts the owner's words, as a share of the base's loss."""
        base, mine = self.run.figures.get("loss_base"), self.run.figures.get("loss_twin")
        return (base - mine) / base if base and mine is not None else None


@pages.get("/twins/<twin_id>/likeness")
def likeness(twin_id: str) -> str:
    here, twin = site(), access.own_twin(twin_id)
    versions = found(here, twin_id)
    chosen = request.args.get("version", twin.run_id)
    shown = next((one for one in versions if one.run.id == chosen), versions[-1] if versions else None)
    return render_template(
        "versions/likeness.html",
        twin=twin,
        versions=versions,
        shown=shown,
        verdicts=list(verdicts(shown.report)) if shown and shown.report else [],
        corrections_waiting=here.store.corrections.waiting(twin_id),
        budgets=estimates.BUDGETS_S,
        usual=estimates.USUAL_S,
    )


@pages.get("/twins/<twin_id>/versions/<run_id>/report")
def report(twin_id: str, run_id: str) -> Response:
    """The whole report as the page that `twin report --html` writes, whose one style sheet is let in by its hash."""
    twin = access.own_twin(twin_id)
    run = access.own_run(twin, run_id)
    with TemporaryDirectory() as folder:
        measured = _report(site(), run, Path(folder))
    if measured is None:
        abort(404)
    html = page.render(measured)
    style = html.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return Response(html, mimetype="text/html", headers={"Content-Security-Policy": policy})


@pages.post("/twins/<twin_id>/versions/<run_id>")
def choose(twin_id: str, run_id: str) -> Response:
    """From now on, this version answers."""
    twin = access.own_twin(twin_id)
    run = access.own_run(twin, run_id)
    if run.state is not RunState.DONE:
        abort(409)
    site().platform.records.save(replace(twin, run_id=run.id))
    flash(_("This version answers from now on."))
    return redirect(url_for(".likeness", twin_id=twin_id, version=run_id))


def found(here: Site, twin_id: str) -> list[Version]:
    """The versions of a twin, oldest first."""
    runs = [run for run in here.platform.records.runs(twin_id) if run.state is RunState.DONE]
    with TemporaryDirectory() as folder:
        scratch = Path(folder)
        return [
            Version(number, run, _prepared(here, run, scratch), _report(here, run, scratch))
            for number, run in enumerate(runs, 1)
        ]


def _prepared(here: Site, run: Run, scratch: Path) -> dict[str, Any]:
    told = outcome(here.platform.objects, run, Stage.PREPARE, scratch=scratch)
    return told.details if told else {}


def _report(here: Site, run: Run, scratch: Path) -> Report | None:
    file = scratch / keys.REPORT
    try:
        here.platform.objects.get(keys.run(run) + keys.REPORT, file)
        return Report.from_json(json.loads(file.read_text("utf-8")))
    except (NotFoundError, DataError):
        return None
