"""Conversations with one's twin: pages, and the streams of the replies."""

import json
from collections.abc import Iterator

from flask import Blueprint, Response, abort, redirect, render_template, request, stream_with_context, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from twin.domain.runs import Run
from twin.domain.twins import Twin
from twin.errors import TwinError
from twin.web import access, corrections, limits, talk
from twin.web.access import public
from twin.web.faults import log_fault
from twin.web.site import site
from twin.web.store.conversations import ChatMessage, Conversation, Said, branch, takeovers
from twin.web.store.corrections import Correction

pages = Blueprint("chat", __name__)

LONGEST = 4000
"""Characters of a message."""
_TITLE = 48


@pages.get("/twins/<twin_id>/chat")
def begin(twin_id: str) -> AnyResponse | str:
    twin = access.own_twin(twin_id)
    if not ready(twin):
        return redirect(url_for("training.live", twin_id=twin_id))
    return page(twin, None)


@pages.post("/twins/<twin_id>/chat")
@limits.replies
def begun(twin_id: str) -> AnyResponse:
    twin = access.own_twin(twin_id)
    if not ready(twin):
        abort(409)
    return first_message(twin, access.account().id)


@pages.post("/twins/<twin_id>/search")
def search(twin_id: str) -> str:
    """With POST, because what is looked for must not stand in an address."""
    return page(access.own_twin(twin_id), None, searched=request.form.get("words", "").strip()[:200])


@pages.get("/conversations/<conversation_id>")
@public
def conversation(conversation_id: str) -> str:
    found, twin = access.own_conversation(conversation_id)
    return page(twin, found)


@pages.post("/conversations/<conversation_id>/messages")
@limits.replies
@public
def say(conversation_id: str) -> AnyResponse:
    """Say something: next, or instead of an earlier message, which begins another branch."""
    found, twin = access.own_conversation(conversation_id)
    parent = found.leaf
    if instead_of := request.form.get("instead_of"):
        parent = _message_of(found, instead_of).parent
    return _asked(twin, found, parent=parent)


@pages.post("/conversations/<conversation_id>/again")
@limits.replies
@public
def again(conversation_id: str) -> AnyResponse:
    """Another reply to the same; the one before stays as a branch."""
    found, twin = access.own_conversation(conversation_id)
    message = _message_of(found, request.form.get("message", ""))
    if message.role is Said.TWIN and message.parent:
        message = _message_of(found, message.parent)
    site().store.conversations.look_at(found.id, message.id)
    return _answered(twin, found, message)


@pages.post("/conversations/<conversation_id>/stop")
@public
def stop(conversation_id: str) -> AnyResponse:
    found, _twin = access.own_conversation(conversation_id)
    site().under_way.stop(found.id)
    return redirect(url_for("chat.conversation", conversation_id=found.id))


@pages.post("/conversations/<conversation_id>/branch")
@public
def look_at(conversation_id: str) -> AnyResponse:
    found, _twin = access.own_conversation(conversation_id)
    message = _message_of(found, request.form.get("message", ""))
    site().store.conversations.look_at(found.id, message.id)
    return redirect(url_for("chat.conversation", conversation_id=found.id, _anchor=f"m-{message.id}"))


@pages.post("/conversations/<conversation_id>/rename")
@public
def rename(conversation_id: str) -> AnyResponse:
    found, _twin = access.own_conversation(conversation_id)
    if title := request.form.get("title", "").strip()[:120]:
        site().store.conversations.rename(found.id, title)
    return redirect(url_for("chat.conversation", conversation_id=found.id))


@pages.post("/conversations/<conversation_id>/delete")
@public
def delete(conversation_id: str) -> AnyResponse:
    found, twin = access.own_conversation(conversation_id)
    here = site()
    said = here.store.conversations.messages(found.id)
    if said.keys() & here.store.corrections.texts(twin.id).keys():
        corrections.hand_over(here, twin, but=said)  # first: should it fail, the conversation can be deleted again
    here.store.conversations.delete(conversation_id=found.id)
    here.store.database.scrub()
    return redirect(_home(twin, found.owner))


@pages.post("/messages/<message_id>/rating")
@public
def rate(message_id: str) -> AnyResponse:
    message, found, _twin = access.own_message(message_id)
    rating = {"up": 1, "down": -1}.get(request.form.get("rating", ""), 0)
    # A second press on the same thumb takes it back.
    site().store.conversations.rate(message.id, 0 if message.rating == rating else rating)
    return redirect(url_for("chat.conversation", conversation_id=found.id, _anchor=f"m-{message.id}"))


@pages.post("/messages/<message_id>/correction")
def correct(message_id: str) -> AnyResponse:
    """What the owner would have said: learned at the next training."""
    here = site()
    message, found, twin = access.own_message(message_id)
    text = request.form.get("text", "").strip()[:LONGEST]
    if message.role is not Said.TWIN or not message.parent or not text or twin.owner != access.account().id:
        abort(400)
    before = [seen.message for seen in branch(here.store.conversations.messages(found.id), message.parent)]
    rows = [
        {"role": turn.role.value, "name": turn.name, "messages": list(turn.messages)}
        for turn in talk.turns(before, here.platform.voice(twin))
    ]
    here.store.corrections.save(Correction(message.id, twin.id, rows, text, here.now()))
    return redirect(url_for("chat.conversation", conversation_id=found.id, _anchor=f"m-{message.id}"))


