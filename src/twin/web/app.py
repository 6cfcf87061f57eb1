"""Puts the web app together: settings, extensions, pages, what happens when something goes wrong."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, has_request_context, jsonify, render_template, request, session
from flask_babel import Babel, get_locale
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException, SecurityError
from werkzeug.middleware.proxy_fix import ProxyFix

from twin.errors import BusyError, NotFoundError, TwinError, UnavailableError
from twin.platform import Platform
from twin.web import (
    access,
    accounts,
    admin,
    api,
    api_keys,
    blind,
    chat,
    drafts,
    exports,
    home,
    limits,
    removal,
    sharing,
    show,
    training,
    uploads,
    versions,
)
from twin.web.api import Api
from twin.web.faults import log_fault
from twin.web.mail import Mailer
from twin.web.site import LANGUAGES, Site, open_site

LOOPBACK = ["localhost", "127.0.0.1", "[::1]"]
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'{store}; "
    "font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def create_app(
    platform: Platform, *, mail: Mailer | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Flask:
    """The web app over a platform. Trains nothing itself: see `twin.web.server` for the worker.

    Args:
        mail: sends mail; by default what the settings say.
        now: the clock; aware.
    """
    settings = platform.settings
    app = Flask(__name__)
    here = open_site(platform, mail=mail, now=now)
    app.extensions["twin"] = here
    app.config.update(
        SECRET_KEY=here.secret,
        MAX_CONTENT_LENGTH=1 << 20,
        MAX_FORM_MEMORY_SIZE=1 << 20,
        PERMANENT_SESSION_LIFETIME=timedelta(days=30),
        SESSION_REFRESH_EACH_REQUEST=False,  # a stolen cookie must come to its end
        SESSION_COOKIE_NAME="__Host-twin" if here.secure else "twin",
        SESSION_COOKIE_SECURE=here.secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        TRUSTED_HOSTS=[urlsplit(settings.url).hostname or "", *LOOPBACK] if settings.url else LOOPBACK,
        WTF_CSRF_TIME_LIMIT=None,
        BABEL_TRANSLATION_DIRECTORIES="translations",
    )
    if here.secure:  # somebody in front of us does the TLS
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    Babel(app, locale_selector=_language)
    uploads.init(app)
    access.init(app)
    limits.init(app)
    forms = CSRFProtect(app)
    for module in (
        home,
        accounts,
        drafts,
        uploads,
        training,
        chat,
        versions,
        blind,
        sharing,
        exports,
        api_keys,
        removal,
        admin,
    ):
        app.register_blueprint(module.pages)
    programs = api.blueprint(Api(here.keys, platform.records.twin, platform.voice, here.tokens))
    forms.exempt(programs)
    app.register_blueprint(programs)
    show.init(app)
    _answer_errors(app)
    _send_headers(app, here)
    _version_static(app)
    return app


def _language() -> str | None:
    if not has_request_context():
        return None
    chosen = session.get("language")
    return chosen if chosen in LANGUAGES else request.accept_languages.best_match(LANGUAGES)


def _answer_errors(app: Flask) -> None:
    def page(sentence: str, status: int, *, headers: dict[str, str] | None = None) -> Any:
        if "text/html" in request.accept_mimetypes.values():
            return render_template("error.html", sentence=sentence, status=status), status, headers or {}
        return jsonify(error=sentence), status, headers or {}

    @app.errorhandler(TwinError)
    def mendable(error: TwinError) -> Any:  # pyright: ignore[reportUnusedFunction]
        if isinstance(error, NotFoundError):
            return page(_("This page is not there, or it is not yours."), 404)
        if isinstance(error, BusyError):
            return page(str(error), 503, headers={"Retry-After": str(int(error.retry_after))})
        return page(str(error), 503 if isinstance(error, UnavailableError) else 400)

    @app.errorhandler(CSRFError)
    def forged(_error: CSRFError) -> Any:  # pyright: ignore[reportUnusedFunction]
        return page(_("This form is too old. Go back, load the page again, and send it once more."), 400)

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Any:  # pyright: ignore[reportUnusedFunction]
        if isinstance(error, SecurityError):  # a name that is not ours: pages have no addresses under it
            return Response(f"{error.name}.\n", error.code, mimetype="text/plain")
        sentences = {
            400: _("That request makes no sense here."),
            401: _("Log in first."),
            404: _("This page is not there, or it is not yours."),
            409: _("That has changed meanwhile. Load the page again."),
            413: _("That is too large."),
            429: _("That was too often. Wait a little and try again."),
        }
        headers = {name: value for name, value in error.get_headers() if name == "Retry-After"}
        return page(sentences.get(error.code or 500, error.name), error.code or 500, headers=headers)

    @app.errorhandler(Exception)
    def fault(error: Exception) -> Any:  # pyright: ignore[reportUnusedFunction]
        log_fault(error)
        return page(_("A fault in twin itself. It was noted; please try again."), 500)


def _send_headers(app: Flask, here: Site) -> None:
    # Where uploads go straight to a bucket, the browser may connect there, and nowhere else.
    store = " https://storage.googleapis.com" if here.platform.settings.objects.startswith("gs://") else ""
    headers = {"Content-Security-Policy": POLICY.format(store=store), **HEADERS}

    @app.after_request
    def add(response: Response) -> Response:  # pyright: ignore[reportUnusedFunction]
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        if here.secure:
            response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        if request.endpoint == "static":
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        else:
            response.headers.setdefault("Cache-Control", "no-store")
            response.headers.setdefault("Content-Language", str(get_locale() or "en"))
        return response


def _version_static(app: Flask) -> None:
    """Static files are kept by browsers for ever, under an address that changes with their content."""
    folder = Path(str(app.static_folder))
    versions_ = {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()[:12]
        for file in folder.rglob("*")
        if file.is_file()
    }

    @app.url_defaults
    def add(endpoint: str, values: dict[str, Any]) -> None:  # pyright: ignore[reportUnusedFunction]
        if endpoint == "static":
            values["v"] = versions_.get(values["filename"])
