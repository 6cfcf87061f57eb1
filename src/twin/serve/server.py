"""One llama.cpp server: a base model and a set of adapters that stays as it is.

Two of llama.cpp's habits are dangerous here, and are switched off: a request that names no adapter keeps the one
before it, so every request states the scale of every adapter; and a slot may go on from a context that another
adapter computed, so slots are given out here and a slot that changes its adapter begins anew.
"""

import json
import logging
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from twin.domain.ports import Sampling
from twin.errors import ModelError, SettingsError, UnavailableError
from twin.serve.child import Order
from twin.serve.fair import FairQueue

log = logging.getLogger(__name__)

_FORCED = 1e4
"""Added to a logit to make its token certain; logits stay within some hundreds."""
_ALL = 1 << 20
"""More tokens than a vocabulary has."""
_BATCH = 512
"""Tokens of a prompt between two looks at whether anybody still waits for the reply."""

Event = dict[str, Any]
Process = subprocess.Popen[str]


@dataclass(slots=True)
class _Slot:
    """A place for one sequence, and whose prompt it holds."""

    number: int
    adapter: int | None = None
    tokens: Sequence[int] = ()
    free: bool = True
    used: float = 0.0


class LlamaServer:
    """Generates from token ids. Thread-safe; requests beyond the slots wait their turn."""

    def __init__(
        self, base: Path, adapters: Sequence[Path], *, threads: int, context: int, slots: int, waiting: int
    ) -> None:
        """Load the base and the adapters, which takes 1 to 2 s for Gemma 3 270M.

        Args:
            context: tokens of one sequence, prompt and reply.
            slots: sequences that are kept in memory and may run at once.
            waiting: requests that may wait for each twin.

        Raises:
            ModelError: llama.cpp does not take these files. It does not say which.
            SettingsError: llama.cpp is not installed.
        """
        self._adapters = len(adapters)
        self._slots = [_Slot(number) for number in range(slots)]
        self._slots_lock = threading.Lock()
        self._queue = FairQueue(places=slots, bound=waiting)
        self._broken_off = False
        self._key = secrets.token_urlsafe(32)
        files = [str(path.absolute()) for path in adapters]
        order = Order(str(base.absolute()), files, threads, context, slots, _BATCH, self._key)
        self._process, told = _spawn(order)
        if told.get("error") == "import":
            raise SettingsError('llama.cpp is not installed. Run: pip install "twin[chat]"')
        if "address" not in told:
            raise ModelError(f"llama.cpp cannot load {base.name} with {len(adapters)} adapters.")
        self._address = urlsplit(told["address"]).netloc

    def generate(
        self, tokens: Sequence[int], *, adapter: int | None, name: str, sampling: Sampling, deadline: float
    ) -> Generator[str]:
        """Text as it is drawn. Closing the iterator stops the work.

        Args:
            adapter: index into the adapters of this server; None for the base.
            name: whose request it is; the queue is fair between names.
            deadline: on the clock of `time.monotonic`.

        Raises:
            BusyError, ModelError, UnavailableError (the deadline passed, or the server ended)
        """
        fresh = sampling.seed is not None  # going on from a context changes the last digits
        with (
            self._slot(adapter, tokens, name=name, fresh=fresh, deadline=deadline) as request,
            closing(self._ask(request | _drawing(sampling), deadline)) as events,
        ):
            for event in events:
                if text := "".join(choice["text"] for choice in event["choices"]):
                    yield text

    def log_probabilities(
        self,
        tokens: Sequence[int],
        target: Sequence[int],
        *,
        letter: int,
        adapter: int | None,
        name: str,
        deadline: float,
    ) -> Iterator[float]:
        """The natural logarithm of the probability of each token of `target` after `tokens` and those before it.

        llama.cpp reports what the model gave the token it drew, whatever made it draw that one; so each token is
        forced in turn, and the slot keeps the context. It is silent about a token that is only a part of a
        letter; then `letter`, a token that is a whole one, is forced and the list of all tokens searched.
        """
        with self._slot(adapter, tokens, name=name, fresh=False, deadline=deadline) as request:
            for index, token in enumerate(target):
                request["prompt"] = [*tokens, *target[:index]]
                found = self._reported(request, deadline, forced=token, listed=1)
                if token not in found:
                    found = self._reported(request, deadline, forced=letter, listed=_ALL)
                yield found[token]
                request["cache_prompt"] = True

    @property
    def alive(self) -> bool:
        """Whether the process of the server runs and answers."""
        return not self._broken_off and self._process.poll() is None

    def close(self) -> None:
        """Wait for the replies under way, then end the process."""
        if self.alive:
            self._queue.drain()
        _end(self._process)

    def _reported(self, request: Event, deadline: float, *, forced: int, listed: int) -> dict[int, float]:
        forcing = {"temperature": 0.0, "logit_bias": [[forced, _FORCED]], "max_tokens": 1, "logprobs": listed}
        found: dict[int, float] = {}
        for event in self._ask(request | forcing, deadline):
            for choice in event["choices"]:
                for drawn in (choice.get("logprobs") or {}).get("content", ()):
                    found |= {entry["id"]: entry["logprob"] for entry in (*drawn["top_logprobs"], drawn)}
        return found

    @contextmanager
    def _slot(
        self, adapter: int | None, tokens: Sequence[int], *, name: str, fresh: bool, deadline: float
    ) -> Generator[Event]:
        """A turn and a free slot; gives the request for it, to be completed."""
        ticket = self._queue.enter(adapter, name, deadline=deadline)
        slot, cached = self._take(adapter, tokens, fresh=fresh)
        try:
            yield {
                "prompt": list(tokens),
                "id_slot": slot.number,
                "cache_prompt": cached,
                "lora": [{"id": index, "scale": float(index == adapter)} for index in range(self._adapters)],
                "stream": True,
            }
        finally:
            with self._slots_lock:
                slot.free = True
            self._queue.leave(ticket)

    def _take(self, adapter: int | None, tokens: Sequence[int], *, fresh: bool) -> tuple[_Slot, bool]:
        """A free slot, and whether its context may be gone on from."""
        with self._slots_lock:
            free = [slot for slot in self._slots if slot.free]
            known = [] if fresh else [slot for slot in free if slot.adapter == adapter and slot.tokens]
            slot = max(known, key=lambda slot: _common(slot.tokens, tokens), default=None)
            # The beginning mark is common to all; going on from so little is not worth another's slot.
            if slot is None or _common(slot.tokens, tokens) < min(16, len(slot.tokens)):
                slot = min(free, key=lambda slot: slot.used)
            cached = not fresh and slot.adapter == adapter and bool(slot.tokens)
            slot.free, slot.adapter, slot.tokens, slot.used = False, adapter, tuple(tokens), time.monotonic()
            return slot, cached

    def _ask(self, request: Event, deadline: float) -> Generator[Event]:
        """The events of one request. Closing the generator closes the connection, and llama.cpp stops."""
        try:
            with closing(HTTPConnection(self._address, timeout=_left(deadline))) as connection:
                connection.connect()
                socket: Any = connection.sock
                headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
                connection.request("POST", "/v1/completions", json.dumps(request), headers)
                with closing(connection.getresponse()) as response:
                    if response.status != 200:
                        raise _refused(json.load(response))
                    while not (line := response.readline()).startswith(b"data: [DONE]"):
                        if not line:
                            raise ConnectionError  # a connection that breaks looks like a reply that ends
                        if line.startswith(b"data: "):
                            event = json.loads(line[6:])
                            if "error" in event:
                                raise _refused(event)
                            yield event
                        socket.settimeout(_left(deadline))
        except TimeoutError:
            raise UnavailableError("The twin did not finish in time. Try again.") from None
        except (OSError, HTTPException, ValueError) as error:
            self._broken_off = True
            log.warning("llama.cpp broke off (%s), exit status %s", type(error).__name__, self._process.poll())
            raise UnavailableError("The model has to be loaded again. Try again in a few seconds.") from None


def _spawn(order: Order) -> tuple[Process, Event]:
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "twin.serve.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
    except OSError as error:
        raise UnavailableError(f"llama.cpp cannot be started ({error.strerror}). Close other programs.") from None
    told: Event = {}
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(OSError, ValueError):
        process.stdin.write(json.dumps(order._asdict()) + "\n")
        process.stdin.flush()
        told = json.loads(process.stdout.readline())
    if "address" not in told:
        _end(process)
    return process, told


def _end(process: Process) -> None:
    """The process ends when its input does."""
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(OSError):
        process.stdin.close()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


def _drawing(sampling: Sampling) -> Event:
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "repeat_penalty": sampling.repeat_penalty,
        "max_tokens": sampling.max_tokens,
        "seed": secrets.randbits(31) if sampling.seed is None else sampling.seed & 0x7FFFFFFF,
        "return_progress": True,
    }


def _refused(answer: Event) -> ModelError:
    # Its message may quote the prompt; its type does not.
    kind = answer.get("error", {}).get("type", "error")
    return ModelError(f"llama.cpp did not take the request ({kind}). Choose another base model.")


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """Length of the common beginning."""
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    return min(len(one), len(other))
