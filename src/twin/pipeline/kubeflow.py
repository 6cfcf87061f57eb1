"""The stages as a Kubeflow pipeline: every step is `twin stage STAGE RUN` on a machine of its own.

The pipeline holds no logic. It says in which order the stages run, on which machine, how often they are tried and how
long they may take; whatever happens, a last step records the outcome. The same file runs on Vertex AI and on plain
Kubeflow, and in tests as processes on one machine.

    python -m twin.pipeline.kubeflow pipeline.yaml --prepare IMAGE --trainer IMAGE
"""

# kfp has an environment of its own, and a component's function is copied as text, so that it imports inside.
# pyright: reportMissingImports=false, reportUnknownParameterType=false, reportUntypedFunctionDecorator=false
# ruff: noqa: PLC0415

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kfp import compiler, dsl

from twin.domain.runs import Stage


@dataclass(frozen=True, slots=True)
class Machine:
    """What a stage runs on.

    Attributes:
        accelerator: as the platform names it: `NVIDIA_L4` on Vertex AI, `nvidia.com/gpu` on plain Kubeflow; None
            for none.
        timeout_s: after so long the stage has failed.
        retries: how often it is tried again, e.g. after its machine was taken away.
    """

    cpu: str
    memory: str
    timeout_s: int
    retries: int = 2
    accelerator: str | None = None
    accelerators: int = 1


HOUR = 3600
SMALL = Machine("2", "8G", timeout_s=HOUR)
GPU = Machine("8", "32G", timeout_s=6 * HOUR, accelerator="NVIDIA_L4")

MACHINES: Mapping[Stage, Machine] = {
    Stage.INGEST: SMALL,
    Stage.PREPARE: replace(SMALL, cpu="4", memory="16G"),
    Stage.TRAIN: GPU,
    Stage.CONVERT: replace(SMALL, memory="16G"),
    Stage.EVALUATE: replace(GPU, timeout_s=HOUR),
    Stage.PUBLISH: replace(SMALL, timeout_s=600, retries=5),
}

TRAINER_STAGES = frozenset({Stage.TRAIN, Stage.CONVERT, Stage.EVALUATE})


def run_stage(stage: str, run: str, objects: str, records: str, timeout_s: int) -> None:
    """One stage. It fails where the command fails; the run's record says why."""
    import os
    import subprocess
    import sys

    environ = {**os.environ, "TWIN_OBJECTS": objects, "TWIN_RECORDS": records}
    subprocess.run([sys.executable, "-m", "twin", "stage", stage, run], env=environ, check=True, timeout=timeout_s)


def record_outcome(run: str, objects: str, records: str, status: dsl.PipelineTaskFinalStatus) -> None:
    """However the pipeline ended, the run's record ends too: a machine that is lost cannot do it itself."""
    import os
    import subprocess
    import sys

    environ = {**os.environ, "TWIN_OBJECTS": objects, "TWIN_RECORDS": records}
    subprocess.run([sys.executable, "-m", "twin.functions", "finish", run, status.state], env=environ, check=True)


def pipeline(
    *, prepare_image: str, trainer_image: str, machines: Mapping[Stage, Machine] = MACHINES
) -> Callable[..., Any]:
    """The pipeline, as kfp's compiler and `kfp.local` take it. Its parameters are `run`, `objects` and `records`."""
    steps = {image: _component(run_stage, image) for image in (prepare_image, trainer_image)}
    last = _component(record_outcome, prepare_image)

    @dsl.pipeline(name="twin", description="From chat exports to a published adapter.")
    def twin(run: str, objects: str, records: str) -> None:
        finish = last(run=run, objects=objects, records=records)
        finish.set_display_name("record the outcome")
        with dsl.ExitHandler(finish, name="stages"):
            before: Any = None
            for stage in Stage:
                machine = machines[stage]
                step = steps[trainer_image if stage in TRAINER_STAGES else prepare_image]
                task = step(stage=stage.value, run=run, objects=objects, records=records, timeout_s=machine.timeout_s)
                task.set_display_name(stage.value)
                _place(task, machine)
                if before is not None:
                    task.after(before)
                before = task

    return twin


def _component(function: Callable[..., None], image: str) -> Any:
    # The image has kfp already; installing it anew at every step would take seconds and the network.
    return dsl.component(function, base_image=image, install_kfp_package=False)


def _place(task: Any, machine: Machine) -> None:
    task.set_cpu_limit(machine.cpu).set_memory_limit(machine.memory).set_caching_options(enable_caching=False)
    task.set_retry(machine.retries, backoff_duration="60s", backoff_factor=2, backoff_max_duration="600s")
    if machine.accelerator:
        task.set_accelerator_type(machine.accelerator).set_accelerator_limit(machine.accelerators)


def compile_to(target: Path, *, prepare_image: str, trainer_image: str, accelerator: str = "NVIDIA_L4") -> None:
    """Write the pipeline as the YAML that Vertex AI and Kubeflow take."""
    machines = {
        stage: replace(machine, accelerator=accelerator) if machine.accelerator else machine
        for stage, machine in MACHINES.items()
    }
    compiler.Compiler().compile(
        pipeline(prepare_image=prepare_image, trainer_image=trainer_image, machines=machines), str(target)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Compile the pipeline.")
    parser.add_argument("target", type=Path)
    parser.add_argument("--prepare", required=True, help="image of the stages that need no model")
    parser.add_argument("--trainer", required=True, help="image of the stages that do")
    parser.add_argument("--accelerator", default="NVIDIA_L4", help="nvidia.com/gpu on plain Kubeflow")
    given = parser.parse_args()
    compile_to(given.target, prepare_image=given.prepare, trainer_image=given.trainer, accelerator=given.accelerator)


if __name__ == "__main__":
    main()
