"""The API: a twin as OpenAI's clients know a model. Each key opens one twin.

Source of the shapes: OpenAI's API reference for models, chat completions, completions, streaming and errors.
"""

import json
import math
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from flask import Blueprint, Response, jsonify, request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from werkzeug.exceptions import HTTPException

from twin.domain.ports import Piece
from twin.domain.twins import Twin
from twin.errors import BusyError, DataError, NotFoundError, TwinError, UnavailableError
from twin.serve.voice import Voice
from twin.web.asked import Asked, RefusalError, chat_request, completion_request
from twin.web.keys import Key, Keys

BODY = 1 << 20
"""Bytes of a request at most."""


@dataclass(frozen=True)
class Api:
    """What the API needs.

    Attributes:
        twin: by id; raises NotFoundError.
        voice: a twin, ready to answer.
        count: tokens of a text, for `usage`.
    """

    keys: Keys
    twin: Callable[[str], Twin]
    voice: Callable[[Twin], Voice]
    count: Callable[[str], int]


def blueprint(api: Api) -> Blueprint:
    """The pages below `/v1`. They know no cookies, so protection against forged forms must leave them out."""
    pages = Blueprint("api", __name__, url_prefix="/v1")
    limiter = MovingWindowRateLimiter(MemoryStorage())

    def opened() -> Twin:
        """The twin of the request's key, which counts as used."""
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        key = api.keys.find(secret.strip()) if scheme.lower() == "bearer" and secret else None
        if key is None:
            raise RefusalError("This API key opens nothing. Make one on the twin's page.", 401, code="invalid_api_key")
        _count(limiter, key)
        return api.twin(key.twin_id)

    def body() -> Any:
        request.max_content_length = BODY
        try:
            return request.get_json(force=True)
        except RecursionError as error:
            raise RefusalError("The request is nested too deep.") from error

    @pages.get("/models")
    def models() -> Any:  # pyright: ignore[reportUnusedFunction]
        return jsonify(object="list", data=[_model(opened())])

    @pages.get("/models/<path:name>")
    def model(name: str) -> Any:  # pyright: ignore[reportUnusedFunction]
        return jsonify(_model(_named(opened(), name)))

    @pages.post("/chat/completions")
    def chat() -> Any:  # pyright: ignore[reportUnusedFunction]
        twin = opened()
        voice = api.voice(twin)
        asked = chat_request(body(), voice)
        return _answer(_Chat(_named(twin, asked.model).name, asked, api.count), voice)

    @pages.post("/completions")
    def completions() -> Any:  # pyright: ignore[reportUnusedFunction]
        twin = opened()
        voice = api.voice(twin)
        asked = completion_request(body(), voice)
        return _answer(_Completion(_named(twin, asked.model).name, asked, api.count), voice)

    @pages.errorhandler(TwinError)
    def mendable(error: TwinError) -> Any:  # pyright: ignore[reportUnusedFunction]
        return _refused(_refusal(error))

    @pages.errorhandler(HTTPException)
    def unlike(error: HTTPException) -> Any:  # pyright: ignore[reportUnusedFunction]
        return _refused(RefusalError(f"{error.name}.", error.code or 400))

    return pages


class _Completion:
    """OpenAI's shape of a text completion. A reply's messages are the lines of its text."""

    kind = chunk_kind = "text_completion"
    prefix = "cmpl-"

    def __init__(self, model: str, asked: Asked, count: Callable[[str], int]) -> None:
        self._about = {"id": self.prefix + uuid4().hex, "created": int(time.time()), "model": model}
        self.asked = asked
        self._count = count
        self._text: list[str] = []

    def whole(self, texts: Iterator[str]) -> dict[str, Any]:
        self._text += texts
        choice = {"index": 0, "finish_reason": self._reason(), "logprobs": None}
        choices = [choice | self._said("".join(self._text))]
        return {**self._about, "object": self.kind, "choices": choices, "usage": self._usage()}

    def chunks(self, texts: Iterator[str]) -> Iterator[dict[str, Any]]:
        yield from self._opening()
        for text in texts:
            self._text.append(text)
            yield self._chunk(self._added(text))
        yield self._chunk(self._added(""), reason=self._reason())
        if self.asked.usage:
            yield {**self._about, "object": self.chunk_kind, "choices": [], "usage": self._usage()}

    def _said(self, text: str) -> dict[str, Any]:
        return {"text": text}

    def _added(self, text: str) -> dict[str, Any]:
        return {"text": text}

    def _opening(self) -> Iterator[dict[str, Any]]:
        return iter(())

    def _chunk(self, said: dict[str, Any], *, reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "finish_reason": reason, "logprobs": None, **said}
        return {**self._about, "object": self.chunk_kind, "choices": [choice]}

    def _reason(self) -> str:
        return "length" if self._count("".join(self._text)) >= self.asked.sampling.max_tokens else "stop"

    def _usage(self) -> dict[str, int]:
        told = sum(self._count(message) for turn in self.asked.turns for message in turn.messages)
        said = self._count("".join(self._text))
        return {"prompt_tokens": told, "completion_tokens": said, "total_tokens": told + said}


