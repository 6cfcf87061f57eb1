"""Does stages in forked processes that meet faults. Started with the library of `faults.py` by `Stages`.

Reads one JSON object a line from standard input, and answers each with one: imports are paid for once.
"""

import contextlib
import json
import os
import resource
import subprocess
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos import faults
from tests.chaos.faults import Fault
from twin.domain.runs import Stage
from twin.errors import TwinError


@dataclass(frozen=True)
class Ended:
    """How a stage ended.

    Attributes:
        status: 0 where it got through, 1 where it raised, -9 where it was killed.
        operations: how many it had begun.
        sentence: what it said; a TwinError's is for the person.
        for_people: whether it was a TwinError.
    """

    status: int
    operations: int
    sentence: str
    for_people: bool


class Stages:
    """A process that has everything imported and forks for each stage."""

    def __init__(self, log: Path) -> None:
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.stages"],
            env={**faults.environment(), "JAX_COMPILATION_CACHE_DIR": str(log.parent / "compiled")}
            | {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "KERAS_BACKEND": "jax"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def do(
        self,
        home: Path,
        base: Path,
        stage: Stage,
        fault: Fault | None = None,
        *,
        at: int = 0,
        error: int = 5,
        clock: bool = False,
        memory_mb: int | None = None,
    ) -> Ended:
        """Do a stage; see `faults.begin`. With `memory_mb`, it may take no more than that on top of what it has."""
        asked = {"home": str(home), "base": str(base), "stage": stage, "fault": fault, "at": at, "error": error}
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({**asked, "clock": clock, "memory_mb": memory_mb}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process that forks stages has ended; see {self._log.name}")
        return Ended(**json.loads(line))

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()
        self._log.close()


def main() -> None:
    _import()
    for line in sys.stdin:
        asked = json.loads(line)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            _child(asked, write)
        os.close(write)
        with os.fdopen(read) as pipe:
            told = pipe.read()
        _, how = os.waitpid(child, 0)
        status = os.waitstatus_to_exitcode(how)
        found = json.loads(told) if told else {"operations": asked["at"], "sentence": "killed", "for_people": False}
        print(json.dumps({"status": status, **found}), flush=True)


def _child(asked: dict[str, Any], pipe: int) -> None:
    from tests.chaos import installation

    sentence, status, for_people = "", 0, False
    home = Path(asked["home"])
    devnull = os.open(os.devnull, os.O_RDONLY)
    os.dup2(devnull, 0)  # the commands that follow are not for this process
    if asked["clock"]:
        faults.let_the_clock_jump()
    if asked["memory_mb"]:
        has = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (has + (asked["memory_mb"] << 20),) * 2)
    faults.begin(home, Fault(asked["fault"]) if asked["fault"] else None, at=asked["at"], error=asked["error"])
    try:
        installation.do(home, Path(asked["base"]), Stage(asked["stage"]))
    except BaseException as error:
        sentence, status, for_people = f"{type(error).__name__}: {error}", 1, isinstance(error, TwinError)
        if not for_people:
            with contextlib.suppress(OSError):
                traceback.print_exc()
    told = {"operations": faults.counted(), "sentence": sentence, "for_people": for_people}
    os.write(pipe, json.dumps(told).encode())
    os._exit(status)


def _import() -> None:
    """Import what stages import, so that the children need not."""
    import twin.base.scoring
    import twin.convert.gguf
    import twin.ingest.platforms
    import twin.likeness
    import twin.pipeline.evaluation
    import twin.prepare.redact
    import twin.serve.llama
    import twin.serve.memory
    import twin.train.loop
    from tests.chaos import installation  # noqa: F401

    twin.ingest.platforms.platforms()


if __name__ == "__main__":
    main()
