"""What a stage works on, and what it leaves."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twin.domain.events import Watcher
from twin.domain.ports import ChatModel, ObjectStore, RecordStore
from twin.domain.runs import Run, Stage
from twin.domain.twins import Twin
from twin.errors import NotFoundError
from twin.pipeline import keys

if TYPE_CHECKING:
    from twin.prepare.gemini import GeminiOtherSide


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a stage found. Holds numbers and names of our own, never words of a chat.

    Attributes:
        figures: what goes into the run's record.
        details: what the stage has to say besides, as JSON values, e.g. why messages were left out.
        stored: the names, below the run's prefix, of the objects that the stage made.
    """

    figures: dict[str, float] = field(default_factory=dict[str, float])
    details: dict[str, Any] = field(default_factory=dict[str, Any])
    stored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Work:
    """One stage of one run, with everything that it may touch.

    Attributes:
        scratch: a folder of the run's own, there until the run is done; what an interrupted stage left in it is
            still there when the stage is done again.
        bases: where base models are kept.
        chat: who answers on a base model; this run's adapter, once it is converted, has the run's id.
        watch: told how far the stage is.
        gemini: who is asked about the owner's writing, by an agreement and the twin's id; None for nobody.
    """

    twin: Twin
    run: Run
    objects: ObjectStore
    records: RecordStore
    scratch: Path
    bases: Path
    chat: Callable[[str], ChatModel]
    watch: Watcher
    gemini: "Callable[[str, str], GeminiOtherSide] | None" = None
    _stored: list[str] = field(default_factory=list[str], init=False)

    @property
    def stored(self) -> tuple[str, ...]:
        return tuple(self._stored)

    def outcome(self, stage: Stage) -> Outcome:
        """What an earlier stage of this run found. Raises NotFoundError."""
        found = outcome(self.objects, self.run, stage, scratch=self.scratch)
        if found is None:
            raise NotFoundError(f"The {stage} stage of run {self.run.id} is not done.")
        return found

    def fetch(self, name: str) -> Path:
        """An object of this run, as a file; a name that ends in `/` is a folder of objects."""
        prefix = keys.run(self.run) + name
        target = self.scratch / "fetched" / name
        if not name.endswith("/"):
            target.parent.mkdir(parents=True, exist_ok=True)
            self.objects.get(prefix, target)
            return target
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for key in self.objects.keys(prefix):
            file = target / key.removeprefix(prefix)
            file.parent.mkdir(parents=True, exist_ok=True)
            self.objects.get(key, file)
        return target

    def store(self, name: str, source: Path) -> None:
        """Store a file as an object of this run; where `name` ends in `/`, a folder with all its files.

        All but hidden ones: those are what a writing that broke off could not even remove.
        """
        files = {name: source}
        if name.endswith("/"):
            whole = (file for file in sorted(source.rglob("*")) if file.is_file() and not file.name.startswith("."))
            files = {name + file.relative_to(source).as_posix(): file for file in whole}
        for key, file in files.items():
            self.objects.put(keys.run(self.run) + key, file)
            self._stored.append(key)


StageFunction = Callable[[Work], Outcome]


def outcome(objects: ObjectStore, run: Run, stage: Stage, *, scratch: Path) -> Outcome | None:
    """What a stage of a run found; None where it is not done. `scratch` is a folder of the caller."""
    file = scratch / f"outcome-{stage}.json"
    try:
        objects.get(keys.outcome(run, stage), file)
    except NotFoundError:
        return None
    row = json.loads(file.read_text("utf-8"))
    return Outcome(row["figures"], row["details"], tuple(row["stored"]))


def store_outcome(found: Outcome, objects: ObjectStore, run: Run, stage: Stage, *, scratch: Path) -> None:
    """Say that a stage is done."""
    file = scratch / f"outcome-{stage}.json"
    file.write_text(json.dumps(asdict(found)), "utf-8")
    objects.put(keys.outcome(run, stage), file)
