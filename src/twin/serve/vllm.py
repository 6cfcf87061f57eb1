"""The twin's voice on a vLLM server: one base on a GPU for everybody, adapters by name.

vLLM loads an adapter when it is first asked for, from a folder below the one that it was told; the name of an adapter
there is the key of its folder in the object store. Google's build of vLLM fetches it from the bucket itself instead. The prompt goes as token ids, rendered here, so that a twin reads
exactly what it was trained on.
"""

import json
import logging
import random
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import httpx

from twin.base.models import Base
from twin.domain.examples import Turn
from twin.domain.ports import Piece, Sampling
from twin.errors import BusyError, ModelError, SettingsError, UnavailableError
from twin.serve.drawing import draw, parted

# httpx notes every address that it asks, and the name of an adapter tells who talks.
logging.getLogger("httpx").setLevel(logging.WARNING)

ASLEEP = frozenset({502, 503, 504})
"""What a server that was scaled to zero, or one that still loads its model, answers through its proxy."""

PAUSE_S = 0.5
LONGEST_PAUSE_S = 8.0


class VllmChat:
    """A `ChatModel` over vLLM's OpenAI-compatible HTTP. Thread-safe."""

    def __init__(
        self,
        url: str,
        base: Base,
        *,
        locate: Callable[[str], str],
        bucket: str | None = None,
        token: Callable[[], str | None] = lambda: None,
        context: int = 2048,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        Args:
            url: the server's root; the API is below `/v1`.
            base: for the template and the vocabulary; its name is the `--model` that the server was given.
            locate: the server's name of an adapter id; raises NotFoundError. Asked for every reply, so that a
                deleted twin falls silent at once.
            bucket: the address of the object store, `gs://BUCKET`, for a server that fetches adapters from there.
            token: what to present to the server, e.g. its API key, asked for every request.
            context: tokens of one conversation, prompt and reply; at most the server's `--max-model-len`.
        """
        self._url = url.rstrip("/")
        self._base = base
        self._locate = locate
        self._bucket = bucket
        self._token = token
        self._context = context
        self._clock, self._sleep = clock, sleep
        self._client = httpx.Client(limits=httpx.Limits(max_connections=200, max_keepalive_connections=20))

    def load(self, *adapters: str) -> None:
        """Begin to wake the server up; returns at once, whether or not it is awake."""
        del adapters  # vLLM loads them when they are asked for
        with suppress(httpx.TransportError):  # a proxy that starts the server keeps the question waiting
            self._client.get(f"{self._url}/health", headers=self._headers(), timeout=1.0)

    def forget(self, adapter: str) -> None:
        """Nothing: an adapter whose folder is gone is no longer located, and vLLM drops the least recently used."""
        del adapter

    def close(self) -> None:
        self._client.close()

    def reply(
        self,
        turns: Sequence[Turn],
        *,
        speaker: str,
        adapter: str | None,
        sampling: Sampling,
        preamble: str = "",
        deadline_s: float = 60.0,
    ) -> Iterator[Piece]:
        """See `ChatModel.reply`. Nothing happens until the first piece is asked for."""
        deadline = self._clock() + deadline_s

        def texts(tokens: list[int], drawing: Sampling) -> Generator[str]:
            return self._texts(self._request(adapter, tokens) | _drawing(drawing), deadline)

        yield from draw(
            turns,
            texts,
            base=self._base,
            speaker=speaker,
            sampling=sampling,
            preamble=preamble,
            context=self._context,
        )

    def score(
        self, turns: Sequence[Turn], *, adapter: str | None, preamble: str = "", deadline_s: float = 60.0
    ) -> float:
        """Log-likelihood, in nats, of the last turn given the others: all that stands after its name."""
        deadline = self._clock() + deadline_s
        tokens, target = parted(turns, base=self._base, preamble=preamble, context=self._context)
        request = self._request(adapter, [*tokens, *target]) | {"max_tokens": 1, "prompt_logprobs": 0}
        with self._answer(request, deadline) as response:
            response.read()
            found = response.json()["choices"][0]["prompt_logprobs"][-len(target) :]
        return sum(one[str(token)]["logprob"] for one, token in zip(found, target, strict=True))

    def _request(self, adapter: str | None, tokens: list[int]) -> dict[str, Any]:
        request = {"model": self._base.name, "prompt": tokens}
        if adapter is None:
            return request
        name = self._locate(adapter)
        return request | ({"dynamic-lora": f"{self._bucket}/{name}"} if self._bucket else {"model": name})

    def _texts(self, request: dict[str, Any], deadline: float) -> Generator[str]:
        """The text of a reply as it comes. Closing the generator closes the connection."""
        with self._answer(request | {"stream": True, "skip_special_tokens": False}, deadline) as response:
            try:
                for line in response.iter_lines():
                    if self._clock() > deadline:
                        raise UnavailableError("The server of the twins was too slow with this reply. Try again.")
                    if line == "data: [DONE]":
                        return
                    if not line.startswith("data: "):
                        continue
                    event = json.loads(line[6:])
                    if "error" in event:
                        raise ModelError("The server of the twins could not go on with this reply. Ask again.")
                    if text := "".join(choice["text"] for choice in event["choices"]):
                        yield text
            except httpx.TransportError as error:
                # Asking again now would say the beginning twice.
                raise UnavailableError("The connection to the server of the twins broke off. Ask again.") from error
            raise UnavailableError("The reply broke off before its end. Ask again.")

    @contextmanager
    def _answer(self, request: dict[str, Any], deadline: float) -> Generator[httpx.Response]:
        """The answer to a request, whose body is still to come. Asks again as long as nothing has begun.

        A request changes nothing on the server, so what failed before its answer began is safe to repeat.
        """
        pause = PAUSE_S
        while True:
            left = deadline - self._clock()
            if left <= 0:
                raise UnavailableError("The server of the twins is waking up. Try again in a minute.")
            try:
                with self._client.stream(
                    "POST", f"{self._url}/v1/completions", json=request, headers=self._headers(), timeout=left
                ) as response:
                    if response.status_code == 200:
                        yield response
                        return
                    if response.status_code not in ASLEEP:
                        response.read()
                        raise _refused(response)
            except httpx.ReadTimeout as error:
                raise UnavailableError("The server of the twins is waking up. Try again in a minute.") from error
            except httpx.TransportError:
                pass
            self._sleep(min(random.uniform(0, pause), max(0.0, deadline - self._clock())))  # noqa: S311  jitter
            pause = min(pause * 2, LONGEST_PAUSE_S)

    def _headers(self) -> dict[str, str]:
        token = self._token()
        return {} if token is None else {"Authorization": f"Bearer {token}"}


def _drawing(sampling: Sampling) -> dict[str, Any]:
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "repetition_penalty": sampling.repeat_penalty,
        "max_tokens": sampling.max_tokens,
        **({} if sampling.seed is None else {"seed": sampling.seed}),
    }


def _refused(response: httpx.Response) -> Exception:
    status = response.status_code
    if status == 429:
        after = response.headers.get("retry-after", "")
        return BusyError(
            "The server of the twins has too much to do. Try again in a moment.",
            retry_after=float(after) if after.isdecimal() else 5.0,
        )
    if status in {401, 403}:
        return SettingsError(
            f"The vLLM server refuses the key (status {status}). Give it in TWIN_CHAT=vllm:https://:KEY@HOST, or let "
            "the web app's account call it: roles/run.invoker."
        )
    if status == 404:
        return ModelError(
            "The server of the twins does not find this twin's adapter. See that it is started with --enable-lora, "
            "VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 and the bucket at VLLM_LORA_RESOLVER_CACHE_DIR, or train the twin again."
        )
    # What vLLM says may quote the prompt.
    return ModelError(f"The server of the twins refused the request (status {status}). Train the twin again.")
