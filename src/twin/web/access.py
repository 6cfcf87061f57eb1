"""Who may see what: every page is for its owner, and somebody else's thing is not there."""

from collections.abc import Callable
from typing import Any, TypeVar, cast
from uuid import uuid4

from flask import Flask, abort, current_app, g, redirect, request, session, url_for
from flask_login import LoginManager, current_user, login_user
from werkzeug.wrappers import Response

from twin.domain.runs import Run
from twin.domain.twins import LOCAL_USER, Twin
from twin.errors import NotFoundError, UnavailableError
from twin.pipeline.creation import is_draft
from twin.web.site import site
from twin.web.store.accounts import Account
from twin.web.store.conversations import ChatMessage, Conversation
from twin.web.store.invitations import BlindTest, Share
from twin.web.store.uploads import Upload

View = TypeVar("View", bound=Callable[..., Any])
OWN_RULES = "api"
"""The blueprint that lets people in by key, not by session."""


class Visitor:
    """Flask-Login's view of an account."""

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def __init__(self, account: Account) -> None:
        self.account = account

    def get_id(self) -> str:
        # A new session word in the account ends every cookie that holds the old one.
        return f"{self.account.id} {self.account.session}"


def public(view: View) -> View:
    """Mark a view that needs no account."""
    view.is_public = True  # pyright: ignore[reportFunctionMemberAccess]
    return view


def init(app: Flask) -> None:
    """Everything but what is marked as public is for those who are logged in."""
    manager = LoginManager(app)

    @manager.user_loader
    def load(value: str) -> Visitor | None:  # pyright: ignore[reportUnusedFunction]
        account_id, _, word = value.partition(" ")
        try:
            found = site().store.accounts.get(account_id)
        except UnavailableError:
            if "unavailable" in g:  # this is the page that says so, to whoever it is
                return None
            g.unavailable = True
            raise
        return Visitor(found) if found and found.session == word else None

    @app.before_request
    def closed() -> Response | None:  # pyright: ignore[reportUnusedFunction]
        view = current_app.view_functions.get(request.endpoint or "")
        free = view is None or request.endpoint == "static" or request.blueprint == OWN_RULES
        if free or getattr(view, "is_public", False) or current_user.is_authenticated:
            return None
        if request.method == "GET" and "text/html" in request.accept_mimetypes.values():
            return redirect(url_for("accounts.log_in", next=request.path))
        abort(401)
        return None


def log_in(account: Account) -> None:
    language = session.get("language")
    session.clear()  # nothing that somebody planted before survives
    session.permanent = True
    if language:
        session["language"] = language
    login_user(cast(Any, Visitor(account)))


def account() -> Account:
    """Who is logged in. Only for pages that are not public."""
    return current_user.account


def is_logged_in() -> bool:
    return bool(current_user.is_authenticated)


def own_twin(twin_id: str, *, draft: bool | None = False) -> Twin:
    """A twin of who is logged in; 404 for all others.

    Args:
        draft: True for a twin that is still being made, False for one that was made, None for either.
    """
    try:
        twin = site().platform.records.twin(twin_id)
    except NotFoundError:
        abort(404)
    if twin.owner != account().id or draft not in (None, is_draft(twin)):
        abort(404)
    return twin


def own_run(twin: Twin, run_id: str) -> Run:
    """A run of a twin; 404 where it is another's."""
    for run in site().platform.records.runs(twin.id):
        if run.id == run_id:
            return run
    abort(404)
    return None


def own_upload(twin: Twin, upload_id: str) -> Upload:
    """An upload of a twin; 404 where it is another's."""
    upload = site().store.uploads.get(upload_id)
    if upload is None or upload.twin_id != twin.id:
        abort(404)
    return upload


def own_conversation(conversation_id: str) -> tuple[Conversation, Twin]:
    """A conversation of who asks, be it an account or a guest of a share, and the twin; 404 for all others."""
    conversation = site().store.conversations.get(conversation_id)
    if conversation is None:
        abort(404)
    if conversation.owner.startswith("guest:"):
        share = open_share(conversation.owner.split(":")[1])
        if conversation.owner != guest(share):
            abort(404)
        return conversation, site().platform.records.twin(conversation.twin_id)
    if not is_logged_in() or conversation.owner != account().id:
        abort(404)
    return conversation, own_twin(conversation.twin_id)


def own_message(message_id: str) -> tuple[ChatMessage, Conversation, Twin]:
    """A message in a conversation of who asks; 404 for all others."""
    message = site().store.conversations.message(message_id)
    if message is None:
        abort(404)
    return message, *own_conversation(message.conversation_id)


def own_test(twin: Twin, token: str) -> BlindTest:
    """A blind test of a twin; 404 where it is another's."""
    test = site().store.invitations.get_test(token)
    if test is None or test.twin_id != twin.id:
        abort(404)
    return test


def open_share(token: str) -> Share:
    """A share that can be used; 404 where it has ended."""
    share = site().store.invitations.get_share(token)
    if share is None or site().now() >= share.expires_at:
        abort(404)
    return share


def guest(share: Share) -> str:
    """Who this browser is for a share: a word in its cookie, and nothing else is known of it."""
    words: dict[str, str] = session.setdefault("guest", {})
    if share.token not in words:
        words[share.token] = uuid4().hex
        session.modified = True
    return f"guest:{share.token}:{words[share.token]}"


def admin() -> Account:
    """Who is logged in, where they are an admin; 404 for all others."""
    who = account()
    if not who.admin or (who.id != LOCAL_USER and who.email not in site().admins):
        abort(404)
    return who
