"""Makes an installation with a twin and a run that waits, for images to do its stages: `python image_home.py FOLDER`.

Prints the run's id. The base is a random Gemma of two layers, so that training takes seconds.
"""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.cli.conftest import lines
from tests.tiny import tiny_gemma
from twin.domain.twins import LOCAL_USER, Twin
from twin.pipeline import runs, uploads
from twin.platform import Platform
from twin.settings import Settings


def main(folder: Path) -> None:
    tiny = tiny_gemma(folder)
    platform = Platform(Settings(home=str(folder / "home")))
    now = datetime.now(UTC)
    twin = Twin("a" * 32, LOCAL_USER, "me", ("Mira Holt",), str(tiny.gguf), now)
    platform.records.save(twin)
    chat = folder / "kitchen.txt"
    chat.write_text(lines("Mira Holt", "Otto", 40), "utf-8")
    uploads.add_path(platform.objects, twin.id, chat)
    run, _ = runs.start(twin, {"budget_s": "10"}, begin=None, records=platform.records, runner=platform.runner, now=now)
    platform.close()
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, 10001, 10001)  # whom the images run as
    sys.stdout.write(f"{run.id}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
