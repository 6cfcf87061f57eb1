"""Blind tests: friends see a real and a made reply to the same message and say which is real."""

from random import Random
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from twin.domain.ports import Sampling
from twin.domain.twins import Twin
from twin.errors import NotFoundError, TwinError
from twin.likeness.figures import share
from twin.pipeline.samples import moments
from twin.serve.voice import messages
from twin.web import access, limits
from twin.web.access import public
from twin.web.faults import log_fault
from twin.web.site import Site, site
from twin.web.store.invitations import BlindTest, TestState

pages = Blueprint("blind", __name__)

QUESTIONS = 10
FEWEST = 3
_CONTEXT = 3
"""Turns that are shown before the replies."""


@pages.get("/twins/<twin_id>/blind-tests")
def listed(twin_id: str) -> str:
    here, twin = site(), access.own_twin(twin_id)
    tests = here.store.invitations.tests(twin_id)
    results: dict[str, Any] = {}
    for test in tests:
        picks = here.store.invitations.picks(test.token)
        results[test.token] = share(picks[True], picks.total())
    link = here.link("")
    return render_template("blind/tests.html", twin=twin, tests=tests[::-1], results=results, link=link)


@pages.post("/twins/<twin_id>/blind-tests")
@limits.rarely
def make(twin_id: str) -> Response:
    here, twin = site(), access.own_twin(twin_id)
    if twin.run_id is None:
        abort(409)
    test = here.store.invitations.begin_test(twin_id, now=here.now())
    here.later(_make, here, twin, test)
    return redirect(url_for(".listed", twin_id=twin_id))


@pages.post("/twins/<twin_id>/blind-tests/<token>/open")
def open_test(twin_id: str, token: str) -> Response:
    """The owner has read the questions, and says which of them others may see."""
    test = access.own_test(access.own_twin(twin_id), token)
    kept = [test.items[int(n)] for n in request.form.getlist("item") if n.isdigit() and int(n) < len(test.items)]
    if test.state is not TestState.REVIEW:
        abort(409)
    if kept:
        site().store.invitations.set_test(token, TestState.OPEN, items=kept)
    return redirect(url_for(".listed", twin_id=twin_id))


@pages.post("/twins/<twin_id>/blind-tests/<token>/close")
def close(twin_id: str, token: str) -> Response:
    test = access.own_test(access.own_twin(twin_id), token)
    # The result stays; what others could read goes.
    site().store.invitations.set_test(test.token, TestState.CLOSED, items=[])
    site().store.database.scrub()
    return redirect(url_for(".listed", twin_id=twin_id))


@pages.post("/twins/<twin_id>/blind-tests/<token>/delete")
def delete(twin_id: str, token: str) -> Response:
    test = access.own_test(access.own_twin(twin_id), token)
    site().store.invitations.delete_tests([test.token])
    site().store.database.scrub()
    return redirect(url_for(".listed", twin_id=twin_id))


@pages.get("/t/<token>")
@public
def play(token: str) -> str | tuple[str, int]:
    test = site().store.invitations.get_test(token)
    if test is None or test.state is not TestState.OPEN:
        return render_template("blind/closed.html"), 404
    return render_template("blind/play.html", test=test, name=_name(test))


@pages.post("/t/<token>")
@limits.by_address
@public
def played(token: str) -> str | tuple[str, int]:
    """Keeps what was picked, and nothing about who picked it."""
    test = site().store.invitations.get_test(token)
    if test is None or test.state is not TestState.OPEN:
        return render_template("blind/closed.html"), 404
    picked: dict[int, str] = {}
    for number, item in enumerate(test.items):
        if (side := request.form.get(f"item-{number}")) in {"first", "second"}:
            picked[number] = "twin" if (side == "first") == item["twin_first"] else "real"
    if not picked:
        return render_template("blind/play.html", test=test, name=_name(test), problem=_("Pick at least one.")), 400
    site().store.invitations.pick(token, {number: choice == "twin" for number, choice in picked.items()})
    right = sum(choice == "real" for choice in picked.values())
    return render_template("blind/thanks.html", test=test, name=_name(test), picked=picked, right=right)


def resume(here: Site) -> None:
    """Begin again with tests whose making a stopped server left."""
    for test in here.store.invitations.unfinished():
        try:
            twin = here.platform.records.twin(test.twin_id)
        except NotFoundError:  # deleted past the web app
            here.store.invitations.delete_tests([test.token])
        else:
            here.later(_make, here, twin, test)


def _name(test: BlindTest) -> str:
    return site().platform.records.twin(test.twin_id).speakers[0]


def _make(here: Site, twin: Twin, test: BlindTest) -> None:
    """Draw the twin's replies to held-out messages."""
    try:
        found = moments(here.platform.records.run(twin.run_id or ""), objects=here.platform.objects, most=QUESTIONS)
        chance = Random(test.token)  # noqa: S311  which side stands first is no secret worth more
        voice = here.platform.voice(twin)
        items: list[dict[str, Any]] = []
        for number, (before, real) in enumerate(found):
            drawn = list(messages(voice.reply(before, sampling=Sampling(seed=number)).pieces))
            if drawn and drawn != list(real):
                said = [{"name": turn.name, "messages": turn.messages} for turn in before[-_CONTEXT:]]
                items.append({"said": said, "real": list(real), "twin": drawn})
        # As often first as second: who always picks one side is right in half.
        sides = [number % 2 == 0 for number in range(len(items))]
        chance.shuffle(sides)
        items = [{**item, "twin_first": first} for item, first in zip(items, sides, strict=True)]
        if len(items) < FEWEST:
            reason = "There are too few held-out messages for a test. Add more chats and train again."
            here.store.invitations.set_test(test.token, TestState.FAILED, reason=reason)
        else:
            here.store.invitations.set_test(test.token, TestState.REVIEW, items=items)
    except TwinError as error:
        here.store.invitations.set_test(test.token, TestState.FAILED, reason=str(error))
    except Exception as error:  # noqa: BLE001  its owner waits for an answer
        log_fault(error)
        here.store.invitations.set_test(test.token, TestState.FAILED, reason="A fault in twin itself. Try again.")
