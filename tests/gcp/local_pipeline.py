"""Runs the pipeline under `kfp.local`, its steps as processes: `python local_pipeline.py FOLDER PARAMETERS`."""

import json
import sys

from kfp import local

from twin.pipeline.kubeflow import pipeline


def main(folder: str, parameters: str) -> None:
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=folder)
    # The runner warns of images that have no Python by their name.
    pipeline(prepare_image="python:3.11", trainer_image="python:3.11")(**json.loads(parameters))


if __name__ == "__main__":
    main(*sys.argv[1:])
