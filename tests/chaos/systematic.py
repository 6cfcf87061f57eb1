"""Every file operation of every stage fails once: first the first, then the second, until the stage gets through.

The database, the object store and the scratch folder are all files here, so this is every operation of theirs. After
each fault nothing may be half written, starting again must get through, and what is left must be what an undisturbed
run leaves.
"""

import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.chaos import installation
from tests.chaos.faults import ERRORS, Fault
from tests.chaos.stages import Stages
from tests.tiny import tiny_gemma
from twin.domain.runs import RunState, Stage

DEAR = {Stage.TRAIN: 12, Stage.EVALUATE: 60}
"""Stages that take long: in a short run, this many times fewer of their operations fail."""


class Trial(NamedTuple):
    """One fault in one stage."""

    stage: Stage
    fault: Fault
    at: int
    error: int


class Systematic:
    """An undisturbed run, kept as it stood before and after each stage, and trials that begin from there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._base = tiny_gemma(folder / "base").gguf
        self._stages = Stages(folder / "stages.log")
        self._operations: dict[Stage, int] = {}
        self._expected: dict[Stage, dict[str, Any]] = {}
        home = folder / "undisturbed"
        installation.furnish(home, self._base)
        for number, stage in enumerate(Stage, 1):
            shutil.copytree(home, folder / f"before-{stage}")
            ended = self._stages.do(home, self._base, stage)
            assert ended.status == 0, ended
            self._operations[stage] = ended.operations
            self._expected[stage] = installation.left(home, self._base, list(Stage)[:number])

    def trials(self, *, seed: int | None, stages: Sequence[Stage]) -> list[Trial]:
        """Every trial in order; with a seed, a part of them in random order, dear ones more seldom."""
        every = [
            Trial(stage, fault, at, ERRORS[at % len(ERRORS)])
            for stage in stages
            for fault in Fault
            for at in range(1, self._operations[stage] + 1)
        ]
        if seed is None:
            return every
        chance = random.Random(seed)
        dear = DEAR if len(stages) > 1 else {}
        some = [trial for trial in every if chance.random() < 1 / dear.get(trial.stage, 1)]
        chance.shuffle(some)
        return some

    def problem(self, trial: Trial) -> str | None:
        """What was lost or left wrong, or None."""
        home = self._folder / "trial"
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(self._folder / f"before-{trial.stage}", home)
        ended = self._stages.do(home, self._base, trial.stage, trial.fault, at=trial.at, error=trial.error)
        if ended.status == 1 and not ended.for_people and not ended.sentence.startswith("OSError"):
            return f"an error that nobody can mend: {ended.sentence}"
        try:
            installation.whole(home)
            with installation.opened(home, self._base) as platform:
                done = platform.records.run(installation.RUN).state is RunState.DONE
            if not done:
                installation.again(home, self._base)
            after = self._stages.do(home, self._base, trial.stage)
            if after.status:
                return f"does not get through afterwards: {after.sentence}"
            stages = list(Stage)[: list(Stage).index(trial.stage) + 1]
            found = installation.left(home, self._base, stages)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        expected = self._expected[trial.stage]
        if found["state"] is not expected["state"] and found["state"] is not RunState.QUEUED:
            return f"the run is {found['state']}"
        other = [name for name in installation.other(found, expected) if name != "state"]
        return f"other than undisturbed: {', '.join(other)}" if other else None

    @property
    def stages(self) -> Stages:
        return self._stages

    @property
    def base(self) -> Path:
        return self._base

    @property
    def expected(self) -> dict[str, Any]:
        """What an undisturbed run leaves at its end."""
        return self._expected[Stage.PUBLISH]

    def fresh(self, home: Path) -> None:
        """An installation whose run waits, at `home`, which may be there but empty."""
        shutil.copytree(self._folder / f"before-{Stage.INGEST}", home, dirs_exist_ok=True)

    def other(self, home: Path) -> list[str]:
        """What a run that is over left other than an undisturbed one."""
        return installation.other(installation.left(home, self._base, list(Stage)), self.expected)

    def close(self) -> None:
        self._stages.close()


def run(
    systematic: Systematic,
    *,
    seconds: float | None,
    seed: int,
    told: Callable[[str], None],
    stages: Sequence[Stage] = tuple(Stage),
) -> Counter[str]:
    """Trials for some seconds, or all of them; problems are told. How many trials there were, and how many lost."""
    counts: Counter[str] = Counter(lost=0)
    trials = systematic.trials(seed=None if seconds is None else seed, stages=stages)
    end = time.monotonic() + (seconds or float("inf"))
    for trial in trials:
        if time.monotonic() > end:
            break
        counts["faults"] += 1
        counts[trial.stage] += 1
        # Twice: a fault at the N-th operation comes back, a reply that was drawn while the machine stood still does not.
        if systematic.problem(trial) and (problem := systematic.problem(trial)):
            counts["lost"] += 1
            told(f"{trial.stage}, operation {trial.at}, {trial.fault.name}, error {trial.error}: {problem}")
    return counts
