"""Fifty people who sign up, upload, make a twin, chat and delete their account, again and again: `make soak`.

A real server with its worker, a tiny random model, each person from a loopback address of their own, because limits
count by it. Counted are faults (answers of 5xx that are no clear refusal, broken connections), memory and file handles
of the server and its children, and how long each kind of request took. The last line is one JSON object.
"""

import argparse
import json
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

import httpx
import psutil
from tests.chaos.visitor import Refused, Visitor
from tests.cli.conftest import lines
from tests.tiny import tiny_gemma

from twin.settings import Settings

CHAT = lines("Nora Quill", "Otto", 30).encode()


class Soak:
    """What people met."""

    def __init__(self, address: str, server: psutil.Process, until: float) -> None:
        self.address = address
        self.until = until
        self.took: defaultdict[str, list[float]] = defaultdict(list)
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []
        self.held: list[tuple[float, int]] = []
        self._server = server
        self._lock = threading.Lock()

    def watch(self, what: str, seconds: float) -> None:
        with self._lock:
            self.took[what].append(seconds)

    def count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1

    def fault(self, what: str) -> None:
        with self._lock:
            self.faults.append(what)

    def sample(self) -> None:
        """Memory of the server, without the processes that train and answer, and its file handles."""
        memory = self._server.memory_full_info()
        self.held.append((memory.uss / 1e6, self._server.num_fds()))

    def live(self, number: int) -> None:
        """One person's lives, one after the other."""
        chance = random.Random(number)
        life = 0
        while time.monotonic() < self.until:
            life += 1
            visitor = Visitor(
                self.address,
                f"person{number}-{life}@example.org",
                source=f"127.1.{number // 250}.{number % 250 + 2}",
                watch=self.watch,
            )
            try:
                self._once(visitor, chance)
                self.count("lives")
            except Refused as refused:
                self.count(re.sub(r"[0-9a-f]{32}", "…", f"refused {refused}"))
                time.sleep(2)
            except (httpx.HTTPError, AssertionError, TimeoutError, KeyError) as error:
                self.fault(f"{type(error).__name__}: {error}")
            finally:
                visitor.close()

    def _once(self, visitor: Visitor, chance: random.Random) -> None:
        visitor.sign_up()
        visitor.begin_twin()
        visitor.upload("kitchen.txt", CHAT, piece=1 + len(CHAT) // 3)
        visitor.wait_until_read()
        visitor.make_twin("Nora Quill", "nora", budget="60")
        # Each waits some time for the training, looks at it, talks if the twin can answer already, and goes.
        leaves = time.monotonic() + chance.uniform(5, 60)
        while time.monotonic() < min(leaves, self.until) and not visitor.is_over():
            time.sleep(chance.uniform(0.5, 3))
        for _ in range(chance.randrange(1, 4)):
            answer = visitor.get(f"/twins/{visitor.twin}/chat")
            if "<textarea" in answer.text:  # as soon as its chats are prepared, the base can answer in its place
                said = visitor.say("who has the keys")
                self.count("replies" if "event: piece" in said else "no reply")
            for page in ("/twins", f"/twins/{visitor.twin}/training", "/account", f"/twins/{visitor.twin}/share"):
                visitor.get(page)
                time.sleep(chance.uniform(0, 0.5))
        visitor.delete_account()


def soak(folder: Path, *, people: int, minutes: float) -> dict[str, object]:
    tiny = tiny_gemma(folder)
    settings = Settings(home=f"{folder}/home", base=str(tiny.gguf))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-P", "-m", "twin", "serve", "--port", str(port)]
    environment = {**os.environ, **settings.variables()}
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log) as server,
    ):
        assert server.stdout
        server.stdout.readline()
        found = Soak(f"http://127.0.0.1:{port}", psutil.Process(server.pid), time.monotonic() + minutes * 60)
        threads = [threading.Thread(target=found.live, args=(number,)) for number in range(people)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            found.sample()
            time.sleep(min(5.0, minutes * 60 / 40))
        found.sample()
        server.terminate()
    # A fault that was noted has its place in its line; of any other, the last line says what it was.
    fault = re.compile(r".* at \w+\.py:|Traceback|[\w.]*(Error|Exception|Interrupt|Exit)\b")
    faults = [line for line in (folder / "log").read_text("utf-8").splitlines() if fault.match(line)]
    return _summed(found, faults)


def _summed(found: Soak, logged: list[str]) -> dict[str, object]:
    every = sorted(seconds for took in found.took.values() for seconds in took)
    slowest = {
        what: round(sorted(took)[int(len(took) * 0.95)] * 1000)
        for what, took in sorted(found.took.items(), key=lambda pair: -sorted(pair[1])[int(len(pair[1]) * 0.95)])[:5]
    }
    # What comes first is not yet loaded; flat is what stays after a quarter of the time.
    settled = found.held[len(found.held) // 4 :]
    return {
        "requests": len(every),
        "p50_ms": round(every[len(every) // 2] * 1000),
        "p95_ms": round(every[int(len(every) * 0.95)] * 1000),
        "slowest_p95_ms": slowest,
        "faults": found.faults[:20],
        "logged": logged[:20],
        "counts": found.counts,
        "memory_mb": [round(mb, 1) for mb, _ in (settled[0], max(settled), settled[-1])],
        "handles": [settled[0][1], max(handles for _, handles in settled), settled[-1][1]],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = soak(Path(folder), people=options.people, minutes=options.minutes)
    print(json.dumps({"people": options.people, "minutes": options.minutes, "load": psutil.getloadavg()[0], **found}))
    sys.exit(1 if found["faults"] or found["logged"] else 0)


if __name__ == "__main__":
    main()
