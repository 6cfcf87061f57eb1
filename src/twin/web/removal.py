"""Deleting chats, a twin or an account: what will go is said first, and then it is gone."""

import shutil
from dataclasses import dataclass

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_login import logout_user
from werkzeug.wrappers import Response

from twin.backends.local import temporary
from twin.domain.runs import RunState
from twin.domain.twins import Twin
from twin.errors import BusyError
from twin.pipeline import deletion, keys
from twin.web import access, limits
from twin.web.accounts import right_password
from twin.web.site import Site, site
from twin.web.surveys import drop, folder

pages = Blueprint("removal", __name__)

_WORDLESS = (keys.ADAPTER, keys.ADAPTER_GGUF, "outcomes/")


@dataclass(frozen=True, slots=True)
class Goes:
    """How much of a twin there is to delete."""

    twin: Twin
    uploads: int
    trainings: int
    files: int
    conversations: int
    corrections: int
    links: int
    keys: int


@pages.get("/twins/<twin_id>/delete")
def ask_twin(twin_id: str) -> str:
    twin = access.own_twin(twin_id, draft=None)
    return render_template("removal/twin.html", twin=twin, goes=_goes(site(), twin))


@pages.post("/twins/<twin_id>/delete")
def twin(twin_id: str) -> Response:
    found = access.own_twin(twin_id, draft=None)
    delete_twin(site(), found)
    flash(_("%(name)s is gone, and everything of it.", name=found.name))
    return redirect(url_for("home.twins"))


@pages.get("/twins/<twin_id>/uploads/<upload_id>/delete")
def ask_chats(twin_id: str, upload_id: str) -> str:
    twin = access.own_twin(twin_id)
    return render_template("removal/chats.html", twin=twin, upload=access.own_upload(twin, upload_id))


@pages.post("/twins/<twin_id>/uploads/<upload_id>/delete")
def chats(twin_id: str, upload_id: str) -> Response:
    """Delete chats that trainings may have read, and with them all words that trainings have kept of any chat."""
    here, twin = site(), access.own_twin(twin_id)
    upload = access.own_upload(twin, upload_id)
    if any(not run.state.final for run in here.platform.records.runs(twin_id)):
        raise BusyError(_("A training is under way. Stop it first, or wait until it is done."), retry_after=60)
    drop(here, upload)
    _drop_words(here, twin)
    flash(_("%(name)s is gone, and everything of it.", name=upload.name))
    return redirect(url_for("drafts.chats", twin_id=twin_id))


@pages.get("/account/delete")
def ask_account() -> str:
    return render_template("removal/account.html", goes=_all(site(), access.account().id))


@pages.post("/account/delete")
@limits.by_address
def account() -> Response | tuple[str, int]:
    here, who = site(), access.account()
    if not right_password(request.form.get("password", "")):
        problem = _("That is not your password.")
        return render_template("removal/account.html", goes=_all(here, who.id), problem=problem), 400
    for found in here.platform.records.twins(who.id):
        delete_twin(here, found)
    here.platform.objects.delete(keys.user(who.id))
    here.platform.records.forget(user_id=who.id)
    here.store.forget_account(who.id)
    logout_user()
    session.clear()
    flash(_("Your account is gone, and everything of it."))
    return redirect(url_for("home.front"))


def delete_twin(here: Site, found: Twin) -> int:
    """Delete a twin everywhere, at once; how many objects there were.

    Raises:
        BusyError: its training does not stop; nothing was deleted then.
    """
    platform = here.platform
    deletion.stop(found, records=platform.records, runner=platform.runner)
    run_ids = [run.id for run in platform.records.runs(found.id)]
    # Its own record goes last, so that a deletion that was broken off can be asked for again; its uploads go before
    # what was made of them, so that one which is just being read notices and leaves nothing.
    for upload in here.store.uploads.of_twin(found.id):
        shutil.rmtree(folder(here, upload.id), ignore_errors=True)
    here.keys.forget(found.id)
    here.store.forget_twin(found.id)
    deleted = deletion.delete(
        found, objects=platform.objects, records=platform.records, runner=platform.runner, folder=platform.scratch
    )
    # Again: what another tab sent meanwhile, as long as the twin was still there.
    here.keys.forget(found.id)
    here.store.forget_twin(found.id)
    platform.forget(found, run_ids)
    temporary.sweep(platform.folder)
    return deleted


def _drop_words(here: Site, twin: Twin) -> None:
    """Delete what trainings and blind tests quote of a twin's chats. Adapters stay, and the numbers of the stages."""
    platform = here.platform
    platform.objects.delete(keys.redaction(twin.id))
    for run in platform.records.runs(twin.id):
        # A run that was broken off keeps nothing: it begins anew.
        prefix, done = keys.run(run), run.state is RunState.DONE
        for key in list(platform.objects.keys(prefix)):
            if not (done and key.removeprefix(prefix).startswith(_WORDLESS)):
                platform.objects.delete(key)
    for left in (platform.scratch / twin.id).glob("*"):  # of runs, memories, what Gemini has answered
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        elif not left.name.endswith((keys.ADAPTER_GGUF, ".json")):  # figures of stages, and how a bot stands
            left.unlink(missing_ok=True)
    here.store.invitations.delete_tests([test.token for test in here.store.invitations.tests(twin.id)])
    here.store.conversations.forget_remembered(twin.id)
    here.store.database.scrub()


def _goes(here: Site, found: Twin) -> Goes:
    store = here.store
    return Goes(
        found,
        uploads=len(store.uploads.of_twin(found.id)),
        trainings=len(here.platform.records.runs(found.id)),
        files=sum(1 for _key in here.platform.objects.keys(keys.twin(found.id))),
        conversations=len(store.conversations.listed(found.id, found.owner, limit=1_000_000)),
        corrections=len(store.corrections.of_twin(found.id)),
        links=len(store.invitations.shares(found.id)) + len(store.invitations.tests(found.id)),
        keys=len(here.keys.listed(found.id)),
    )


def _all(here: Site, account_id: str) -> list[Goes]:
    return [_goes(here, found) for found in here.platform.records.twins(account_id)]
