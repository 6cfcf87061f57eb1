"""Training on several devices: what one device learns, with the weights spread over all."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from tests.tiny import TinyGemma
from tests.train.test_loop import CONFIG, base, examples  # noqa: F401  fixtures

from twin.base.models import Base
from twin.train.config import TrainConfig
from twin.train.devices import suited
from twin.train.loop import train

ONE_EPOCH = replace(CONFIG, epochs=1)

_CHILD = """
import json, sys
from pathlib import Path
from twin.base.models import Base
from twin.train import devices, loop, step
from tests.train.test_devices import ONE_EPOCH
devices._SMALL = 0
shares = set()
class Watched(step.Stepper):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        for weight in self._frozen:
            if weight.ndim > 1:
                shares.add(weight.addressable_shards[0].data.size / weight.size)
loop.Stepper = Watched
gguf, examples, folder = map(Path, sys.argv[1:])
result = loop.train(examples, folder, base=Base("tiny", gguf), config=ONE_EPOCH, checkpoints=folder)
print(json.dumps({"loss": result.loss, "shares": sorted(shares)}))
"""


def test_two_devices_learn_what_one_does(base: Base, examples: Path, tiny: TinyGemma, tmp_path: Path) -> None:  # noqa: F811
    alone = train(examples, tmp_path / "one", base=base, config=ONE_EPOCH, checkpoints=tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(tiny.gguf), str(examples), str(tmp_path / "two")],
        env=os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"},
        check=True,
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["shares"] == [0.5], "each device keeps half of every matrix"
    assert found["loss"] == pytest.approx(alone.loss, rel=1e-3)


def test_on_processors_the_defaults_stay() -> None:
    assert asdict(suited(TrainConfig())) == asdict(TrainConfig())