def ready(twin: Twin) -> bool:
    """Whether a twin can answer: it was trained, or its chats were read and the base can go on from them."""
    return twin.run_id is not None or site().platform.voice(twin).past is not None


def first_message(twin: Twin, owner: str) -> AnyResponse:
    """Begin a conversation with the message that was sent."""
    here, text = site(), _text()
    title = " ".join(text.split())
    title = title if len(title) <= _TITLE else title[: _TITLE - 1].rstrip() + "…"
    found = here.store.conversations.begin(twin.id, owner, title=title, now=here.now())
    return _asked(twin, found, parent=None)


def page(twin: Twin, found: Conversation | None, *, searched: str = "", owner: str = "") -> str:
    """The page of a conversation, or of one that is about to begin, which will be `owner`'s."""
    store = site().store
    site().awake.soon([twin])
    owner = owner or (found.owner if found else access.account().id)
    return render_template(
        "chat/page.html",
        twin=twin,
        conversation=found,
        listed=store.conversations.listed(twin.id, owner, containing=searched),
        searched=searched,
        guest=guest_token(owner),
        growing=_growing(twin),
        **_thread(twin, found),
    )


def guest_token(owner: str) -> str | None:
    return owner.split(":")[1] if owner.startswith("guest:") else None


def _growing(twin: Twin) -> Run | None:
    """The run whose adapter takes over from the base, while there is none."""
    runs = [] if twin.run_id else site().platform.records.runs(twin.id)
    return runs[-1] if runs and not runs[-1].state.final else None


def _thread(twin: Twin, found: Conversation | None) -> dict[str, object]:
    if found is None:
        return {"seen": [], "corrected": {}, "corrections_waiting": 0, "takeovers": {}}
    store = site().store
    seen = branch(store.conversations.messages(found.id), found.leaf)
    return {
        "seen": seen,
        "takeovers": takeovers(seen),
        "corrected": store.corrections.texts(twin.id),
        "corrections_waiting": store.corrections.waiting(twin.id),
    }


def _home(twin: Twin, owner: str) -> str:
    token = guest_token(owner)
    return url_for("sharing.guest", token=token) if token else url_for("chat.begin", twin_id=twin.id)


def _text() -> str:
    text = request.form.get("text", "").replace("\r\n", "\n").strip()
    if not text or len(text) > LONGEST:
        abort(400)
    return text


def _message_of(found: Conversation, message_id: str) -> ChatMessage:
    message = site().store.conversations.message(message_id)
    if message is None or message.conversation_id != found.id:
        abort(404)
    return message


def _asked(twin: Twin, found: Conversation, *, parent: str | None) -> AnyResponse:
    here = site()
    message = here.store.conversations.say(found, Said.PERSON, [_text()], parent=parent, now=here.now())
    if message is None:
        abort(404)
    return _answered(twin, found, message)


def _answered(twin: Twin, found: Conversation, message: ChatMessage) -> AnyResponse:
    """The reply, streamed to those who can read streams; for all others the page when it is complete."""
    if (token := guest_token(found.owner)) and not site().store.invitations.use(token):
        raise TwinError(_("This invitation is used up: no more replies are left in it."))
    if "text/event-stream" in request.accept_mimetypes.values():
        return Response(stream_with_context(_stream(twin, found, message)), mimetype="text/event-stream")
    for _piece in talk.reply(site(), twin, found, message):
        pass
    return redirect(url_for("chat.conversation", conversation_id=found.id, _anchor="end"))


def _stream(twin: Twin, found: Conversation, message: ChatMessage) -> Iterator[str]:
    """Server-sent events: `thread` (the conversation, drawn), `piece`, `failed`, and `thread` again at the end."""
    yield _drawn(twin, found.id)
    try:
        for piece in talk.reply(site(), twin, found, message):
            yield _event("piece", {"message": piece.message, "text": piece.text})
    except TwinError as error:
        yield _event("failed", {"sentence": str(error)})
    except Exception as error:  # noqa: BLE001  the answer has begun: it cannot become an error page any more
        log_fault(error)
        yield _event("failed", {"sentence": _("A fault in twin itself. It was noted; please try again.")})
    yield _drawn(twin, found.id, over=True)


def _drawn(twin: Twin, conversation_id: str, *, over: bool = False) -> str:
    found = site().store.conversations.get(conversation_id)
    address = url_for("chat.conversation", conversation_id=conversation_id)
    if found is None:
        return _event("thread", {"html": "", "over": True, "address": address})
    html = render_template(
        "chat/thread.html", twin=twin, conversation=found, guest=guest_token(found.owner), **_thread(twin, found)
    )
    return _event("thread", {"html": html, "over": over, "address": address, "title": found.title})


def _event(name: str, data: dict[str, object]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
