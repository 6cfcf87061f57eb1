"""How fast twins answer, and what they cost in memory. `make bench-serve` runs it; `--soak` breaks things on purpose.

Decode speed is compared with llama.cpp's own on the same file and threads, in turns, so that what else the machine
does meets both. The adapters are random ones of rank 8 on every linear layer,
weak enough that the base still speaks. The last line is one JSON object.
"""

import argparse
import json
import multiprocessing
import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from twin.base import models
from twin.base.adapter import LoraAdapter, LowRank
from twin.base.models import Base
from twin.convert.gguf import write_adapter
from twin.domain.examples import Role, Turn
from twin.domain.ports import Sampling
from twin.errors import ModelError, NotFoundError, TwinError
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


class Adapters:
    """Published adapters: as many as are asked for, of a few files."""

    def __init__(self, base: Base, folder: Path, *, files: int = 4) -> None:
        self._folder = folder
        self._files = [folder / f"file-{number}.gguf" for number in range(files)]
        for number, file in enumerate(self._files):
            write_adapter(_random_adapter(base, seed=number), file)
        self.size_mb = self._files[0].stat().st_size / 1e6

    def locate(self, adapter: str) -> Path:
        path = self._folder / adapter
        if not path.exists():
            raise NotFoundError(f"There is no adapter {adapter}.")
        return path

    def publish(self, adapter: str) -> str:
        (self._folder / adapter).hardlink_to(self._files[hash(adapter) % len(self._files)])
        return adapter

    def remove(self, adapter: str) -> None:
        (self._folder / adapter).unlink()


