"""What each stage runs on in the cloud, how long it may take, and what that costs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files

from twin.domain.runs import Run, Stage
from twin.pipeline.journal import Event

HOUR = 3600


@dataclass(frozen=True, slots=True)
class Machine:
    """What a stage runs on.

    Attributes:
        accelerator: as the platform names it: `NVIDIA_L4` on Vertex AI, `nvidia.com/gpu` on plain Kubeflow; None
            for none.
        timeout_s: after so long the stage has failed.
        retries: how often it is tried again, e.g. after its machine was taken away.
    """

    cpu: int
    memory_gib: int
    timeout_s: int
    retries: int = 2
    accelerator: str | None = None
    accelerators: int = 1


SMALL = Machine(2, 8, timeout_s=HOUR)
GPU = Machine(8, 32, timeout_s=6 * HOUR, accelerator="NVIDIA_L4")

MACHINES: Mapping[Stage, Machine] = {
    Stage.INGEST: SMALL,
    Stage.PREPARE: replace(SMALL, cpu=4, memory_gib=16),
    Stage.TRAIN: replace(GPU, retries=5),
    Stage.CONVERT: replace(SMALL, memory_gib=16),
    Stage.EVALUATE: replace(GPU, timeout_s=HOUR),
    Stage.PUBLISH: replace(SMALL, timeout_s=HOUR, retries=5),
}

START_S = 240.0
"""From a stage's submission until its container begins, which is paid for too; what people report, not measured."""

USUAL_S: Mapping[Stage, float] = {
    Stage.INGEST: 30,
    Stage.PREPARE: 60,
    Stage.TRAIN: 900,
    Stage.CONVERT: 30,
    Stage.EVALUATE: 120,
    Stage.PUBLISH: 10,
}
"""How long a stage takes where nobody says otherwise; assumed for Gemma 3 1B on an L4."""


def prices() -> dict[str, float]:
    """USD by name; `prices.json` beside this says of when, and who says so."""
    table = json.loads(files("twin.pipeline").joinpath("prices.json").read_text("utf-8"))
    return {name: float(each["value"]) for name, each in table["prices"].items()}


def estimate(run: Run) -> float:
    """USD that a run will cost about, said before it begins."""
    took = dict(USUAL_S)
    if budget := run.options.get("budget_s"):
        took[Stage.TRAIN] = float(budget)
    return cost(took)


def cost(took: Mapping[Stage, float]) -> float:
    """USD of a run whose stages took so many seconds, the start of their machines included, at list prices."""
    price = prices()

    def hourly(machine: Machine) -> float:
        if machine.accelerator:
            return machine.accelerators * price["l4_machine_hour"]
        return machine.cpu * price["cpu_hour"] + machine.memory_gib * price["memory_gib_hour"]

    hours = {stage: (seconds + START_S) / HOUR for stage, seconds in took.items()}
    return price["pipeline_run"] + sum(hourly(MACHINES[stage]) * of for stage, of in hours.items())


def seconds(told: Sequence[Event]) -> dict[Stage, float]:
    """How long the stages of a run took, from their first word to their last; waiting for a new machine counts."""
    found: dict[Stage, float] = {}
    for stage in Stage:
        times = [event.at for event in told if event.progress.stage is stage]
        if times:
            found[stage] = (max(times) - min(times)).total_seconds()
    return found
