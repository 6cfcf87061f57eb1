"""Gemini as the other side of free text: on the Developer API or Vertex AI, only after an explicit agreement.

The person's words go out so that Gemini can say what was asked before them; none of its words ever stand for theirs.
Answers are kept by content, so that a run that was cut short goes on where it stopped and costs nothing twice.
"""

import hashlib
import json
import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx
from google import genai
from google.genai import errors, types
from pydantic import BaseModel, Field, ValidationError

from twin.domain.runs import AGREEMENT
from twin.errors import SettingsError, UnavailableError
from twin.prepare.augment import Passage

MODEL = "gemini-2.5-flash"
_BATCH = 12
_RETRIED = frozenset({408, 429, 500, 502, 503, 504})
_PROMPT_VERSION = 1
_INSTRUCTION = (
    "You are given passages that one person wrote, numbered. They are parts of diaries, letters or posts. For each "
    "passage, write the one short, natural chat message by which a friend may have prompted it: a question or a remark, "
    "in the language of the passage, that gives away nothing the passage says. Do not change, continue or judge the "
    "passages. For each, give its number, its first five words exactly as written, and the message."
)
log = logging.getLogger(__name__)


class Opening(BaseModel):
    """What Gemini gives for one passage; the field names are part of the request."""

    passage: int = Field(description="number of the passage")
    first_words: str = Field(description="the first five words of the passage, exactly as written")
    message: str = Field(description="what a friend may have said before it")


