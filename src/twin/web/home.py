"""The front page, and the list of one's twins."""

from typing import NamedTuple

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from twin import sample
from twin.domain.examples import Role, Turn
from twin.domain.runs import Run, RunState
from twin.domain.twins import LOCAL_USER, Twin
from twin.pipeline.creation import is_draft
from twin.serve.voice import messages
from twin.web import access, limits
from twin.web.access import public
from twin.web.site import site

pages = Blueprint("home", __name__)


RECORDED: list[tuple[str, tuple[str, ...]]] = [
    ("person", ("are you coming to the plot on saturday?",)),
    ("twin", ("i just know..",)),
    ("person", ("should i bring anything?",)),
    ("twin", ("a cup of tea",)),
]
"""What was once said with the demo twin, as it came: `twin demo`, Gemma 3 270M, three minutes of training."""


class Card(NamedTuple):
    """A twin in the list."""

    twin: Twin
    run: Run | None
    draft: bool


@pages.get("/")
@public
def front() -> str:
    return render_template("home/front.html", conversation=RECORDED, live=_demo() is not None)


@pages.post("/")
@limits.by_address
@public
def tried() -> str | tuple[str, int]:
    """One exchange with the demo twin; nothing of it is kept."""
    demo, text = _demo(), request.form.get("text", "").strip()[:300]
    if demo is None or not text:
        abort(404)
    voice = site().platform.voice(demo)
    turns = [
        Turn(Role.OWNER, voice.speaker, texts) if side == "twin" else Turn(Role.OTHER, voice.partner, texts)
        for side, texts in [*RECORDED, ("person", (text,))]
    ]
    said = tuple(messages(voice.reply(turns).pieces))
    return render_template("home/front.html", conversation=[*RECORDED, ("person", (text,)), ("twin", said)], live=True)


@pages.get("/privacy")
@public
def privacy() -> str:
    return render_template("home/privacy.html", local=not site().public)


@pages.get("/twins")
def twins() -> str:
    records = site().platform.records
    cards: list[Card] = []
    for twin in records.twins(access.account().id):
        runs = records.runs(twin.id)
        cards.append(Card(twin, runs[-1] if runs else None, is_draft(twin)))
    return render_template("home/twins.html", cards=cards)


@pages.get("/twins/<twin_id>")
def twin(twin_id: str) -> Response:
    """To where a twin stands: its making, its training, or a talk with it."""
    found = access.own_twin(twin_id, draft=None)
    if is_draft(found):
        return redirect(url_for("drafts.chats", twin_id=twin_id))
    runs = site().platform.records.runs(twin_id)
    if found.run_id and (not runs or runs[-1].state in {RunState.DONE, RunState.CANCELLED}):
        return redirect(url_for("chat.begin", twin_id=twin_id))
    return redirect(url_for("training.live", twin_id=twin_id))


def _demo() -> Twin | None:
    """The twin that `twin demo` has made here, where it has."""
    for twin in site().platform.records.twins(LOCAL_USER):
        if twin.name == "demo" and twin.speakers == (sample.OWNER,) and twin.run_id:
            return twin
    return None