def _random_adapter(base: Base, *, seed: int, rank: int = 8) -> LoraAdapter:
    chance = np.random.default_rng(seed)
    modules = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj"}
    modules |= {"attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj"}
    modules |= {"ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
    weights = {}
    for name, tensor in base.model.tensors.items():
        _, _, rest = name.partition(".")
        layer, _, kind = rest.removesuffix(".weight").partition(".")
        if kind in modules:
            out, into = tensor.shape
            a = chance.normal(0, into**-0.5, (rank, into)).astype(np.float32)
            b = chance.normal(0, 0.002, (out, rank)).astype(np.float32)
            weights[f"model.layers.{layer}.{modules[kind]}"] = LowRank(a, b)
    return LoraAdapter(rank=rank, alpha=2.0 * rank, weights=weights)


def decode(base: Base, *, threads: int, rounds: int) -> dict[str, Any]:
    """Tokens a second of one reply, ours through the engine, beside llama.cpp's own.

    Its threads spin while they wait for each other, which other programs slow down a lot. The ratio is to
    llama.cpp with threads that sleep, as ours do; how it does as it comes is told too.
    """
    tokens = [base.vocabulary.bos, *base.vocabulary.encode(COUNTING)]
    sampling = Sampling(temperature=0, max_tokens=TOKENS)
    speeds: dict[str, list[float]] = {"ours": [], "sleeping": [], "spinning": []}
    with (
        closing(LlamaServer(base.path, [], threads=threads, context=2048, slots=8, waiting=8)) as server,
        closing(Raw(base.path, threads=threads, wait="passive")) as sleeping,
        closing(Raw(base.path, threads=threads, wait="active")) as spinning,
    ):

        def ours() -> float:
            deadline = time.monotonic() + 600
            times: list[float] = []
            for _ in server.generate(tokens, adapter=None, name="", sampling=sampling, deadline=deadline):
                times.append(time.perf_counter())  # noqa: PERF401
            return (TOKENS - 1) / (times[-1] - times[0])

        for number in range(rounds + 1):
            found = ours(), sleeping.tokens_per_s(tokens), spinning.tokens_per_s(tokens)
            if number:  # the first ones read the file
                for name, speed in zip(speeds, found, strict=True):
                    speeds[name].append(speed)
    ratios = [one / other for one, other in zip(speeds["ours"], speeds["sleeping"], strict=True)]
    return {
        "decode_ratio": round(statistics.median(ratios), 3),
        "decode_tokens_per_s": round(statistics.median(speeds["ours"]), 1),
        "llama_cpp_tokens_per_s": round(statistics.median(speeds["sleeping"]), 1),
        "llama_cpp_spinning_tokens_per_s": round(statistics.median(speeds["spinning"]), 1),
    }


class Raw:
    """llama.cpp alone, in a process of its own: one slot, its own defaults."""

    def __init__(self, model: Path, *, threads: int, wait: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._line, other = context.Pipe()
        self._process = context.Process(target=_raw, args=(str(model), threads, wait, other))
        self._process.start()
        other.close()

    def tokens_per_s(self, tokens: list[int]) -> float:
        self._line.send(tokens)
        return self._line.recv()

    def close(self) -> None:
        self._line.close()
        self._process.join()


def _raw(model: str, threads: int, wait: str, line: Connection) -> None:
    os.environ["OMP_WAIT_POLICY"] = wait
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
            held[count] = _server_mb(model)
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


def _server_mb(model: LlamaChat) -> float:
    crew = model._fleet._crew  # pyright: ignore[reportPrivateUsage]
    assert crew
    return _pss_mb(crew.server._process.pid)  # pyright: ignore[reportPrivateUsage]


def _pss_mb(pid: int | str) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000


def soak(folder: Path, *, requests: int, twins: int = 30) -> dict[str, Any]:
    """Ask a tiny random model from 8 threads while twins come, go and break: every reply is right or a clear error."""
    from tests.tiny import tiny_adapter, tiny_gemma

    base = Base("tiny", tiny_gemma(folder).gguf)
    files = [folder / f"file-{number}.gguf" for number in range(10)]
    for number, file in enumerate(files):
        write_adapter(tiny_adapter(seed=number + 1), file)
    turns = [Turn(Role.OTHER, "Ana", (SAID[0],))]
    greedy = Sampling(temperature=0, max_tokens=10)

    def reply(model: LlamaChat, adapter: str) -> str:
        return "".join(p.text for p in model.reply(turns, speaker="Ben", adapter=adapter, sampling=greedy))

    with LlamaChat(base, locate=lambda name: files[int(name)], threads=1, context=256) as model:
        right = [reply(model, str(number)) for number in range(len(files))]

    published = Published(folder, files)
    counts: dict[str, int] = {}
    wrong = 0
    held: list[float] = []
    lock = threading.Lock()
    with LlamaChat(base, locate=published.locate, threads=1, context=256, slots=4, waiting=64, adapters=20) as model:

        def ask(number: int) -> None:
            nonlocal wrong
            chance = random.Random(number)
            name = str(chance.randrange(twins))
            if number % 10 == 0:
                published.change(name, chance, forget=model.forget, load=model.load)
            before = published.owner(name)
            try:
                said = reply(model, name)
                outcome = "answered"
            except (NotFoundError, ModelError) as error:
                said = None
                outcome = type(error).__name__
            after = published.owner(name)
            with lock:
                counts[outcome] = counts.get(outcome, 0) + 1
                # What changed while it was asked may have answered either way.
                file, _ = before
                if before == after and said != (None if file is None or file < 0 else right[file]):
                    wrong += 1
                if number % (requests // 10) == 0:
                    held.append(_pss_mb("self"))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(ask, range(requests)))
        server_mb = _server_mb(model)
    tenth = max(1, len(held) // 10)
    return {
        "requests": requests,
        "outcomes": counts,
        "wrong": wrong,
        "changes": published.changes,
        "mb_after_a_tenth": round(held[tenth], 1),
        "mb_at_the_end": round(held[-1], 1),
        "server_mb": round(server_mb, 1),
    }


class Published:
    """Twins of a soak test: which of the adapter files each has now; -1: a broken one; None: none."""

    def __init__(self, folder: Path, files: list[Path]) -> None:
        self._folder = folder
        self._files = files
        self._owners: dict[str, tuple[int | None, int]] = {}
        self._lock = threading.Lock()
        self.changes = 0

    def locate(self, name: str) -> Path:
        path = self._folder / f"twin-{name}.gguf"
        if not path.exists():
            raise NotFoundError("There is no such twin.")
        return path

    def owner(self, name: str) -> tuple[int | None, int]:
        """The file, and the number of the change that made it so."""
        with self._lock:
            return self._owners.get(name, (None, 0))

    def change(
        self, name: str, chance: random.Random, *, forget: Callable[[str], None], load: Callable[..., None]
    ) -> None:
        """Publish, delete or break a twin."""
        path = self._folder / f"twin-{name}.gguf"
        with self._lock:
            self.changes += 1
            what = chance.choice(["publish", "publish", "delete", "break"])
            if what == "delete":
                path.unlink(missing_ok=True)
                self._owners[name] = (None, self.changes)
                forget(name)
                return
            number = chance.randrange(len(self._files))
            content = self._files[number].read_bytes()
            if what == "break":
                number, content = -1, content[: chance.randrange(len(content))]
            partial = self._folder / f"partial-{name}"
            partial.write_bytes(content)
            partial.replace(path)
            self._owners[name] = (number, self.changes)
        load(name)


def _percentile(values: Iterable[float], percent: int) -> float:
    return round(float(np.percentile(list(values), percent)), 3)


if __name__ == "__main__":
    main()
