"""Sign up, log in, log out, forgotten password, and what an account may change about itself."""

import re
from threading import BoundedSemaphore
from urllib.parse import urlsplit

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from email_validator import EmailNotValidError, validate_email
from flask import Blueprint, abort, flash, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_login import logout_user
from werkzeug.wrappers import Response

from twin.domain.twins import User
from twin.web import access, limits
from twin.web.access import public
from twin.web.site import LANGUAGES, site
from twin.web.store.accounts import Account

pages = Blueprint("accounts", __name__)

SHORTEST, LONGEST = 10, 200
LINK_S = 3600
_hasher = PasswordHasher()
_few = BoundedSemaphore(4)
"""A hash takes 64 MB while it is made: were all threads at it, they would take the memory of whoever trains."""
_NOBODY = _hasher.hash("nobody's password")
"""Checked where there is no account, so that an answer takes as long as where there is one."""


@pages.get("/signup")
@public
def sign_up() -> Response | str:
    if access.is_logged_in():
        return redirect(url_for("home.twins"))
    return render_template("accounts/sign_up.html", confirms=site().mail.sends)


@pages.post("/signup")
@limits.by_address
@public
def signed_up() -> Response | str | tuple[str, int]:
    """Where mail is set up, an address is confirmed first, and nobody learns whether it has an account."""
    here, email = site(), _email()
    problem = None if email else _("That is not an e-mail address.")
    if here.mail.sends:
        if email:
            _mail_link(email, joining=True)
            return render_template("accounts/sent.html", email=email)
    elif email and not (problem := _unfit(request.form.get("password", ""))):
        if _begin(email, _hash(request.form["password"])):
            return redirect(url_for("home.twins"))
        problem = _("No account could be made with this address. If it is yours, log in instead.")
    return render_template("accounts/sign_up.html", confirms=here.mail.sends, problem=problem), 400


@pages.get("/login")
@public
def log_in() -> Response | str:
    if access.is_logged_in():
        return redirect(url_for("home.twins"))
    return render_template("accounts/log_in.html", next=_inside(request.args.get("next", "")))


@pages.post("/login")
@limits.by_address
@limits.by_account_tried
@public
def logged_in() -> Response | tuple[str, int]:
    found = site().store.accounts.by_email(request.form.get("email", ""))
    if not _right(found, request.form.get("password", "")) or not found:
        problem = _("This address and password do not belong together.")
        return render_template("accounts/log_in.html", problem=problem, next=_inside(request.form.get("next", ""))), 400
    access.log_in(found)
    return redirect(_inside(request.form.get("next", "")) or url_for("home.twins"))


@pages.post("/logout")
def log_out() -> Response:
    logout_user()
    session.clear()
    return redirect(url_for("home.front"))


@pages.get("/forgotten")
@public
def forgotten() -> str:
    return render_template("accounts/forgotten.html", printed=not site().mail.sends)


@pages.post("/forgotten")
@limits.by_address
@public
def forgot() -> str | tuple[str, int]:
    email = _email()
    if not email:
        problem = _("That is not an e-mail address.")
        return render_template("accounts/forgotten.html", printed=not site().mail.sends, problem=problem), 400
    _mail_link(email, joining=False)
    return render_template("accounts/sent.html", email=email, printed=not site().mail.sends)


@pages.get("/password/<token>")
@public
def choose(token: str) -> str:
    """The link of a mail: for a new account, or for a new password."""
    email, found = _linked(token)
    return render_template("accounts/choose.html", email=email, new=found is None)


@pages.post("/password/<token>")
@limits.by_address
@public
def chosen(token: str) -> Response | tuple[str, int]:
    email, found = _linked(token)
    password = request.form.get("password", "")
    if problem := _unfit(password):
        return render_template("accounts/choose.html", email=email, new=found is None, problem=problem), 400
    if found is None:
        if not _begin(email, _hash(password)):
            abort(404)
        return redirect(url_for("home.twins"))
    site().store.accounts.set_password(found.id, _hash(password))
    if found.email in _proven():  # listed only after they signed up
        site().store.accounts.make_admin(found.id)
    access.log_in(site().store.accounts.get(found.id) or found)
    flash(_("Your password is changed. You are logged out everywhere else."))
    return redirect(url_for("home.twins"))


