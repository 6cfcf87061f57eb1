"""`kill -9` at random moments: of the server, which trains as well, and of the stage under way."""

import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil

from tests.chaos import installation
from tests.chaos.systematic import Systematic
from tests.chaos.visitor import Visitor
from tests.cli.conftest import lines
from twin.domain.runs import RunState, Stage
from twin.settings import Settings

LATEST_S = 12.0
"""How long after the last kill the next one comes at most: the longest stages take about that long."""
STUCK_S = 600.0
"""How long nothing may happen, on a machine that does other things too."""
KILLS = 6
"""In one run; then it may end."""


class Server:
    """`twin serve` that can be killed and started again."""

    def __init__(self, home: Path, base: Path, *, worker: bool = True) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        self._command = [sys.executable, "-P", "-m", "twin", "serve", "--port", str(port)]
        self._command += [] if worker else ["--no-worker"]
        self._environment = {**os.environ, **Settings(home=str(home), base=str(base)).variables()}
        self._log = home.with_name(home.name + ".log").open("ab")
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdout=subprocess.PIPE, stderr=self._log, stdin=subprocess.DEVNULL
        )
        assert self._process.stdout
        assert self._process.stdout.readline(), "the server does not start"

    @property
    def stage(self) -> psutil.Process | None:
        """The stage under way."""
        for child in psutil.Process(self._process.pid).children():
            try:
                if "stage" in child.cmdline():
                    return child
            except psutil.Error:
                continue
        return None

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def stop(self) -> None:
        self._process.terminate()
        self._process.communicate()
        self._log.close()


def training(systematic: Systematic, home: Path, chance: random.Random, *, kills: int) -> tuple[Counter[str], str]:
    """One run that is killed so often; what was killed, and what was lost."""
    shutil.rmtree(home, ignore_errors=True)
    systematic.fresh(home)
    counts: Counter[str] = Counter()
    server = Server(home, systematic.base)
    try:
        with installation.opened(home, systematic.base) as platform:

            def state() -> RunState:
                return platform.records.run(installation.RUN).state

            for _ in range(kills):
                time.sleep(chance.uniform(0, LATEST_S))
                stage = server.stage
                if stage and chance.random() < 0.5:
                    stage.kill()
                    counts["stages killed"] += 1
                else:
                    server.kill()
                    counts["servers killed"] += 1
                    server.start()
                installation.whole(home)
                if state() is RunState.DONE:
                    break
            told, end = "", time.monotonic() + STUCK_S
            while state() is not RunState.DONE:
                if state() is RunState.FAILED:  # three kills of one stage in a row: it says so, and can be begun again
                    counts["failed with a sentence"] += 1
                    installation.again(home, systematic.base)
                if told != (told := f"{platform.records.run(installation.RUN)}{_journal(home)}"):
                    end = time.monotonic() + STUCK_S
                if time.monotonic() > end:
                    return counts, f"the run is stuck: {platform.records.run(installation.RUN)}"
                time.sleep(0.3)
            trained = len(re.findall(r'"note":"Loading', _journal(home)))
        other = systematic.other(home)
        if other:
            return counts, f"other than undisturbed: {', '.join(other)}"
        if trained > counts.total() + 1:
            return counts, f"trained {trained} times"
    finally:
        server.stop()
    return counts, ""


def uploading(base: Path, home: Path, chance: random.Random, *, kills: int) -> tuple[Counter[str], str]:
    """Somebody signs up, uploads and makes a twin, while the server is killed: what was taken is kept to the byte."""
    shutil.rmtree(home, ignore_errors=True)
    counts: Counter[str] = Counter()
    server = Server(home, base, worker=False)
    visitor = Visitor(server.address, "ana@example.org")
    content = lines("Nora Quill", "Otto", 600).encode()
    left = kills

    def trying(step: Callable[[], None], *, known: Callable[[], bool] = lambda: False) -> None:
        """Do a step until it was answered; where the answer was lost, look whether it was done."""
        nonlocal left
        while True:
            killer = None
            if left and chance.random() < 0.8:
                left -= 1
                pid, wait = server._process.pid, chance.uniform(0, 0.25)
                killer = subprocess.Popen(["sh", "-c", f"sleep {wait:.3f}; kill -9 {pid}"])
            try:
                step()
            except httpx.TransportError:
                pass
            else:
                if killer is None:
                    return
            if killer:
                killer.wait()
                server.kill()
                counts["servers killed"] += 1
                server.start()
                if known():
                    return

    def in_account() -> bool:
        visitor.log_in()
        return visitor.get("/account").status_code == 200

    def made() -> bool:
        return visitor.get(f"/twins/{visitor.twin}/training").status_code == 200

    try:
        trying(visitor.sign_up, known=in_account)
        trying(visitor.begin_twin)
        trying(lambda: visitor.upload("kitchen.txt", content, piece=1 << 11))
        trying(visitor.wait_until_read)
        trying(lambda: visitor.make_twin("Nora Quill", "nora"), known=made)
    finally:
        visitor.close()
        server.stop()
    with installation.opened(home, base) as platform:
        runs = platform.records.runs(visitor.twin)
        if [run.state for run in runs] != [RunState.QUEUED]:
            return counts, f"the runs are {[run.state for run in runs]}"
        if platform.runner.waiting() != [runs[0].id]:  # type: ignore[attr-defined]
            return counts, "the run does not wait in the queue"
    stored = [one for name, one in installation.objects(home).items() if name.endswith("/000000")]
    return counts, "" if stored == [content] else "the upload is not what was sent"


def _journal(home: Path) -> str:
    return "".join(
        content.decode()
        for name, content in installation.objects(home).items()
        if name.endswith(f"journal/{Stage.TRAIN}.jsonl")
    )


def run(systematic: Systematic, folder: Path, *, kills: int, seed: int, told: Callable[[str], None]) -> Counter[str]:
    """At least so many kills, two of three in trainings."""
    counts: Counter[str] = Counter(lost=0)
    number = 0
    while counts["servers killed"] + counts["stages killed"] < kills:
        chance = random.Random(seed + number)
        home = folder / "killed"
        if number % 3 == 2:
            found, problem = uploading(systematic.base, home, chance, kills=KILLS)
        else:
            found, problem = training(systematic, home, chance, kills=min(KILLS, kills))
        number += 1
        counts += found
        counts["runs"] += 1
        if problem:
            counts["lost"] += 1
            told(f"seed {seed + number - 1}: {problem}")
            shutil.copytree(home, folder / f"problem-{seed + number - 1}", dirs_exist_ok=True)
    return counts
