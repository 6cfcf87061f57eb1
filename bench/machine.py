"""What this machine does with the default base: loading, training and decoding, in a minute and a half.

python bench/machine.py
"""

import json
import tempfile
from argparse import Namespace
from pathlib import Path

from bench import serve, train
from rich.console import Console
from rich.table import Table

from twin.base import models

SECONDS = 60.0


def main() -> None:
    base = models.find(folder=train.FOLDER / "bases")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        asked = Namespace(chat=[], speaker=None, max_messages=None, peer=None, config="{}", seconds=SECONDS)
        train.prepare(asked, folder)
        trained = train.own(asked, folder)
    decoded = serve.decode(base, threads=2, rounds=2)
    result = {
        "load_s": round(trained["load_s"], 1),
        "train_tokens_per_s": round(trained["tokens_per_s"], 1),
        "peak_mb": round(trained["peak_mb"]),
        "decode_tokens_per_s": round(decoded["decode_tokens_per_s"], 1),
    }
    table = Table("", "this machine")
    for name, value in result.items():
        table.add_row(name, str(value))
    Console().print(table)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