@pages.get("/account")
def settings() -> str:
    return render_template("accounts/settings.html")


@pages.post("/account/password")
@limits.by_address
def change_password() -> Response | tuple[str, int]:
    account, new = access.account(), request.form.get("new", "")
    problem = _("That is not your present password.") if not _right(account, request.form.get("password", "")) else None
    if problem := problem or _unfit(new):
        return render_template("accounts/settings.html", problem=problem), 400
    site().store.accounts.set_password(account.id, _hash(new))
    access.log_in(site().store.accounts.get(account.id) or account)
    flash(_("Your password is changed. You are logged out everywhere else."))
    return redirect(url_for(".settings"))


@pages.post("/account/sessions")
def end_sessions() -> Response:
    site().store.accounts.end_sessions(access.account().id)
    session.clear()
    flash(_("You are logged out everywhere."))
    return redirect(url_for(".log_in"))


@pages.post("/language")
@public
def language() -> Response:
    if request.form.get("language") in LANGUAGES:
        session["language"] = request.form["language"]
    return redirect(_inside(urlsplit(request.referrer or "").path) or url_for("home.front"))


def right_password(password: str) -> bool:
    """Whether that is the password of who is logged in."""
    return _right(access.account(), password)


def _proven() -> frozenset[str]:
    """The listed addresses that a mailed link proves. Without mail nobody has shown that an address is theirs."""
    return site().admins if site().mail.sends else frozenset[str]()


def _begin(email: str, password: str) -> Account | None:
    """Make an account and log it in; None where the address has one."""
    here = site()
    account = here.store.accounts.add(
        email, password, owner_of_machine=not here.public and not here.admins, admins=_proven(), now=here.now()
    )
    if account:
        here.platform.records.save(User(account.id, account.email, account.created_at))
        access.log_in(account)
    return account


def _right(account: Account | None, password: str) -> bool:
    try:
        with _few:
            _hasher.verify(account.password if account else _NOBODY, password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    if account and _hasher.check_needs_rehash(account.password):
        site().store.accounts.rehash(account.id, _hash(password))
    return account is not None


def _hash(password: str) -> str:
    with _few:
        return _hasher.hash(password)


def _email() -> str | None:
    try:
        return validate_email(request.form.get("email", ""), check_deliverability=False).normalized
    except EmailNotValidError:
        return None


def _unfit(password: str) -> str | None:
    if not SHORTEST <= len(password) <= LONGEST:
        return _("A password has %(least)d letters or more, and at most %(most)d.", least=SHORTEST, most=LONGEST)
    return None


def _mail_link(email: str, *, joining: bool) -> None:
    """Send what fits: a link to begin, or one to a new password; nothing where nobody has asked for an account."""
    here = site()
    found = here.store.accounts.by_email(email)
    if not found and not joining:
        return
    # The account's session word makes the link good for one use: choosing a password changes it.
    link = here.link(url_for(".choose", token=here.sign("password", email, found.session if found else "")))
    if found:
        subject, text = _("Your password for twin"), _("Choose a new password here, within the hour:")
    else:
        subject, text = _("Your account at twin"), _("Welcome. Go on here, within the hour:")
    tail = _("If you did not ask for this, do nothing.")
    # Later, so that the answer takes no longer where there is an account.
    here.later(here.mail.send, email, subject, f"{text}\n\n{link}\n\n{tail}")


def _linked(token: str) -> tuple[str, Account | None]:
    """The address in a link, and its account; 404 where the link is forged, old, or was used."""
    said = site().signed("password", token, max_age_s=LINK_S)
    if said is None or len(said) != 2:
        abort(404)
    found = site().store.accounts.by_email(said[0])
    if (found.session if found else "") != said[1]:
        abort(404)
    return said[0], found


def _inside(path: str) -> str:
    """A path of this app; "" for everything that would lead out of it."""
    # Browsers read a backslash as a slash and leave control characters out.
    return path if re.fullmatch(r"/(?!/)[^\\\x00-\x20\x7f]*", path) else ""
