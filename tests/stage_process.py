"""A process that does one small stage: `python stage_process.py HOME STAGE RUN`.

A file HOME/behave/STAGE says how the stage goes: `slow` waits, `fail` raises, `kill` kills its own process each time,
`kill once` the first time, `start` does not even begin.
"""

import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from twin.backends.local.database import Database
from twin.backends.local.objects import FolderObjectStore
from twin.backends.local.records import SqlRecordStore
from twin.domain.events import Progress
from twin.domain.runs import Stage
from twin.domain.twins import Twin
from twin.errors import DataError, TwinError
from twin.pipeline.execute import execute
from twin.pipeline.work import Outcome, Work

TWIN = Twin("t1", "u1", "nora", ("Nora Quill",), "base", datetime(2026, 1, 2, tzinfo=UTC))


def objects(home: Path) -> FolderObjectStore:
    return FolderObjectStore(home / "objects")


def records(home: Path) -> SqlRecordStore:
    return SqlRecordStore(Database(f"sqlite:///{home}/twin.db"))


def noted(home: Path) -> list[str]:
    """What the stages noted so far: `stage run`, a line each time one begins."""
    notes = home / "notes.txt"
    return notes.read_text("utf-8").splitlines() if notes.exists() else []


def no_chat(base: str) -> NoReturn:
    raise AssertionError(f"no stage here talks to {base}")


def main(home: Path, stage: Stage, run_id: str) -> None:
    behave = home / "behave" / stage
    how = behave.read_text("utf-8") if behave.exists() else ""
    if how == "start":
        raise TwinError("nothing could be started")

    def work_on(work: Work) -> Outcome:
        with (home / "notes.txt").open("a", encoding="utf-8") as notes:
            notes.write(f"{stage} {run_id}\n")
        work.watch(Progress(stage, done=1, total=1))
        if how == "slow":
            time.sleep(60)
        if how == "fail":
            raise DataError("There is too little to learn from.")
        if how == "kill once":
            behave.unlink()
        if how.startswith("kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        return Outcome(figures={stage.value: 1.0})

    place = home / "scratch"
    stages = dict.fromkeys(Stage, work_on)
    store, rows = objects(home), records(home)
    execute(stage, run_id, objects=store, records=rows, folder=place, bases=home, chat=no_chat, stages=stages)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Stage(sys.argv[2]), sys.argv[3])
    except TwinError as error:
        sys.exit(f"{error}")