class Openings(BaseModel):
    """The whole answer."""

    openings: list[Opening]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run would send. Tokens are counted by Gemini (`counted`) or guessed from the characters.

    `dollars` uses the prices given, per million tokens; output is what the answers take at most.
    """

    passages: int
    requests: int
    input_tokens: int
    output_tokens: int
    dollars: float
    counted: bool
    model: str


def connect(
    *,
    api_key: str | None = None,
    project: str | None = None,
    location: str = "global",
    base_url: str | None = None,
    credentials: Any = None,
    timeout_s: float = 60.0,
) -> genai.Client:
    """A client for the Developer API (`api_key`) or Vertex AI (`project`).

    Keep it as long as it is used: a client that is collected closes its connections.

    Raises:
        SettingsError: neither a key nor a project is given.
    """
    options = types.HttpOptions(base_url=base_url, timeout=int(timeout_s * 1000))
    if project:
        return genai.Client(
            vertexai=True, project=project, location=location, credentials=credentials, http_options=options
        )
    if api_key:
        return genai.Client(api_key=api_key, http_options=options)
    raise SettingsError(
        "Gemini needs an API key or a Google Cloud project, and has neither. Give one, or leave Gemini out."
    )


def connect_to(address: str) -> genai.Client:
    """A client for `key:KEY` or `vertex:PROJECT/REGION`. Raises SettingsError, without the key in it."""
    kind, _, rest = address.partition(":")
    project, _, region = rest.partition("/")
    if kind == "vertex" and project and region:
        return connect(project=project, location=region)
    if kind == "key" and rest:
        return connect(api_key=rest)
    raise SettingsError("TWIN_GEMINI is no address of Gemini. Set it to key:KEY or vertex:PROJECT/REGION.")


@dataclass(slots=True)
class GeminiOtherSide:
    """Asks Gemini for openings, several passages a request.

    Attributes:
        agreement: must be `AGREEMENT` to the letter.
        cache: folder of answers by content.
        attempts: tries of a request while the service is busy or over quota, each wait twice the one before.
        sleep, chance: how to wait, and the jitter of it.
        account: passages by outcome: `cached`, `asked`, and why others have none: `refused` (safety), `not verbatim`,
            `malformed`, `cut off`, `missing`.
    """

    client: genai.Client
    agreement: str
    cache: Path
    model: str = MODEL
    attempts: int = 5
    sleep: Callable[[float], None] = time.sleep
    chance: Random = field(default_factory=lambda: Random(0))  # noqa: S311 -- jitter
    account: Counter[str] = field(default_factory=Counter[str])
    name: str = "gemini"

    def __post_init__(self) -> None:
        if self.agreement != AGREEMENT:
            raise SettingsError(
                f'Text is only sent to Gemini after an agreement in these words: "{AGREEMENT}". '
                "Leave Gemini out to keep everything on this machine."
            )

    def openings(self, passages: Sequence[Passage]) -> Iterator[str | None]:
        """One opening for each passage, in order. Raises UnavailableError, SettingsError."""
        for at in range(0, len(passages), _BATCH):
            yield from self._batch(passages[at : at + _BATCH])

    def estimate(self, passages: Sequence[Passage], *, prices: tuple[float, float], count: bool = False) -> Estimate:
        """What asking for these passages would cost; what is cached costs nothing.

        Args:
            prices: dollars per million tokens in and out.
            count: have Gemini count the tokens, which sends the text. Otherwise nothing leaves the machine.
        """
        new = [passage for passage in passages if self._cached(passage) is None]
        batches = [new[at : at + _BATCH] for at in range(0, len(new), _BATCH)]
        tokens = 0
        for batch in batches:
            text = f"{_INSTRUCTION}\n\n{_numbered(batch)}"
            if count:
                counted = self._patiently(
                    lambda text=text: self.client.models.count_tokens(model=self.model, contents=text)
                )
                tokens += counted.total_tokens or 0
            else:
                tokens += sum(0.28 if c.isascii() else 0.7 for c in text).__ceil__()
        out = 60 * len(new)
        dollars = (tokens * prices[0] + out * prices[1]) / 1e6
        return Estimate(len(passages), len(batches), tokens, out, dollars, count, self.model)

    def _batch(self, passages: Sequence[Passage]) -> list[str | None]:
        found = [self._cached(passage) for passage in passages]
        self.account["cached"] += sum(one is not None for one in found)
        asked = [at for at, one in enumerate(found) if one is None]
        if asked:
            for at, opening in zip(asked, self._asked([passages[at] for at in asked]), strict=True):
                found[at] = opening
                if opening is not None:
                    self._keep(passages[at], opening)
        return found

    def _asked(self, passages: Sequence[Passage]) -> list[str | None]:
        """Ask for some passages; where the answer is cut off, malformed or refused, for each half of them."""
        response = self._patiently(
            lambda: self.client.models.generate_content(
                model=self.model,
                contents=_numbered(passages),
                config=types.GenerateContentConfig(
                    system_instruction=_INSTRUCTION,
                    response_mime_type="application/json",
                    response_schema=Openings,
                    temperature=0.7,
                    max_output_tokens=256 * len(passages) + 2048,
                ),
            )
        )
        wrong = _fault(response)
        if wrong is None:
            try:
                answers = Openings.model_validate_json(response.text or "")
                return self._checked(passages, answers)
            except ValidationError:
                wrong = "malformed"
        if len(passages) > 1:
            half = len(passages) // 2
            return [*self._asked(passages[:half]), *self._asked(passages[half:])]
        self.account[wrong] += 1
        return [None]

    def _checked(self, passages: Sequence[Passage], answers: Openings) -> list[str | None]:
        """The openings whose passage is quoted verbatim. One that quotes anything else is refused."""
        given = {one.passage: one for one in answers.openings}
        found: list[str | None] = []
        for number, passage in enumerate(passages, 1):
            answer = given.get(number)
            quoted = answer is not None and answer.first_words.strip(" .…") != ""
            if answer is None:
                outcome = "missing"
            elif not quoted or not passage.text.startswith(answer.first_words.strip().rstrip("….")):
                outcome = "not verbatim"
            else:
                outcome = "asked"
            self.account[outcome] += 1
            found.append(answer.message if answer is not None and outcome == "asked" else None)
        return found

    def _patiently(self, request: Callable[[], Any]) -> Any:
        """Try a request again while the service is busy, over quota or out of reach."""
        code = 0
        for attempt in range(1, self.attempts + 1):
            try:
                return request()
            except errors.APIError as error:
                code, told = error.code, _wait_told(error)
                if code in {401, 403}:
                    raise SettingsError(
                        f"Gemini refuses the key or project (HTTP {code}). Check it, and that the API is switched on."
                    ) from error
                if code not in _RETRIED:
                    raise SettingsError(
                        f"Gemini does not take the request for model {self.model} (HTTP {code})."
                    ) from error
            except httpx.TransportError:
                code, told = 0, None
            if attempt == self.attempts:
                break
            wait = told if told is not None else 2.0**attempt * (0.5 + self.chance.random())
            log.info("Gemini is busy (HTTP %d); attempt %d of %d, waiting %.0f s", code, attempt, self.attempts, wait)
            self.sleep(min(wait, 120.0))
        reason = "its quota is used up" if code == 429 else "it does not answer"
        raise UnavailableError(f"Gemini: {reason} (HTTP {code}). Run again later: what was answered is kept.")

    def _path(self, passage: Passage) -> Path:
        content = json.dumps([_PROMPT_VERSION, self.model, passage.text], ensure_ascii=False)
        name = hashlib.sha256(content.encode()).hexdigest()
        return self.cache / name[:2] / f"{name}.json"

    def _cached(self, passage: Passage) -> str | None:
        try:
            return str(json.loads(self._path(passage).read_text("utf-8"))["message"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _keep(self, passage: Passage, opening: str) -> None:
        path = self._path(passage)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps({"message": opening}, ensure_ascii=False), "utf-8")
        partial.replace(path)


def _numbered(passages: Sequence[Passage]) -> str:
    return "\n\n".join(f"[{number}]\n{passage.text}" for number, passage in enumerate(passages, 1))


def _fault(response: types.GenerateContentResponse) -> str | None:
    """Why an answer cannot be used; None where it is whole."""
    if response.prompt_feedback is not None and response.prompt_feedback.block_reason is not None:
        return "refused"
    if not response.candidates:
        return "malformed"
    reason = response.candidates[0].finish_reason
    if reason == types.FinishReason.MAX_TOKENS:
        return "cut off"
    return None if reason in {None, types.FinishReason.STOP} else "refused"


def _wait_told(error: errors.APIError) -> float | None:
    """Seconds that the service asks to wait (google.rpc.RetryInfo)."""
    match = re.search(r"'retryDelay': '(\d+(?:\.\d+)?)s'", str(error.details))
    return float(match[1]) if match else None
