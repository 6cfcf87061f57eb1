"""The platform: the back ends that the settings name, connected when they are first used."""

import os
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from twin.domain.ports import ChatModel, ObjectStore, RecordStore, Runner
from twin.domain.runs import Run
from twin.domain.twins import Twin
from twin.errors import NotFoundError, SettingsError
from twin.settings import Settings, without_password

if TYPE_CHECKING:
    from twin.backends.gcp.pubsub import DeadLetters, PubSubAddress
    from twin.backends.gcp.serving import VertexServing
    from twin.backends.local.worker import Worker
    from twin.prepare.gemini import GeminiOtherSide
    from twin.serve.llama import LlamaChat
    from twin.serve.vllm import VllmChat
    from twin.serve.voice import Voice


class Platform:
    """What an installation consists of. `twin status` connects to the records alone and loads no model."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._chats: dict[str, LlamaChat | VllmChat] = {}
        self._lock = Lock()
        self._closing = Event()
        self._deliverers: list[Thread] = []

    def __enter__(self) -> "Platform":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the memory of the models that answer, and stop sending on what the outbox holds: it keeps it."""
        self._closing.set()
        for thread in self._deliverers:
            thread.join()
        with self._lock:
            while self._chats:
                self._chats.popitem()[1].close()

    @cached_property
    def folder(self) -> Path:
        """The installation's own folder, made where it is not there, for its owner's eyes only."""
        folder = self.settings.folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"TWIN_HOME: {folder} cannot be made ({os.strerror(error.errno or 0)}). Name another folder."
            ) from error
        return folder

    @property
    def scratch(self) -> Path:
        """Where runs keep what they need until they are done; below it, each twin has a folder."""
        return self.folder / "scratch"

    @property
    def bases(self) -> Path:
        """Where base models are kept."""
        return self.folder / "bases"

    @cached_property
    def objects(self) -> ObjectStore:
        address = self.settings.objects_address
        if address.startswith("file:"):
            from twin.backends.local.objects import FolderObjectStore

            return FolderObjectStore(Path(address.removeprefix("file:").removeprefix("//")).expanduser())
        if address.startswith("gs://"):
            with _extra("gcp"):
                from twin.backends.gcp.storage import BucketObjectStore
            return BucketObjectStore(address.removeprefix("gs://").rstrip("/"))
        raise _unknown("TWIN_OBJECTS", address, "file:FOLDER or gs://BUCKET")

    @cached_property
    def records(self) -> RecordStore:
        address = self.settings.records_address
        if address.startswith(("sqlite:", "postgresql")):
            from twin.backends.local.database import Database
            from twin.backends.local.records import SqlRecordStore

            _ = self.folder
            return SqlRecordStore(Database(address))
        if address.startswith("bigquery://"):
            names = _two("TWIN_RECORDS", address, "bigquery://", "PROJECT/DATASET")
            with _extra("gcp"):
                from twin.backends.gcp.bigquery import BigQueryRecordStore
                from twin.backends.gcp.web import web_records
            if not self.settings.web:
                return BigQueryRecordStore(*names)
            outbox = web_records(self.settings.web, *names, self._pubsub)
            thread = Thread(target=outbox.deliver_until, args=(self._closing,), name="outbox", daemon=True)
            self._deliverers.append(thread)
            thread.start()
            return outbox
        known = "sqlite:///FILE, postgresql://USER:PASSWORD@HOST/DATABASE or bigquery://PROJECT/DATASET"
        raise _unknown("TWIN_RECORDS", address, known)

    @cached_property
    def _pubsub(self) -> "PubSubAddress | None":
        if not self.settings.runner.startswith("pubsub:"):
            return None
        with _extra("gcp"):
            from twin.backends.gcp.pubsub import PubSubAddress
        return PubSubAddress.parse(self.settings.runner)

    @cached_property
    def dead_letters(self) -> "DeadLetters | None":
        """What could not be delivered, for the admin page; None where nothing is sent."""
        if not self._pubsub:
            return None
        from twin.backends.gcp.web import dead_letters

        return dead_letters(self._pubsub)

    @cached_property
    def runner(self) -> Runner:
        if self.settings.runner == "worker:":
            from twin.backends.local.worker import Queue

            return Queue(self.folder / "queue", self.records)
        if self._pubsub:
            from twin.backends.gcp.pubsub import PubSubRunner, Topic

            return PubSubRunner(Topic(self._pubsub.project, self._pubsub.topic))
        if self.settings.runner.startswith("vertex:"):
            with _extra("gcp"):
                from twin.backends.gcp.vertex import VertexAddress, VertexRunner
            objects, records = self.settings.objects_address, self.settings.records_address
            then = {"training": self.settings.training, "serving": self.settings.serving}
            return VertexRunner(VertexAddress.parse(self.settings.runner, objects=objects, records=records, **then))
        raise _unknown("TWIN_RUNNER", self.settings.runner, "worker:, pubsub:PROJECT/TOPIC or vertex:PROJECT/REGION?…")

    @cached_property
    def serving(self) -> "VertexServing":
        """Where pipelines deploy what they trained."""
        with _extra("gcp"):
            from twin.backends.gcp.serving import ServingAddress, VertexServing
        return VertexServing(ServingAddress.parse(self.settings.serving))

    def chat(self, base: str) -> ChatModel:
        """Who answers for the twins on a base model; an adapter's id is that of its run. Loads nothing yet."""
        return self._chat(base)

    def load(self, twins: Iterable[Twin]) -> None:
        """Begin to load who answers for these twins, so that nobody waits for the first reply."""
        adapters: dict[str, list[str]] = {}
        for twin in twins:
            adapters.setdefault(twin.base, []).extend([twin.run_id] if twin.run_id else [])
        for base, run_ids in adapters.items():
            self._chat(base).load(*run_ids)

    def forget(self, twin: Twin, run_ids: Iterable[str]) -> None:
        """Drop the adapters of a twin's runs from memory."""
        with self._lock:
            chat = self._chats.get(twin.base)
        if chat:
            for run_id in run_ids:
                chat.forget(run_id)

    def _chat(self, base: str) -> "LlamaChat | VllmChat":
        with self._lock:
            if base not in self._chats:
                self._chats[base] = self._open_chat(base)
            return self._chats[base]

    def _open_chat(self, base: str) -> "LlamaChat | VllmChat":
        from twin.base.models import find

        if self.settings.chat == "llama:":
            from twin.serve.llama import LlamaChat

            return LlamaChat(find(base, folder=self.bases), locate=self._adapter)
        if self.settings.chat.startswith("vllm:http"):
            with _extra("gcp"):
                from twin.serve.vllm import VllmChat
            url, token = self._credentials(self.settings.chat.removeprefix("vllm:"))
            bucket = self.settings.objects if ".vertexai.goog/" in url else None
            there = find(base, folder=self.bases)
            return VllmChat(url, there, locate=self._adapter_folder, bucket=bucket, token=token)
        raise _unknown("TWIN_CHAT", self.settings.chat, "llama: or vllm:URL")

    def _credentials(self, url: str) -> tuple[str, Callable[[], str | None]]:
        """A URL without the key that it may hold, and what to present there."""
        parts = urlsplit(url)
        key, host = parts.password, parts.hostname or ""
        if not key and host.endswith((".run.app", ".vertexai.goog")):
            with _extra("gcp"):
                from twin.backends.gcp.identity import access, identity
            return url, identity(f"https://{host}") if host.endswith(".run.app") else access()
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])), lambda: key or None

    def gemini(self, agreement: str, twin_id: str) -> "GeminiOtherSide":
        """Who is asked what was said before somebody's writing. Raises SettingsError without the agreement, or a key."""
        with _extra("gemini"):
            from twin.prepare.gemini import GeminiOtherSide, connect_to
        cache = self.scratch / twin_id / "gemini"  # goes with the twin
        return GeminiOtherSide(connect_to(self.settings.gemini), agreement, cache)

    def voice(self, twin: Twin) -> "Voice":
        """A twin, ready to answer; before it is published, the base goes on without an adapter."""
        from twin.serve.memory import Memory
        from twin.serve.voice import Voice

        past = self._memory(twin)
        return Voice(
            self.chat(twin.base),
            twin.speakers[0],
            twin.run_id,
            partner=twin.partner,
            past=Memory(past) if past else None,
        )

    def _memory(self, twin: Twin) -> Path | None:
        """What the owner said before, from the run that answers, or before there is one, from the newest."""
        from twin.pipeline import keys

        runs = self.records.runs(twin.id)[::-1]
        for run in [run for run in runs if twin.run_id in (None, run.id)]:
            with suppress(NotFoundError):
                return self._fetched(run, keys.MEMORY)
        return None

    def _adapter_folder(self, adapter: str) -> str:
        """The key of a run's adapter, under which a server that sees the bucket finds it."""
        from twin.pipeline import keys

        run_id, _, compared = adapter.partition("/")
        return (keys.run(self.records.run(run_id)) + f"{compared}/{keys.ADAPTER}".lstrip("/")).rstrip("/")

    def _adapter(self, adapter: str) -> Path:
        """The adapter of a run as a file; NotFoundError as soon as the run was deleted.

        An adapter's id is that of its run; `RUN/other` is the twin of somebody else that the run's is compared with.
        """
        from twin.pipeline import keys

        run_id, _, compared = adapter.partition("/")
        return self._fetched(self.records.run(run_id), f"{compared}/{keys.ADAPTER_GGUF}".lstrip("/"))

    def _fetched(self, run: Run, name: str) -> Path:
        """An object of a run as a file that stays until its twin is deleted."""
        from twin.pipeline import keys

        file = self.scratch / run.twin_id / f"{run.id}-{name}"
        if not file.exists():
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.objects.get(keys.run(run) + name, file)
        return file

    @cached_property
    def worker(self) -> "Worker | None":
        """Who does the runs of this machine; None where they are done elsewhere."""
        from twin.backends.local.worker import Queue, Worker

        if not isinstance(self.runner, Queue):
            return None
        return Worker(
            self.runner,
            self.records,
            # -P: whatever lies in the folder where twin was started is not imported.
            command=[sys.executable, "-P", "-m", "twin", "stage", "--until-eof"],
            log=lambda run: self.scratch / run.twin_id / run.id / "log.txt",
            variables=self.settings.variables(),
        )


def _unknown(variable: str, address: str, known: str) -> SettingsError:
    return SettingsError(f"{variable}={without_password(address)} is of no kind that twin knows. Give {known}.")


def _two(variable: str, address: str, prefix: str, form: str) -> tuple[str, str]:
    first, _, second = address.removeprefix(prefix).partition("/")
    if not first or not second or "/" in second:
        raise _unknown(variable, address, prefix + form)
    return first, second


@contextmanager
def _extra(name: str) -> Generator[None]:
    """An import that needs an extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise SettingsError(f"{error.name} is not installed. Run: pip install 'twin[{name}]'") from error
