"""Cloud Function: a Pub/Sub message starts a pipeline.

One function takes three kinds of message: runs that are asked for, sign-ups, and Cloud Storage's notices of new
objects. Pub/Sub delivers at least once and in any order, so doing the same message again changes nothing. What raises
is delivered again, after a growing pause, and lands in the dead letter after the last try.
"""

# pyright: reportMissingImports=false

import base64
import json
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol
from uuid import NAMESPACE_URL, uuid5

from twin.backends.gcp.pubsub import CANCEL, KIND, SIGN_UP, TRAINING, read_run, read_sign_up
from twin.domain.ports import ObjectStore, RecordStore, Runner
from twin.domain.runs import Run, RunState
from twin.errors import DataError, NotFoundError
from twin.pipeline import keys, uploads
from twin.platform import Platform
from twin.settings import Settings

log = logging.getLogger(__name__)

INBOX = "inbox/"
AGREED = "train_on_upload"
"""The option of a twin whose owner agreed that whatever is copied into its inbox trains it."""

WINDOW_S = 600
"""Files that arrive within so many seconds of each other are one run, as long as it has not begun."""


class Bucket(ObjectStore, Protocol):
    """An object store that tells one version of an object from the next."""

    def take(self, name: str, generation: int, target: Path) -> None: ...

    def drop(self, name: str, generation: int) -> None: ...


class Function:
    """What the function does, with everything that it needs.

    Args:
        pipelines: what really starts a run.
    """

    def __init__(
        self,
        *,
        objects: Bucket,
        records: RecordStore,
        pipelines: Runner,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._objects = objects
        self._records = records
        self._pipelines = pipelines
        self._now = now

    def __call__(self, message: dict[str, Any]) -> None:
        """Do what a Pub/Sub message asks. Raises DataError for one that nobody can do."""
        attributes: dict[str, str] = message.get("attributes") or {}
        data = base64.b64decode(message.get("data") or "")
        if attributes.get(KIND) == TRAINING:
            self._training(*read_run(data))
        elif attributes.get(KIND) == SIGN_UP:
            self._records.save(read_sign_up(data))
        elif attributes.get("eventType") == "OBJECT_FINALIZE":
            came_at = datetime.fromisoformat(attributes["eventTime"])
            self._object(attributes["objectId"], int(attributes["objectGeneration"]), came_at)
        elif "eventType" not in attributes:
            raise DataError(
                f"A message with the attributes {sorted(attributes)} is of no kind that the function knows."
            )

    def _training(self, action: str, run: Run) -> None:
        try:
            recorded = self._records.run(run.id)
        except NotFoundError:
            recorded = run  # its row is still on the way
        if action == CANCEL:
            self._pipelines.cancel(run)
            if not recorded.state.final:
                self._records.save(replace(recorded, state=RunState.CANCELLED, updated_at=self._now()))
        elif recorded.state is RunState.QUEUED:
            self._pipelines.submit(run)
        else:
            log.info("run %s is %s already", run.id, recorded.state)

    def _object(self, name: str, generation: int, came_at: datetime) -> None:
        """Something is new in the bucket. An upload of a browser waits for its owner; an inbox need not."""
        twin_id, _, rest = name.partition("/")
        if not rest.startswith(INBOX) or rest == INBOX:
            return
        try:
            twin = self._records.twin(twin_id)
        except NotFoundError:
            log.warning("an object came for a twin that is not there")
            return
        if twin.options.get(AGREED) != "yes":
            log.info("twin %s has not agreed to be trained by its inbox", twin_id)
            return
        upload_id = uuid5(NAMESPACE_URL, f"{name}#{generation}").hex
        file_name = rest.removeprefix(INBOX).rpartition("/")[2]
        with TemporaryDirectory() as folder:
            file = Path(folder) / "upload"
            try:
                self._objects.take(name, generation, file)
            except NotFoundError:
                return  # done before, or replaced by a newer one, of which a notice comes too
            self._objects.put(f"{keys.upload(twin_id, upload_id)}000000", file)
        uploads.complete(self._objects, twin_id, upload_id, [file_name])
        self._train(twin_id, upload_id, came_at)
        self._objects.drop(name, generation)

    def _train(self, twin_id: str, upload_id: str, came_at: datetime) -> None:
        """Ask for a run that has this upload in it: one that waits already, or a new one."""
        window = int(came_at.timestamp()) // WINDOW_S
        for run_id in (uuid5(NAMESPACE_URL, f"{twin_id}#{window}").hex, upload_id):
            run = Run(run_id, twin_id, RunState.QUEUED, created_at=came_at, updated_at=came_at)
            try:
                run = self._records.run(run_id)
            except NotFoundError:
                self._records.save(run)
            if run.state is RunState.QUEUED:
                self._pipelines.submit(run)
                return


@cache
def _function() -> Function:
    platform = Platform(Settings.load(os.environ))
    objects: Any = platform.objects
    return Function(objects=objects, records=platform.records, pipelines=platform.runner)


def main(event: Any) -> None:
    """The entry point: functions-framework calls it with a CloudEvent that holds a Pub/Sub message."""
    data = event.data if isinstance(event.data, dict) else json.loads(event.data)
    _function()(data["message"])


def finish(run_id: str, state: str, *, records: RecordStore, now: datetime) -> None:
    """Record how a pipeline ended, unless its stages did. `state` is Kubeflow's."""
    run = records.run(run_id)
    if run.state.final:
        return
    ended = {"SUCCEEDED": RunState.DONE, "CANCELLED": RunState.CANCELLED}.get(state, RunState.FAILED)
    where = f"in the {run.stage} stage" if run.stage else "before the first stage"
    error = None
    if ended is RunState.FAILED:
        error = f"The machine stopped {where} more often than it is tried. Start the run again; it goes on from there."
    records.save(replace(run, state=ended, error=error, updated_at=now))


if __name__ == "__main__":
    command, ended_run, ended_as = sys.argv[1:]
    if command != "finish":
        raise SystemExit("usage: python -m twin.functions finish RUN STATE")
    finish(ended_run, ended_as, records=Platform(Settings.load(os.environ)).records, now=datetime.now(UTC))
