"""Cloud Function: a Pub/Sub message starts a pipeline.

One function takes four kinds of message: runs that are asked for, sign-ups, twins that were deleted, and Cloud
Storage's notices of new objects. Pub/Sub delivers at least once and in any order, so doing the same message again changes nothing. What raises
is delivered again, after a growing pause, and lands in the dead letter after the last try.
"""

# pyright: reportMissingImports=false

import base64
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol
from uuid import NAMESPACE_URL, uuid5

from twin.backends.gcp.pubsub import (
    CANCEL,
    FORGOTTEN,
    KIND,
    SIGN_UP,
    TRAINING,
    read_forgotten,
    read_run,
    read_sign_up,
)
from twin.domain.ports import ObjectStore, RecordStore, Runner
from twin.domain.runs import Run, RunState, milliseconds
from twin.domain.twins import TRAINS_BY_INBOX, User
from twin.errors import BusyError, DataError, NotFoundError, TwinError
from twin.pipeline import cloud, keys, machines, uploads
from twin.platform import Platform
from twin.settings import Settings

log = logging.getLogger(__name__)

INBOX = "inbox/"
WINDOW_S = 600
"""Files that arrive within so many seconds of each other are one run, as long as it has not begun."""


class Bucket(ObjectStore, Protocol):
    """An object store that tells one version of an object from the next."""

    def take(self, name: str, generation: int, target: Path) -> None: ...

    def drop(self, name: str, generation: int) -> None: ...


class Pipelines(Runner, Protocol):
    """A runner that also knows what is under way."""

    def stop_all(self, twin_id: str) -> bool: ...


