"""Making a twin, in three steps: the chats, who one is in them, and what is made of them."""

from collections import Counter
from dataclasses import replace
from uuid import uuid4

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from twin.base.names import checked
from twin.domain.twins import Twin
from twin.errors import DataError
from twin.ingest import DateOrder, candidates, infer_owner
from twin.pipeline import creation, redaction, runs
from twin.pipeline.creation import is_draft
from twin.prepare import FEWEST
from twin.web import access, estimates, limits, surveys
from twin.web.site import site
from twin.web.store.uploads import Upload, UploadState

pages = Blueprint("drafts", __name__)

MOST_DRAFTS = 5


@pages.post("/twins")
@limits.rarely
def begin() -> Response:
    here, owner = site(), access.account().id
    drafts = [twin for twin in here.platform.records.twins(owner) if is_draft(twin)]
    if len(drafts) >= MOST_DRAFTS:
        flash(_("You have begun several twins already. Go on with one of them, or delete it."))
        return redirect(url_for("home.twins"))
    twin = Twin(uuid4().hex, owner, _("New twin"), (), here.platform.settings.base, here.now())
    here.platform.records.save(twin)
    return redirect(url_for(".chats", twin_id=twin.id))


@pages.get("/twins/<twin_id>/chats")
def chats(twin_id: str) -> str:
    """Step 1; also where chats are added to a twin that exists."""
    twin = access.own_twin(twin_id, draft=None)
    uploads = site().store.uploads.of_twin(twin_id)
    return render_template("drafts/chats.html", twin=twin, uploads=uploads, draft=is_draft(twin))


@pages.get("/twins/<twin_id>/me")
def me(twin_id: str) -> Response | str:
    """Step 2."""
    twin = access.own_twin(twin_id, draft=True)
    uploads = _ready(twin)
    if not uploads:
        flash(_("Give at least one chat first, and wait until it was read."))
        return redirect(url_for(".chats", twin_id=twin_id))
    reports = surveys.reports(uploads)
    likely = infer_owner(reports)
    chosen = tuple(twin.options.get("speakers", "").split("\n")) if "speakers" in twin.options else ()
    return render_template(
        "drafts/me.html",
        twin=twin,
        counts=candidates(reports)[:100],
        lines=surveys.lines(uploads),
        likely=likely,
        chosen=chosen or (likely.names if likely else ()),
        dates=surveys.unsure_dates(uploads),
        orders=_orders(),
    )


@pages.post("/twins/<twin_id>/me")
def that_is_me(twin_id: str) -> Response:
    twin = access.own_twin(twin_id, draft=True)
    counts = _counts(_ready(twin))
    speakers = [name for name in request.form.getlist("speaker") if name in counts]
    written = sum(counts[name] for name in speakers)
    if written < FEWEST:
        flash(
            _("Say which of these is you.")
            if not speakers
            else _(
                "That is %(written)d messages; a twin needs at least %(least)d. Add more chats, or choose another name.",
                written=written,
                least=FEWEST,
            )
        )
        return redirect(url_for(".me", twin_id=twin_id))
    speakers.sort(key=lambda name: -counts[name])
    # In the draft's options, not its speakers: a twin with speakers is complete.
    options = {**twin.options, "speakers": "\n".join(speakers)}
    if order := request.form.get("date_order"):
        options["date_order"] = DateOrder(order).value if order in set(DateOrder) else options.get("date_order", "")
    site().platform.records.save(replace(twin, options=options))
    return redirect(url_for(".check", twin_id=twin_id))


@pages.get("/twins/<twin_id>/create")
def check(twin_id: str) -> Response | str:
    """Step 3: what will be done, before anything is."""
    twin = access.own_twin(twin_id, draft=True)
    uploads, speakers = _ready(twin), _speakers(twin)
    if not uploads or not speakers:
        return redirect(url_for(".chats", twin_id=twin_id))
    counts = _counts(uploads)
    written = sum(counts[name] for name in speakers)
    if written < FEWEST:  # chats that were chosen from have been removed since
        return redirect(url_for(".me", twin_id=twin_id))
    names, texts = surveys.replaced(uploads, speakers, seed=redaction.seed(twin.id))
    return render_template(
        "drafts/check.html",
        twin=twin,
        speakers=speakers,
        written=written,
        others=len(counts) - len(speakers),
        names=names,
        texts=texts,
        usual=estimates.USUAL_S,
        bases=site().platform.settings.base_choices,
        budgets=estimates.budgets(written, estimates.speed(site().platform.records, access.account().id)),
    )


@pages.post("/twins/<twin_id>/create")
@limits.rarely
def create(twin_id: str) -> Response:
    here = site()
    twin = access.own_twin(twin_id, draft=True)
    speakers, form = _speakers(twin), request.form
    name = form.get("name", "").strip()
    counts = _counts(_ready(twin))
    if sum(counts[name] for name in speakers) < FEWEST or form.get("consent") != "yes":
        flash(_("Say first that these are your words, or that you have this person's permission."))
        return redirect(url_for(".check", twin_id=twin_id))
    try:
        creation.check_name(here.platform.records, twin.owner, name)
    except DataError as error:
        flash(str(error))
        return redirect(url_for(".check", twin_id=twin_id))
    kept = {key: value for key, value in twin.options.items() if key != "speakers" and value}
    if form.get("redact") == "no":
        kept["redact"] = "no"
    base = form.get("base", "")
    base = checked(base if base in here.platform.settings.base_choices else twin.base)
    twin = replace(twin, name=name, speakers=speakers, base=base, options=kept)
    here.platform.records.save(twin)
    for upload in here.store.uploads.of_twin(twin_id):
        if upload.state is not UploadState.READY:
            surveys.drop(here, upload)
    surveys.forget_words(here, twin_id)
    asked = estimates.asked(form.get("budget", ""))
    runs.start(twin, asked, begin=None, records=here.platform.records, runner=here.platform.runner, now=here.now())
    return redirect(url_for("training.live", twin_id=twin_id))


def _ready(twin: Twin) -> list[Upload]:
    return [one for one in site().store.uploads.of_twin(twin.id) if one.state is UploadState.READY]


def _speakers(twin: Twin) -> tuple[str, ...]:
    return tuple(filter(None, twin.options.get("speakers", "").split("\n")))


def _counts(uploads: list[Upload]) -> Counter[str]:
    """How much each sender wrote, those who wrote most first; 0 for anybody else."""
    return Counter(dict(candidates(surveys.reports(uploads))))


def _orders() -> dict[str, str]:
    return {
        DateOrder.DMY.value: _("day, month, year: 31.12.2025"),
        DateOrder.MDY.value: _("month, day, year: 12/31/2025"),
        DateOrder.YMD.value: _("year, month, day: 2025-12-31"),
    }
