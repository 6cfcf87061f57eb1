"""The pages where a twin's API keys are made and revoked."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from twin.errors import DataError
from twin.web import access, limits
from twin.web.keys import Key
from twin.web.site import site

pages = Blueprint("api_keys", __name__)

MOST = 20


@pages.get("/twins/<twin_id>/keys")
def listed(twin_id: str) -> str:
    return _page(twin_id)


@pages.post("/twins/<twin_id>/keys")
@limits.rarely
def make(twin_id: str) -> str:
    """The answer shows the key, this once: only its hash is kept."""
    here, twin = site(), access.own_twin(twin_id)
    if len(_open(twin.id)) >= MOST:
        raise DataError(_("There are many keys to this twin already. Delete the twin's old ones first."))
    label = request.form.get("label", "").strip()[:60] or _("key")
    _key, secret = here.keys.make(twin.id, label=label, now=here.now())
    return _page(twin_id, secret=secret)


@pages.post("/twins/<twin_id>/keys/<key_id>/revoke")
def revoke(twin_id: str, key_id: str) -> Response:
    here, twin = site(), access.own_twin(twin_id)
    here.keys.revoke(key_id, twin_id=twin.id, now=here.now())
    flash(_("This key opens nothing any more."))
    return redirect(url_for(".listed", twin_id=twin_id))


def _page(twin_id: str, *, secret: str = "") -> str:
    here, twin = site(), access.own_twin(twin_id)
    return render_template(
        "api_keys/keys.html", twin=twin, keys=_open(twin_id), secret=secret, address=here.link("/v1")
    )


def _open(twin_id: str) -> list[Key]:
    """A twin's keys that open something."""
    return [key for key in site().keys.listed(twin_id) if key.revoked_at is None]
