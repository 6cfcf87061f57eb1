"""An installation with one small twin that waits to be trained, and everything that a training leaves in it."""

import gzip
import json
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.cli.conftest import lines
from twin.backends.local.database import Database
from twin.backends.local.records import SqlRecordStore
from twin.domain.runs import Run, RunState, Stage
from twin.domain.twins import LOCAL_USER, Twin
from twin.pipeline import keys, runs, uploads
from twin.pipeline.execute import execute
from twin.platform import Platform
from twin.settings import Settings

TWIN = "t1"
RUN = "r1"
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
TRAINED = "adapter/train.json"
TIMES = {"at", "seconds", "load_s", "tokens_per_s", "left_s", "updated_at", "created_at"}
"""What no two runs have in common."""


@contextmanager
def opened(home: Path, base: Path) -> Iterator[Platform]:
    """The platform of an installation."""
    with Platform(Settings(home=str(home), base=str(base))) as platform:
        database = Database(platform.settings.records_address)
        platform.__dict__["records"] = SqlRecordStore(database)
        yield platform
        database.close()


def furnish(home: Path, base: Path) -> None:
    """A twin with one upload, and its run, which is recorded and waits in the queue."""
    with opened(home, base) as platform, tempfile.TemporaryDirectory() as folder:
        platform.records.save(Twin(TWIN, LOCAL_USER, "nora", ("Nora Quill",), str(base), NOON))
        chat = Path(folder, "kitchen.txt")
        chat.write_text(lines("Nora Quill", "Otto", 30), "utf-8")
        uploads.add_path(platform.objects, TWIN, chat)
        # A budget that binds nothing, unless the machine stands still for minutes.
        run = Run(RUN, TWIN, RunState.QUEUED, created_at=NOON, updated_at=NOON, options={"budget_s": "240"})
        platform.records.save(run)
        platform.runner.submit(run)


def do(home: Path, base: Path, stage: Stage) -> None:
    """One stage, in this process."""
    with opened(home, base) as platform:
        execute(
            stage,
            RUN,
            objects=platform.objects,
            records=platform.records,
            folder=platform.scratch,
            bases=platform.bases,
            chat=platform.chat,
        )


def again(home: Path, base: Path) -> RunState:
    """What somebody does who sees that it did not get through: start it again. How it stood before."""
    with opened(home, base) as platform:
        before = platform.records.run(RUN).state
        run, resumed = runs.start(
            platform.records.twin(TWIN), {}, begin=None, records=platform.records, runner=platform.runner, now=NOON
        )
        assert (run.id, resumed) == (RUN, True), "another run was begun where one was broken off"
        assert len(platform.records.runs(TWIN)) == 1
        return before


def whole(home: Path) -> None:
    """Nothing is half written: whatever object is there can be read from its beginning to its end."""
    for name, content in objects(home).items():
        readable(name, content)


def left(home: Path, base: Path, stages: list[Stage]) -> dict[str, Any]:
    """Everything that the stages left, without what no two runs have in common."""
    with opened(home, base) as platform:
        run, twin = platform.records.run(RUN), platform.records.twin(TWIN)
        figures = {name: value for name, value in run.figures.items() if name not in TIMES}
        found: dict[str, Any] = {"state": run.state, "error": run.error, "figures": figures, "answers": twin.run_id}
        found["options"] = twin.options
    done = [keys.outcome(run, stage) for stage in stages]
    for name, content in objects(home).items():
        if "/journal/" not in name:
            found[name] = readable(name, content)
    missing = [name for name in done if name not in found]
    assert not missing, f"{missing} is not there"
    return found


def other(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """What differs from what is expected. A training that had to stop for time is another one, and all after it."""
    curve = next((name for name in expected if name.endswith(TRAINED)), None)
    # Replies are drawn from a server that batches what comes together: a slow machine may draw another one.
    after: tuple[str, ...] = ("report.json",)
    if curve and found.get(curve, {}).get("steps") != expected[curve]["steps"]:
        after = ("/adapter", "report.json", "train.json", "convert.json", "evaluate.json", "figures")
    return [name for name, value in expected.items() if found.get(name) != value and not any(a in name for a in after)]


def objects(home: Path) -> dict[str, bytes]:
    """The objects of the installation, without what a killed process was writing."""
    folder = home / "objects"
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".incoming-"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def readable(name: str, content: bytes) -> Any:
    """What an object says; fails where it is broken off."""
    if name.endswith(".gz"):
        return gzip.decompress(content)
    if name.endswith(".jsonl"):
        return [_timeless(json.loads(line)) for line in content.decode().splitlines()]
    if name.endswith(".json"):
        return _timeless(json.loads(content))
    if name.endswith(".db"):
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            database = sqlite3.connect(file.name)
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            rows = list(database.iterdump())
            database.close()
        return rows
    return content


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _timeless(inner) for name, inner in value.items() if name not in TIMES}
    return [_timeless(inner) for inner in value] if isinstance(value, list) else value
