"""How fast twins answer, and what they cost in memory. `make bench-serve` runs it; `--soak` breaks things on purpose.

Decode speed is compared with llama.cpp's own on the same file and threads, in turns, so that what else the machine
does meets both. The last line is one JSON object.
"""

import argparse
import json
import multiprocessing
import os
import signal
import statistics
import tempfile
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from bench.published import Adapters

from twin.base import models
from twin.base.models import Base
from twin.domain.examples import Role, Turn
from twin.domain.ports import Sampling
from twin.errors import NotFoundError, TwinError
from twin.serve.llama import LlamaChat
from twin.serve.server import LlamaServer

BASES = Path(os.environ.get("TWIN_BENCH", ".cache/bench"))
COUNTING = "one 1\ntwo 2\nthree 3\nfour 4\nfive 5\nsix 6\nseven 7\neight 8\nnine 9\nten 10\n"
"""A text that a model goes on with for as long as it may."""
TOKENS = 128
SAID = (
    "did you water the tomatoes?",
    "and who has the keys now",
    "ok. lunch at one?",
    "bring the blue umbrella please",
)


def main() -> None:
    """Measure, and print one line of JSON last."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default=models.DEFAULT, help="name or path of the base model")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5, help="of the comparison with llama.cpp")
    parser.add_argument("--soak", type=int, metavar="N", help="instead: N requests to a tiny random model")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if asked.soak:
            from bench.soak import soak

            figures = soak(Path(folder), requests=asked.soak)
        else:
            base = models.find(asked.base, folder=BASES)
            figures = measure(base, Path(folder), threads=asked.threads, rounds=asked.rounds)
    print(json.dumps(figures))


def measure(base: Base, folder: Path, *, threads: int, rounds: int) -> dict[str, Any]:
    """All figures of a real base model."""
    figures: dict[str, Any] = {"base": base.name, "threads": threads, "load_average": round(os.getloadavg()[0], 1)}
    figures |= told("decode", decode(base, threads=threads, rounds=rounds))
    adapters = Adapters(base, folder)
    figures["chats"] = {}
    for count in (1, 4, 8):
        figures["chats"][count] = told(f"{count} chats at once", chats(base, adapters, threads=threads, count=count))
    figures["ttft_p95_s"] = figures["chats"][1]["ttft_p95_s"]
    figures |= told("publishing", publishing(base, adapters, threads=threads))
    figures |= told("memory", memory(base, adapters, threads=threads))
    return figures


def told(name: str, figures: dict[str, Any]) -> dict[str, Any]:
    print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in figures.items()), flush=True)
    return figures


def decode(base: Base, *, threads: int, rounds: int) -> dict[str, Any]:
    """Tokens a second of one reply, ours through the engine, beside llama.cpp's own.

    Its threads spin while they wait for each other and for work, so it is stopped while ours has its turn.
    """
    tokens = [base.vocabulary.bos, *base.vocabulary.encode(COUNTING)]
    sampling = Sampling(temperature=0, max_tokens=TOKENS)
    speeds: dict[str, list[float]] = {"ours": [], "llama.cpp": []}
    with (
        closing(LlamaServer(base.path, [], threads=threads, context=2048, slots=8, waiting=8)) as server,
        closing(Raw(base.path, threads=threads)) as raw,
    ):

        def ours() -> float:
            deadline = time.monotonic() + 600
            times: list[float] = []
            for _ in server.generate(tokens, adapter=None, name="", sampling=sampling, deadline=deadline):
                times.append(time.perf_counter())  # noqa: PERF401
            return (TOKENS - 1) / (times[-1] - times[0])

        for number in range(rounds + 1):
            found = ours(), raw.tokens_per_s(tokens)
            if number:  # the first ones read the file
                for name, speed in zip(speeds, found, strict=True):
                    speeds[name].append(speed)
    ratios = [one / other for one, other in zip(*speeds.values(), strict=True)]
    return {
        "decode_ratio": round(statistics.median(ratios), 3),
        "decode_tokens_per_s": round(statistics.median(speeds["ours"]), 1),
        "llama_cpp_tokens_per_s": round(statistics.median(speeds["llama.cpp"]), 1),
    }


class Raw:
    """llama.cpp alone, in a process of its own: one slot, its own defaults."""

    def __init__(self, model: Path, *, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._line, other = context.Pipe()
        self._process = context.Process(target=_raw, args=(str(model), threads, other))
        self._process.start()
        other.close()

    def tokens_per_s(self, tokens: list[int]) -> float:
        self._signal(signal.SIGCONT)
        self._line.send(tokens)
        found = self._line.recv()
        self._signal(signal.SIGSTOP)
        return found

    def close(self) -> None:
        self._signal(signal.SIGCONT)
        self._line.close()
        self._process.join()

    def _signal(self, number: int) -> None:
        assert self._process.pid
        os.kill(self._process.pid, number)


def _raw(model: str, threads: int, line: Connection) -> None:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = model
    parameters.n_ctx = 2048
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    parameters.verbosity = -1
    server = xllamacpp.Server(parameters)
    request = {"max_tokens": TOKENS, "temperature": 0, "cache_prompt": False}
    while True:
        try:
            tokens = line.recv()
        except EOFError:
            return
        times: list[float] = []
        server.handle_completions(
            request | {"prompt": tokens, "stream": True},
            lambda event, times=times: times.append(time.perf_counter()) if event["choices"][0]["text"] else None,
        )
        line.send((TOKENS - 1) / (times[-1] - times[0]))


def chats(base: Base, adapters: Adapters, *, threads: int, count: int, replies: int = 12) -> dict[str, Any]:
    """So many people each talk with a twin of their own, and answer at once."""
    names = [adapters.publish(f"chat-{count}-{number}") for number in range(count)]
    first_s: list[float] = []
    tokens: list[int] = []
    with LlamaChat(base, locate=adapters.locate, threads=threads) as model:
        model.load(*names)
        _say(model, names[0], [Turn(Role.OTHER, "Ana", (SAID[0],))], [])

        def talk(number: int) -> None:
            turns: list[Turn] = []
            for said in range(replies):
                turns.append(Turn(Role.OTHER, "Ana", (SAID[(said + number) % len(SAID)],)))
                text = _say(model, names[number], turns, first_s)
                tokens.append(len(base.vocabulary.encode(text)))
                turns.append(Turn(Role.OWNER, "Ben", (text or "hm",)))

        began = time.perf_counter()
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(talk, range(count)))
        took = time.perf_counter() - began
    return {
        "ttft_p50_s": _percentile(first_s, 50),
        "ttft_p95_s": _percentile(first_s, 95),
        "tokens_per_s": round(sum(tokens) / took, 1),
        "replies_per_s": round(len(tokens) / took, 2),
    }


def _say(model: LlamaChat, adapter: str, turns: list[Turn], first_s: list[float]) -> str:
    began = time.perf_counter()
    text = ""
    for piece in model.reply(turns, speaker="Ben", adapter=adapter, sampling=Sampling(max_tokens=60), deadline_s=300):
        if not text:
            first_s.append(time.perf_counter() - began)
        text += piece.text
    return text.strip()


def publishing(base: Base, adapters: Adapters, *, threads: int, times: int = 5) -> dict[str, Any]:
    """From publishing to the first word, and from deleting to the error, while two others keep talking."""
    steady = [adapters.publish(f"steady-{number}") for number in range(2)]
    turns = [Turn(Role.OTHER, "Ana", (SAID[0],))]
    stop = threading.Event()
    failed: list[str] = []
    answered: list[float] = []
    with LlamaChat(base, locate=adapters.locate, threads=threads) as model:
        model.load(*steady)
        for name in steady:
            _say(model, name, turns, [])

        def talk(name: str) -> None:
            while not stop.is_set():
                try:
                    _say(model, name, turns, answered)
                except TwinError as error:
                    failed.append(type(error).__name__)

        with ThreadPoolExecutor(len(steady)) as pool:
            talks = [pool.submit(talk, name) for name in steady]
            waits, silences = [], []
            for number in range(times):
                name = f"new-{number}"
                first: list[float] = []
                model.load(adapters.publish(name))
                _say(model, name, turns, first)
                waits += first
                began = time.perf_counter()
                adapters.remove(name)
                model.forget(name)
                silences.append(_until_missing(model, name, turns, began))
            stop.set()
            for one in talks:
                one.result()
    return {
        "publish_s": round(statistics.median(waits), 2),
        "publish_slowest_s": round(max(waits), 2),
        "delete_s": round(max(silences), 3),
        "failed_meanwhile": len(failed),
        "answered_meanwhile": len(answered),
    }


def _until_missing(model: LlamaChat, name: str, turns: list[Turn], began: float) -> float:
    while True:
        try:
            _say(model, name, turns, [])
        except NotFoundError:
            return time.perf_counter() - began


def memory(base: Base, adapters: Adapters, *, threads: int) -> dict[str, Any]:
    """Megabytes of this process and its server with 1, 10 and 100 twins, each loaded and asked once."""
    held: dict[int, float] = {}
    publish_s = 0.0
    turns = [Turn(Role.OTHER, "Ana", (SAID[0],))]
    for count in (1, 10, 100):
        names = [adapters.publish(f"memory-{count}-{number}") for number in range(count)]
        with LlamaChat(base, locate=adapters.locate, threads=threads) as model:
            model.load(*names)
            for name in names[:: max(1, count // 10)]:
                _say(model, name, turns, [])
            held[count] = server_mb(model)
            began = time.perf_counter()
            model.load(adapters.publish(f"memory-{count}-last"))
            _say(model, f"memory-{count}-last", turns, [])
            publish_s = time.perf_counter() - began
    return {
        "mb_per_twin": round((held[100] - held[1]) / 99, 2),
        "mb_of_adapter_file": round(adapters.size_mb, 2),
        "mb_with_twins": {count: round(mb) for count, mb in held.items()},
        "publish_beside_100_s": round(publish_s, 2),
    }


def server_mb(model: LlamaChat) -> float:
    crew = model._fleet._crew  # pyright: ignore[reportPrivateUsage]
    assert crew
    return pss_mb(crew.server._process.pid)  # pyright: ignore[reportPrivateUsage]


def pss_mb(pid: int | str) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000


def _percentile(values: Iterable[float], percent: int) -> float:
    return round(float(np.percentile(list(values), percent)), 3)


if __name__ == "__main__":
    main()
