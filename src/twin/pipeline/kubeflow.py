"""The stages as a Kubeflow pipeline: every step is `twin stage STAGE RUN` on a machine of its own.

The pipeline holds no logic. It says in which order the stages run, on which machine, how often they are tried and how
long they may take; whatever happens, a last step records the outcome. The same file runs on Vertex AI and on plain
Kubeflow, and in tests as processes on one machine.

    python -m twin.pipeline.kubeflow pipeline.yaml --prepare IMAGE --trainer IMAGE
"""

# kfp has an environment of its own, and a component's function is copied as text, so that it imports inside.
# pyright: reportMissingImports=false, reportUnknownParameterType=false, reportUntypedFunctionDecorator=false
# ruff: noqa: PLC0415, PLR0917

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from kfp import compiler, dsl

from twin.domain.runs import Stage
from twin.pipeline.machines import HOUR, MACHINES, SMALL, Machine

TRAINER_STAGES = frozenset({Stage.TRAIN, Stage.CONVERT, Stage.EVALUATE})


def run_stage(stage: str, run: str, objects: str, records: str, training: str, serving: str, timeout_s: int) -> None:
    """One stage. It fails where the command fails; the run's record says why."""
    import os
    import subprocess
    import sys

    environ = {**os.environ, "TWIN_OBJECTS": objects, "TWIN_RECORDS": records}
    environ |= {"TWIN_TRAINING": training, "TWIN_SERVING": serving}
    if stage == "train" and training:
        subprocess.run([sys.executable, "-m", "twin.functions", "train", run], env=environ, check=True)
        return
    if stage == "publish" and serving:
        # Before the run counts as done: who asks then is answered.
        subprocess.run([sys.executable, "-m", "twin.functions", "deploy", run], env=environ, check=True)
    subprocess.run([sys.executable, "-m", "twin", "stage", stage, run], env=environ, check=True, timeout=timeout_s)


def record_outcome(run: str, asked_at: str, objects: str, records: str, status: dsl.PipelineTaskFinalStatus) -> None:
    """However the pipeline ended, the run's record ends too: a machine that is lost cannot do it itself."""
    import os
    import subprocess
    import sys

    environ = {**os.environ, "TWIN_OBJECTS": objects, "TWIN_RECORDS": records}
    command = [sys.executable, "-m", "twin.functions", "finish", run, asked_at, status.state]
    subprocess.run(command, env=environ, check=True)


def pipeline(
    *, prepare_image: str, trainer_image: str, machines: Mapping[Stage, Machine] = MACHINES
) -> Callable[..., Any]:
    """The pipeline, as kfp's compiler and `kfp.local` take it.

    Its parameters are the `run`, the time at which it was `asked_at` (ISO 8601), the addresses of `objects` and
    `records`, `training`, where the train stage is done ("" for in its step), and `serving`, where the adapter is
    deployed ("" for nowhere); see the settings of these names.
    """
    steps = {image: _component(run_stage, image) for image in (prepare_image, trainer_image)}
    last = _component(record_outcome, prepare_image)

    @dsl.pipeline(name="twin", description="From chat exports to a published adapter.")
    def twin(run: str, asked_at: str, objects: str, records: str, training: str, serving: str) -> None:
        finish = last(run=run, asked_at=asked_at, objects=objects, records=records)
        finish.set_display_name("record the outcome")
        with dsl.ExitHandler(finish, name="stages"):
            before: Any = None
            for stage in Stage:
                machine = machines[stage]
                step = steps[trainer_image if stage in TRAINER_STAGES else prepare_image]
                where = {"objects": objects, "records": records, "training": training, "serving": serving}
                task = step(stage=stage.value, run=run, timeout_s=machine.timeout_s, **where)
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
    task.set_cpu_limit(str(machine.cpu)).set_memory_limit(f"{machine.memory_gib}G")
    task.set_caching_options(enable_caching=False)
    task.set_retry(machine.retries, backoff_duration="60s", backoff_factor=2, backoff_max_duration="600s")
    if machine.accelerator:
        task.set_accelerator_type(machine.accelerator).set_accelerator_limit(machine.accelerators)


def compile_to(
    target: Path, *, prepare_image: str, trainer_image: str, accelerator: str = "NVIDIA_L4", waits: bool = False
) -> None:
    """Write the pipeline as the YAML that Vertex AI and Kubeflow take.

    Args:
        waits: whether the step of the train stage only waits for a job elsewhere, for which it needs no accelerator.
    """
    machines = {
        stage: replace(machine, accelerator=accelerator) if machine.accelerator else machine
        for stage, machine in MACHINES.items()
    }
    if waits:
        machines[Stage.TRAIN] = replace(SMALL, timeout_s=24 * HOUR, retries=5)
    compiler.Compiler().compile(
        pipeline(prepare_image=prepare_image, trainer_image=trainer_image, machines=machines), str(target)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Compile the pipeline.")
    parser.add_argument("target", type=Path)
    parser.add_argument("--prepare", required=True, help="image of the stages that need no model")
    parser.add_argument("--trainer", required=True, help="image of the stages that do")
    parser.add_argument("--accelerator", default="NVIDIA_L4", help="nvidia.com/gpu on plain Kubeflow")
    parser.add_argument("--waits", action="store_true", help="training is done elsewhere: see TWIN_TRAINING")
    given = parser.parse_args()
    compile_to(
        given.target,
        prepare_image=given.prepare,
        trainer_image=given.trainer,
        accelerator=given.accelerator,
        waits=given.waits,
    )


if __name__ == "__main__":
    main()
