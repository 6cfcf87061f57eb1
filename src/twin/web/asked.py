"""What a client of the API asks, checked: OpenAI's parameters as turns and sampling."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from twin.domain.examples import Role, Turn
from twin.domain.ports import Sampling
from twin.errors import TwinError
from twin.serve.voice import Voice

_TURNS = 1000
_STOPS = 4
_LONGEST = 512
"""Tokens of a reply at most. Clients ask for thousands as a matter of course; nobody chats that much at once."""

_UNFIT: Mapping[str, tuple[Any, ...]] = {
    "n": (None, 1),
    "best_of": (None, 1),
    "echo": (None, False),
    "suffix": (None, ""),
    "logprobs": (None, False, 0),
    "top_logprobs": (None, 0),
    "tools": (None, []),
    "functions": (None, []),
    "response_format": (None, {"type": "text"}),
    "frequency_penalty": (None, 0),
    "presence_penalty": (None, 0),
    "logit_bias": (None, {}),
    "modalities": (None, ["text"]),
}
"""Parameters that would change the answer but that a twin cannot follow, and the values that ask for nothing."""


class RefusalError(TwinError):
    """A request that is not answered, in OpenAI's terms. `retry_after` is in seconds."""

    def __init__(
        self,
        message: str,
        status: int = 400,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.retry_after = retry_after

    def shown(self) -> dict[str, Any]:
        """The body of the answer."""
        kinds = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}
        kind = kinds.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
        return {"error": {"message": str(self), "type": kind, "param": self.param, "code": self.code}}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to a twin.

    Attributes:
        setting: what system messages say; stands before the conversation.
        stop: texts that end the reply and are not part of it.
        usage: whether a stream ends with what was used.
    """

    model: str
    turns: tuple[Turn, ...]
    setting: str
    sampling: Sampling
    stop: tuple[str, ...]
    stream: bool
    usage: bool


def chat_request(body: Any, voice: Voice) -> Asked:
    """A request for a chat completion. A line of an assistant's message counts as a message of the twin.

    Raises:
        RefusalError: it is not of OpenAI's form, or asks what a twin cannot do.
    """
    body = _checked(body)
    messages = body.get("messages")
    if not isinstance(messages, list) or not 0 < len(messages) <= _TURNS:
        raise RefusalError(f"messages must be a list of 1 to {_TURNS} messages.", param="messages")
    setting: list[str] = []
    turns: list[Turn] = []
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if not isinstance(message, dict):
            raise RefusalError(f"{where} must be an object with role and content.", param=where)
        text = _content(message.get("content"), where)
        role = message.get("role")
        if role in ("system", "developer"):  # what came may not be hashable
            setting.append(text)
        elif role == "user":
            name = message.get("name")
            known = _whole(name) if isinstance(name, str) and name.strip() else voice.partner
            _say(turns, Turn(Role.OTHER, known, (text,)))
        elif role == "assistant":
            _say(turns, Turn(Role.OWNER, voice.speaker, tuple(text.splitlines())))
        else:
            raise RefusalError(
                f"{where}.role is {role!r}; it must be system, user or assistant.", param=f"{where}.role"
            )
    if not turns:
        raise RefusalError("messages must hold something that was said to the twin.", param="messages")
    return _asked(body, turns, "\n\n".join(setting), voice)


def completion_request(body: Any, voice: Voice) -> Asked:
    """A request for a text completion: the prompt is said to the twin. Raises RefusalError."""
    body = _checked(body)
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str) or not prompt.strip():
        raise RefusalError("prompt must be one text.", param="prompt")
    return _asked(body, [Turn(Role.OTHER, voice.partner, (_whole(prompt),))], "", voice)


def _checked(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise RefusalError("The request must be a JSON object.")
    for name, harmless in _UNFIT.items():
        if body.get(name) not in harmless:
            raise RefusalError(f"A twin cannot follow {name}. Leave it out.", param=name, code="unsupported_parameter")
    if not isinstance(body.get("model"), str):
        raise RefusalError("model must be the name of the twin.", param="model")
    return body


def _asked(body: dict[str, Any], turns: list[Turn], setting: str, voice: Voice) -> Asked:
    usual = voice.sampling
    length = "max_completion_tokens" if body.get("max_completion_tokens") is not None else "max_tokens"
    seed = body.get("seed")
    sampling = replace(
        usual,
        temperature=_number(body, "temperature", 0, 2, usual.temperature),
        top_p=_number(body, "top_p", 0, 1, usual.top_p),
        max_tokens=min(_LONGEST, int(_number(body, length, 1, 1 << 20, usual.max_tokens))),
        seed=usual.seed if seed is None else int(_number(body, "seed", -(1 << 63), 1 << 63, 0)),
    )
    options = body.get("stream_options")
    usage = isinstance(options, dict) and bool(options.get("include_usage"))
    return Asked(body["model"], tuple(turns), setting, sampling, _stops(body), bool(body.get("stream")), usage)


def _say(turns: list[Turn], turn: Turn) -> None:
    """Add what was said, to the turn before where it is the same person's."""
    said = tuple(message for message in turn.messages if message.strip())
    if not said:
        return
    if turns and (turns[-1].role, turns[-1].name) == (turn.role, turn.name):
        said = (*turns.pop().messages, *said)
    turns.append(replace(turn, messages=said))


def _content(content: Any, where: str) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return _whole(content)
    parts: list[str] = []
    for part in content if isinstance(content, list) else [content]:
        text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None
        if not isinstance(text, str):
            raise RefusalError(
                f"{where}.content must be text; a twin neither sees nor hears.", param=f"{where}.content"
            )
        parts.append(text)
    return _whole("\n".join(parts))


def _whole(text: str) -> str:
    """A text in which halves of emoji, which JSON can hold and UTF-8 cannot, are joined or replaced."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _number(body: dict[str, Any], name: str, low: float, high: float, usual: float) -> float:
    value = body.get(name)
    if value is None:
        return usual
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise RefusalError(f"{name} must be a number from {low} to {high}.", param=name)
    return value


def _stops(body: dict[str, Any]) -> tuple[str, ...]:
    stop = body.get("stop")
    stops = [] if stop is None else [stop] if isinstance(stop, str) else stop
    if not isinstance(stops, list) or len(stops) > _STOPS or not all(isinstance(one, str) and one for one in stops):
        raise RefusalError(f"stop must be a text or up to {_STOPS} of them.", param="stop")
    return tuple(stops)
