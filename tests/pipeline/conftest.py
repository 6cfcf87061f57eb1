"""A stored twin, real stores, and stages that are small but write what stages write."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.stage_process import no_chat

from twin.backends.local.database import Database
from twin.backends.local.objects import FolderObjectStore
from twin.backends.local.records import SqlRecordStore
from twin.domain.events import Progress
from twin.domain.ports import ChatModel
from twin.domain.runs import Run, RunState, Stage
from twin.domain.twins import Twin
from twin.pipeline.execute import execute
from twin.pipeline.work import Outcome, StageFunction, Work

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@dataclass
class Place:
    """Where a test's twin lives."""

    folder: Path
    objects: FolderObjectStore
    records: SqlRecordStore
    twin: Twin
    done: list[Stage] = field(default_factory=list[Stage])
    chat: Callable[[str], ChatModel] = no_chat

    @property
    def scratch(self) -> Path:
        return self.folder / "scratch"

    def submit(self, run_id: str = "r1", **options: str) -> Run:
        run = Run(run_id, self.twin.id, RunState.QUEUED, created_at=NOON, updated_at=NOON, options=options)
        self.records.save(run)
        return run

    def stage(self, stage: Stage) -> StageFunction:
        """A stage that notes that it was done, tells how far it is, and stores one object."""

        def work_on(work: Work) -> Outcome:
            self.done.append(stage)
            work.watch(Progress(stage, done=1, total=2))
            file = work.scratch / f"{stage}.txt"
            file.write_text(f"{stage} of {work.run.id}", "utf-8")
            work.store(f"{stage}.txt", file)
            work.watch(Progress(stage, done=2, total=2))
            return Outcome(figures={f"{stage}_n": 1.0}, details={"words": stage})

        return work_on

    def execute(self, stage: Stage, run_id: str = "r1", *, stopped: bool = False, **replaced: StageFunction) -> Outcome:
        stages = {each: self.stage(each) for each in Stage} | {Stage(name): value for name, value in replaced.items()}
        return execute(
            stage,
            run_id,
            objects=self.objects,
            records=self.records,
            folder=self.scratch,
            bases=self.folder / "bases",
            chat=self.chat,
            stages=stages,
            stopped=lambda: stopped,
        )


@pytest.fixture
def place(tmp_path: Path, database: Callable[[str], Database]) -> Place:
    records = SqlRecordStore(database("twin"))
    twin = Twin("t1", "u1", "nora", ("Nora Quill",), "gemma3-270m", NOON)
    records.save(twin)
    return Place(tmp_path, FolderObjectStore(tmp_path / "objects"), records, twin)