class _Chat(_Completion):
    """OpenAI's shape of a chat completion."""

    kind = "chat.completion"
    chunk_kind = "chat.completion.chunk"
    prefix = "chatcmpl-"

    def _said(self, text: str) -> dict[str, Any]:
        return {"message": {"role": "assistant", "content": text, "refusal": None}}

    def _added(self, text: str) -> dict[str, Any]:
        return {"delta": {"content": text} if text else {}}

    def _opening(self) -> Iterator[dict[str, Any]]:
        yield self._chunk({"delta": {"role": "assistant", "content": ""}})


def _answer(shape: _Completion, voice: Voice) -> Response:
    asked = shape.asked
    texts = _texts(voice.reply(asked.turns, sampling=asked.sampling, setting=asked.setting).pieces, asked.stop)
    if not asked.stream:
        with closing(texts):
            return jsonify(shape.whole(texts))
    # What fails before the first word still has a status of its own.
    first = next(texts, None)

    def events() -> Iterator[str]:
        with closing(texts):
            try:
                for chunk in shape.chunks(_before(first, texts)):
                    yield f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n"
            except TwinError as error:
                yield f"data: {json.dumps(_refusal(error).shown())}\n\n"
            else:
                yield "data: [DONE]\n\n"

    return Response(events(), mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"})


def _texts(pieces: Iterator[Piece], stops: tuple[str, ...]) -> Generator[str]:
    """A reply as one text, up to the first of `stops`. Messages are lines."""
    held, message = "", 0
    # What might be the beginning of a stop is held back until it is clear.
    longest = max(map(len, stops), default=1) - 1
    with closing(pieces):  # pyright: ignore[reportArgumentType]  # an iterator that stops the work when it is closed
        for piece in pieces:
            held += "\n" * (piece.message - message) + piece.text
            message = piece.message
            ends = [at for stop in stops if (at := held.find(stop)) >= 0]
            if ends:
                yield held[: min(ends)]
                return
            if len(held) > longest:
                yield held[: len(held) - longest]
                held = held[len(held) - longest :]
    if held:
        yield held


def _before(first: str | None, rest: Iterator[str]) -> Iterator[str]:
    if first is not None:
        yield first
    yield from rest


def _count(limiter: MovingWindowRateLimiter, key: Key) -> None:
    limit = RateLimitItemPerMinute(key.per_minute)
    if not limiter.hit(limit, "api", key.id):
        wait = limiter.get_window_stats(limit, "api", key.id).reset_time - time.time()
        raise BusyError(
            f"This key may make {key.per_minute} requests a minute. Wait a little.", retry_after=max(1.0, wait)
        )


def _model(twin: Twin) -> dict[str, Any]:
    return {"id": twin.name, "object": "model", "created": int(twin.created_at.timestamp()), "owned_by": "twin"}


def _named(twin: Twin, name: str) -> Twin:
    if name not in {twin.name, twin.id}:
        raise RefusalError(f"This key opens the model {twin.name!r} only.", 404, code="model_not_found", param="model")
    return twin


def _refusal(error: TwinError) -> RefusalError:
    sentence = str(error)
    if isinstance(error, RefusalError):
        return error
    if isinstance(error, NotFoundError):
        return RefusalError(sentence, 404, code="model_not_found")
    if isinstance(error, BusyError):
        return RefusalError(sentence, 429, code="rate_limit_exceeded", retry_after=error.retry_after)
    if isinstance(error, UnavailableError):
        return RefusalError(sentence, 503, code="unavailable", retry_after=2)
    return RefusalError(sentence, 400 if isinstance(error, DataError) else 500)


def _refused(refusal: RefusalError) -> tuple[Response, int, dict[str, str]]:
    wait = refusal.retry_after
    headers = {} if wait is None else {"Retry-After": str(math.ceil(wait))}
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return jsonify(refusal.shown()), refusal.status, headers
