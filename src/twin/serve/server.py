"""One llama.cpp server in this process: a base model and a set of adapters that stays as it is.

Two of llama.cpp's habits are dangerous here, and are switched off: a request that names no adapter keeps the one
before it, so every request states the scale of every adapter; and a slot may go on from a context that another
adapter computed, so slots are given out here and a slot that changes its adapter begins anew.
"""

import os
import queue
import secrets
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from twin.domain.ports import Sampling
from twin.errors import ModelError, SettingsError, UnavailableError
from twin.serve.fair import FairQueue, Ticket

_FORCED = 1e4
"""Added to a logit to make its token certain; logits stay within some hundreds."""
_ALL = 1 << 20
"""More tokens than a vocabulary has."""
_BATCH = 512
"""Tokens of a prompt between two looks at whether anybody still waits for the reply."""


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
        """
        self._adapters = len(adapters)
        self._slots = [_Slot(number) for number in range(slots)]
        self._slots_lock = threading.Lock()
        self._queue = FairQueue(places=slots, bound=waiting)
        self._native = _start(base, adapters, threads=threads, context=context, slots=slots)
        # A server that is dropped before its loop runs would never end; an answer shows that it runs.
        self._ask({"prompt": [0], "max_tokens": 1, **self._shared(None)}, lambda _: False)

    def generate(
        self, tokens: Sequence[int], *, adapter: int | None, name: str, sampling: Sampling, deadline: float
    ) -> Generator[str]:
        """Text as it is drawn. Closing the iterator stops the work.

        Args:
            adapter: index into the adapters of this server; None for the base.
            name: whose request it is; the queue is fair between names.
            deadline: on the clock of `time.monotonic`.

        Raises:
            BusyError, ModelError, UnavailableError (the deadline passed)
        """
        ticket = self._queue.enter(adapter, name, deadline=deadline)
        events: queue.SimpleQueue[dict[str, Any] | BaseException | None] = queue.SimpleQueue()
        stop = threading.Event()
        slot, cached = self._take_slot(adapter, tokens, fresh=sampling.seed is not None)

        def work() -> None:
            def hear(event: dict[str, Any]) -> bool:
                events.put(event)
                return stop.is_set()

            try:
                request = _drawing(sampling) | self._shared(adapter)
                self._ask(
                    request | {"prompt": list(tokens), "id_slot": slot.number, "cache_prompt": cached, "stream": True},
                    hear,
                )
            except BaseException as error:  # noqa: BLE001  # raised again in the thread that reads
                events.put(error)
            finally:
                self._give_back(slot, ticket)
                events.put(None)

        try:
            threading.Thread(target=work, name="llama-reply", daemon=True).start()
        except RuntimeError:
            self._give_back(slot, ticket)
            raise UnavailableError("This machine cannot start another thread. Try again.") from None
        try:
            while (event := _next(events, deadline)) is not None:
                if isinstance(event, BaseException):
                    raise event
                if text := _text(event):
                    yield text
        finally:
            stop.set()

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
        ticket = self._queue.enter(adapter, name, deadline=deadline)
        slot, cached = self._take_slot(adapter, tokens, fresh=False)
        try:
            for index, token in enumerate(target):
                if time.monotonic() > deadline:
                    raise UnavailableError("The twin did not finish in time. Try again.")
                request = self._shared(adapter) | {"prompt": [*tokens, *target[:index]], "id_slot": slot.number}
                request["cache_prompt"] = cached or index > 0
                found = self._reported(request, forced=token, listed=1)
                if token not in found:
                    found = self._reported(request, forced=letter, listed=_ALL)
                yield found[token]
        finally:
            self._give_back(slot, ticket)

    def _reported(self, request: dict[str, Any], *, forced: int, listed: int) -> dict[int, float]:
        found: dict[int, float] = {}

        def hear(event: dict[str, Any]) -> bool:
            for choice in event["choices"]:
                for drawn in (choice.get("logprobs") or {}).get("content", ()):
                    for entry in (*drawn["top_logprobs"], drawn):
                        found[entry["id"]] = entry["logprob"]
            return False

        forcing = {"temperature": 0.0, "logit_bias": [[forced, _FORCED]], "max_tokens": 1, "logprobs": listed}
        self._ask(request | forcing | {"stream": True}, hear)
        return found

    def close(self) -> None:
        """Wait for the replies under way, then free the memory."""
        self._queue.drain()
        self._native = None

    def _shared(self, adapter: int | None) -> dict[str, Any]:
        scales = [{"id": index, "scale": float(index == adapter)} for index in range(self._adapters)]
        return {"lora": scales} if scales else {}

    def _ask(self, request: dict[str, Any], hear: Callable[[dict[str, Any]], bool]) -> None:
        """Ask llama.cpp and wait. `hear` gets each event and says whether to stop."""
        failures: list[str] = []

        def listen(event: dict[str, Any]) -> bool:
            if "error" in event:
                failures.append(str(event["error"].get("type", "error")))
                return True
            return hear(event)

        native = self._native
        if native is None:
            raise UnavailableError("The model is being unloaded. Try again.")
        native.handle_completions(request, listen)
        if failures:
            raise ModelError(f"llama.cpp did not take the request ({failures[0]}). Choose another base model.")

    def _take_slot(self, adapter: int | None, tokens: Sequence[int], *, fresh: bool) -> tuple[_Slot, bool]:
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

    def _give_back(self, slot: _Slot, ticket: Ticket) -> None:
        with self._slots_lock:
            slot.free = True
        self._queue.leave(ticket)


def _start(base: Path, adapters: Sequence[Path], *, threads: int, context: int, slots: int) -> Any:
    # Threads that wait for each other must sleep, not spin: beside a training run, spinning ones decode ten
    # times slower. The OpenMP library reads this when it is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        xllamacpp: Any = import_module("xllamacpp")
    except ImportError:
        raise SettingsError('llama.cpp is not installed. Run: pip install "twin[chat]"') from None
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(base)
    parameters.model_alias = {"twin"}
    parameters.cpuparams.n_threads = threads
    parameters.cpuparams_batch.n_threads = threads
    parameters.n_ctx = context * slots
    parameters.n_parallel = slots
    parameters.n_batch = parameters.n_ubatch = _BATCH
    # Gemma's sliding windows are kept whole, so that a slot can go back to any earlier point of its context.
    parameters.swa_full = True
    parameters.cache_ram_mib = 0
    parameters.cache_idle_slots = False
    parameters.fit_params = False
    parameters.warmup = False
    parameters.verbosity = -1
    # The server also listens on a loopback port, where nobody has business.
    parameters.api_keys = [secrets.token_urlsafe(32)]
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.n_threads_http = 1
    loaded: list[Any] = []
    for path in adapters:
        adapter = xllamacpp.CommonAdapterLoraInfo()
        adapter.path = str(path)
        adapter.scale = 0.0
        loaded.append(adapter)
    parameters.lora_adapters = loaded
    try:
        return xllamacpp.Server(parameters)
    except RuntimeError:
        raise ModelError(f"llama.cpp cannot load {base.name} with {len(adapters)} adapters.") from None


def _drawing(sampling: Sampling) -> dict[str, Any]:
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


def _text(event: dict[str, Any]) -> str:
    return "".join(choice["text"] for choice in event["choices"])


def _next(events: "queue.SimpleQueue[Any]", deadline: float) -> Any:
    try:
        return events.get(timeout=max(0.0, deadline - time.monotonic()))
    except queue.Empty:
        raise UnavailableError("The twin did not finish its reply in time. Try again.") from None


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """Length of the common beginning."""
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    return min(len(one), len(other))
