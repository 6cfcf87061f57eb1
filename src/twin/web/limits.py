"""How often somebody may do something, so that nobody guesses passwords or takes the machine from the others."""

from flask import Flask, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from twin.web import access


def _who() -> str:
    return access.account().id if access.is_logged_in() else get_remote_address()


limiter = Limiter(_who, storage_uri="memory://", headers_enabled=True)


def init(app: Flask) -> None:
    limiter.init_app(app)


by_address = limiter.limit("30/minute;200/hour", methods=["POST"], key_func=get_remote_address)
"""For log-in and everything like it, by where it comes from."""

by_account_tried = limiter.limit(
    "10/minute;50/hour", methods=["POST"], key_func=lambda: "tried " + request.form.get("email", "").strip().casefold()
)
"""For log-in, by the account that is tried, from wherever."""

uploads = limiter.limit("600/minute", key_func=_who)
replies = limiter.limit("30/minute;600/hour", key_func=_who)
"""For everything that makes a model answer."""

rarely = limiter.limit("10/minute;60/hour", methods=["POST"], key_func=_who)
"""For everything that costs much: trainings, blind tests, exports."""
