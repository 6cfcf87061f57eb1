"""Sharing: links through which others may talk with a twin, until they expire or are used up."""

from datetime import timedelta

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from twin.errors import DataError
from twin.web import access, chat, limits
from twin.web.access import public
from twin.web.site import site

pages = Blueprint("sharing", __name__)

DAYS = (1, 7, 30)
REPLIES = (50, 200, 1000)
MOST = 20


@pages.get("/twins/<twin_id>/share")
def listed(twin_id: str) -> str:
    here, twin = site(), access.own_twin(twin_id)
    shares = here.store.invitations.shares(twin_id)
    return render_template(
        "sharing/shares.html", twin=twin, shares=shares, now=here.now(), link=here.link(""), days=DAYS, replies=REPLIES
    )


@pages.post("/twins/<twin_id>/share")
@limits.rarely
def share(twin_id: str) -> Response:
    here, twin = site(), access.own_twin(twin_id)
    if twin.run_id is None:  # before it is trained it speaks from examples, which are its owner's messages
        abort(409)
    days, replies = request.form.get("days", type=int), request.form.get("replies", type=int)
    if days not in DAYS or replies not in REPLIES:
        abort(400)
    if len(here.store.invitations.shares(twin_id)) >= MOST:
        raise DataError(_("There are many links to this twin already. End one of them first."))
    now = here.now()
    here.store.invitations.share(twin.id, replies=replies, expires_at=now + timedelta(days=days), now=now)
    return redirect(url_for(".listed", twin_id=twin_id))


@pages.post("/twins/<twin_id>/share/<token>/end")
def end(twin_id: str, token: str) -> Response:
    """The link is dead at once, and what was said through it is gone."""
    here, twin = site(), access.own_twin(twin_id)
    found = here.store.invitations.get_share(token)
    if found is None or found.twin_id != twin.id:
        abort(404)
    here.store.invitations.end_share(token)
    here.store.conversations.delete(owner=f"guest:{token}:")
    here.store.database.scrub()
    return redirect(url_for(".listed", twin_id=twin_id))


@pages.get("/s/<token>")
@public
def guest(token: str) -> str:
    found = access.open_share(token)
    twin = site().platform.records.twin(found.twin_id)
    return chat.page(twin, None, owner=access.guest(found))


@pages.post("/s/<token>")
@limits.replies
@public
def begun(token: str) -> Response:
    found = access.open_share(token)
    twin = site().platform.records.twin(found.twin_id)
    if not chat.ready(twin):
        abort(409)
    return chat.first_message(twin, access.guest(found))