class Function:
    """What the function does, with everything that it needs.

    Args:
        pipelines: what really starts a run.
        forget: deletes what a twin, by its id, had deployed.
    """

    def __init__(
        self,
        *,
        objects: Bucket,
        records: RecordStore,
        pipelines: Pipelines,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        forget: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._forget = forget
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
            self._signed_up(read_sign_up(data))
        elif attributes.get(KIND) == FORGOTTEN:
            self._forgotten(read_forgotten(data))
        elif attributes.get("eventType") == "OBJECT_FINALIZE":
            came_at = datetime.fromisoformat(attributes["eventTime"])
            self._object(attributes["objectId"], int(attributes["objectGeneration"]), came_at)
        elif "eventType" not in attributes:
            raise DataError(
                f"A message with the attributes {sorted(attributes)} is of no kind that the function knows."
            )

    def _signed_up(self, user: User) -> None:
        """Record a user, and make the place in the bucket for what belongs to an account but to no twin."""
        with TemporaryDirectory() as folder:
            place = Path(folder) / "place.json"
            place.write_text(json.dumps({"created_at": user.created_at.isoformat()}), "utf-8")
            self._objects.put(keys.user(user.id) + "place.json", place)
        self._records.save(user)

    def _forgotten(self, twin_id: str) -> None:
        """Delete what a twin had deployed, and what its stages stored between its deletion and their end."""
        with TemporaryDirectory() as folder:
            nothing = Path(folder) / "nothing"
            nothing.touch()
            self._objects.put(keys.forgotten(twin_id), nothing)
        ended = self._pipelines.stop_all(twin_id)
        self._forget(twin_id)
        self._objects.delete(keys.twin(twin_id))
        self._records.forget(twin_id=twin_id)
        if not ended:
            raise BusyError("A pipeline of a deleted twin is still stopping.", retry_after=60)

    def _is_forgotten(self, twin_id: str) -> bool:
        mark = keys.forgotten(twin_id)
        return mark in self._objects.keys(mark)

    def _submit(self, run: Run) -> None:
        self._pipelines.submit(run)
        if self._is_forgotten(run.twin_id):  # deleted since it was looked
            self._forgotten(run.twin_id)

    def _training(self, action: str, run: Run) -> None:
        if self._is_forgotten(run.twin_id):
            log.info("run %s is of a twin that was deleted", run.id)
            self._forgotten(run.twin_id)
            return
        try:
            recorded = self._records.run(run.id)
        except NotFoundError:
            recorded = run  # its row is still on the way
        if run.updated_at > recorded.updated_at:
            # A run that is gone on with: that it is queued again is on the way to the records, where its stages look.
            self._records.save(run)
            recorded = run
        if action == CANCEL:
            # Recorded first: once the pipeline has stopped, the run may be asked for again.
            if not recorded.state.final:
                self._records.save(replace(recorded, state=RunState.CANCELLED, updated_at=self._now()))
            self._pipelines.cancel(run)
        elif recorded.state is RunState.QUEUED:
            figures = {
                cloud.ESTIMATE: round(machines.estimate(recorded), 4),
                **recorded.figures,
                cloud.ASKED_AT: milliseconds(recorded.updated_at),
            }
            if figures != recorded.figures:
                recorded = replace(recorded, figures=figures)
                self._records.save(recorded)
            self._submit(recorded)
        else:
            log.info("run %s is %s already", run.id, recorded.state)

    def _object(self, name: str, generation: int, came_at: datetime) -> None:
        """Something is new in the bucket. An upload of a browser waits for its owner; an inbox need not."""
        twin_id, _, rest = name.partition("/")
        if self._is_forgotten(twin_id):
            self._objects.drop(name, generation)  # from a browser that was still sending, or a stage that was stopping
            return
        if not rest.startswith(INBOX) or rest == INBOX:
            return
        try:
            twin = self._records.twin(twin_id)
        except NotFoundError:
            log.warning("an object came for a twin that is not there")
            return
        if twin.options.get(TRAINS_BY_INBOX) != "yes":
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
            self._objects.put(keys.upload(twin_id, upload_id) + keys.file_number(0), file)
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
                self._submit(run)
                return


@cache
def _function() -> Function:
    platform = Platform(Settings.load(os.environ))
    objects: Any = platform.objects
    pipelines: Any = platform.runner
    forget = platform.serving.forget if platform.settings.serving else lambda _: 0
    return Function(objects=objects, records=platform.records, pipelines=pipelines, forget=forget)


def main(event: Any) -> None:
    """The entry point: functions-framework calls it with a CloudEvent that holds a Pub/Sub message."""
    data = event.data if isinstance(event.data, dict) else json.loads(event.data)
    _function()(data["message"])


def command(arguments: list[str], platform: Platform) -> None:
    """What a pipeline calls besides the stages: `train RUN`, `deploy RUN`, `finish RUN ASKED_AT STATE`; and anybody:
    `merge RUN`."""
    match arguments:
        case ["train", run_id]:
            from twin.backends.gcp.training import CustomTraining, TrainingAddress

            signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
            address = TrainingAddress.parse(platform.settings.training)
            environ = {"TWIN_OBJECTS": platform.settings.objects, "TWIN_RECORDS": platform.settings.records}
            cloud.train(run_id, CustomTraining(address), environ, records=platform.records)
        case ["deploy", run_id]:
            bucket = platform.settings.objects
            cloud.deploy(run_id, platform.serving, bucket=bucket, records=platform.records, now=_utc)
        case ["merge", run_id]:
            from twin.convert import Kind
            from twin.pipeline.exports import export_twin

            address = cloud.deploy_merged(
                run_id,
                platform.serving,
                bucket=platform.settings.objects,
                objects=platform.objects,
                records=platform.records,
                export=lambda twin, target: export_twin(
                    twin, Kind.HF, target, objects=platform.objects, records=platform.records, bases=platform.bases
                ),
            )
            sys.stdout.write(f"{address}\n")
        case ["finish", run_id, asked_at, state]:
            asked = datetime.fromisoformat(asked_at)
            cloud.finish(run_id, asked, state, objects=platform.objects, records=platform.records, now=_utc())
        case _:
            raise SystemExit("usage: python -m twin.functions train|deploy|merge RUN, or finish RUN ASKED_AT STATE")


def _utc() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    try:
        command(sys.argv[1:], Platform(Settings.load(os.environ)))
    except TwinError as error:
        sys.exit(f"twin: {error}")
