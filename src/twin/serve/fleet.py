"""Which adapters are loaded: a new set is a new server, which takes over when it is ready.

llama.cpp takes adapters only when it starts. The base's weights are memory-mapped, so that two servers share
them; replies under way finish on the old one.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from twin.errors import ModelError, NotFoundError, TwinError, UnavailableError
from twin.serve.server import LlamaServer

log = logging.getLogger(__name__)


class Stamp(NamedTuple):
    """What tells one version of a file from another."""

    inode: int
    size: int
    modified_ns: int


class File(NamedTuple):
    """An adapter file at one moment."""

    path: Path
    stamp: Stamp


class _Crew:
    """A server and which adapters it has; `users` holds whoever may still ask it."""

    def __init__(self, server: LlamaServer, adapters: dict[str, Stamp]) -> None:
        self.server = server
        self.adapters = adapters
        self.indices = {adapter: index for index, adapter in enumerate(adapters)}
        self.users = 0


class Fleet:
    """Hands out the server that has an adapter, and starts one where none has it."""

    def __init__(
        self,
        start: Callable[[Sequence[Path]], LlamaServer],
        *,
        check: Callable[[Path], None],
        locate: Callable[[str], Path],
        limit: int,
    ) -> None:
        """
        Args:
            start: a server with these adapter files.
            check: raises ModelError where a file is no adapter for the base.
            locate: the file of an adapter; raises NotFoundError.
            limit: adapters in memory at most; the least recently used are dropped.
        """
        self._start = start
        self._check = check
        self._locate = locate
        self._limit = limit
        self._wanted: OrderedDict[str, None] = OrderedDict()  # least recently used first
        self._broken: dict[str, tuple[Stamp, str]] = {}
        self._crew: _Crew | None = None
        self._failure: str | None = None
        self._builder: threading.Thread | None = None
        self._closed = False
        self._changed = threading.Condition()

    @contextmanager
    def lease(self, adapter: str | None, *, deadline: float) -> Generator[tuple[LlamaServer, int | None]]:
        """The server that has this adapter, and its index there. It stays until the lease ends.

        Raises:
            NotFoundError: there is no such adapter.
            ModelError: its file is broken, or the base cannot be loaded.
            UnavailableError: it was not ready by `deadline` (on the clock of `time.monotonic`).
        """
        crew = self._ready(adapter, deadline)
        try:
            yield crew.server, None if adapter is None else crew.indices[adapter]
        finally:
            self._release(crew)

    def load(self, *adapters: str) -> None:
        """Begin to load the base and these adapters; returns at once."""
        with self._changed:
            for adapter in adapters:
                self._want(adapter)
            self._build()

    def forget(self, adapter: str) -> None:
        """Drop an adapter from memory; returns at once."""
        with self._changed:
            self._wanted.pop(adapter, None)
            self._broken.pop(adapter, None)
            if self._crew and adapter in self._crew.adapters:
                self._build()

    def close(self) -> None:
        """Wait for the replies under way and free the memory."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            builder = self._builder
        if builder:
            builder.join()
        with self._changed:
            self._changed.wait_for(lambda: self._crew is None or self._crew.users == 0)
            crew, self._crew = self._crew, None
        if crew:
            crew.server.close()

    def _ready(self, adapter: str | None, deadline: float) -> _Crew:
        with self._changed:
            self._failure = None
        while True:
            file = None if adapter is None else self._present(adapter)
            with self._changed:
                if self._closed:
                    raise UnavailableError("The model is being unloaded. Try again.")
                if adapter is not None and file is not None:
                    stamp, why = self._broken.get(adapter, (None, ""))
                    if stamp == file.stamp:
                        raise ModelError(why)
                    self._want(adapter)
                crew = self._living()
                if crew and (adapter is None or (file and crew.adapters.get(adapter) == file.stamp)):
                    crew.users += 1
                    return crew
                if self._failure:
                    raise ModelError(self._failure)
                self._build()
                if not self._changed.wait(deadline - time.monotonic()):
                    raise UnavailableError("The model is still being loaded. Try again in a few seconds.")

    def _living(self) -> _Crew | None:
        crew = self._crew
        if crew and not crew.server.alive:
            log.warning("the server ended; another one is started")
            self._crew = None
            if crew.users == 0:
                crew.server.close()
        return self._crew

    def _present(self, adapter: str) -> File:
        try:
            return self._file(adapter)
        except NotFoundError:
            self.forget(adapter)
            raise

    def _release(self, crew: _Crew) -> None:
        with self._changed:
            crew.users -= 1
            idle = crew.users == 0 and crew is not self._crew
            self._changed.notify_all()
        if idle:
            crew.server.close()

    def _file(self, adapter: str) -> File:
        path = self._locate(adapter)
        try:
            about = path.stat()
        except OSError:
            raise NotFoundError("The twin's adapter is not there any more. Train the twin again.") from None
        return File(path, Stamp(about.st_ino, about.st_size, about.st_mtime_ns))

    def _want(self, adapter: str) -> None:
        self._wanted[adapter] = None
        self._wanted.move_to_end(adapter)
        while len(self._wanted) > self._limit:
            self._wanted.popitem(last=False)

    def _build(self) -> None:
        """Have a server built for what is wanted now, unless one is being built; that one looks again."""
        if self._builder is None and not self._closed:
            self._builder = threading.Thread(target=self._work, name="llama-start")
            self._builder.start()

    def _work(self) -> None:
        done = False
        while not done:
            try:
                done = self._round()
            except BaseException as error:
                # Whoever waits is told, and the next request has another try.
                with self._changed:
                    self._failure = f"The model could not be loaded ({type(error).__name__}). Try again."
                    self._builder = None
                    self._changed.notify_all()
                raise

    def _round(self) -> bool:
        """Have a server with what is wanted now; whether nothing else is wanted since."""
        with self._changed:
            wanted = list(self._wanted)
        files = self._sound(wanted)
        failure: str | None = None
        crew = None
        if self._crew is None or self._crew.adapters != {adapter: file.stamp for adapter, file in files.items()}:
            began = time.monotonic()
            try:
                crew = self._crew_of(files)
                log.info("serving %d adapters after %.1f s", len(crew.adapters), time.monotonic() - began)
            except TwinError as error:
                failure = str(error)
        with self._changed:
            old = self._crew
            if crew:
                self._crew = crew
            self._failure = failure
            loaded = self._crew.adapters if self._crew else {}
            done = failure is not None or self._closed or self._wanted.keys() == loaded.keys()
            if done:
                self._builder = None
            idle = crew is not None and old is not None and old.users == 0
            self._changed.notify_all()
        if idle and old:
            old.server.close()
        return done

    def _sound(self, wanted: Sequence[str]) -> dict[str, File]:
        """The wanted adapters whose files are there and whole. Notes the broken ones."""
        files: dict[str, File] = {}
        for adapter in wanted:
            try:
                file = self._file(adapter)
            except TwinError:
                with self._changed:
                    self._wanted.pop(adapter, None)
                continue
            crew = self._crew
            if crew and crew.adapters.get(adapter) == file.stamp:
                files[adapter] = file
                continue
            try:
                self._check(file.path)
                files[adapter] = file
            except ModelError as error:
                self._refuse(adapter, file, str(error))
        return files

    def _crew_of(self, files: dict[str, File]) -> _Crew:
        try:
            server = self._start([file.path for file in files.values()])
        except ModelError:
            if not files:
                raise
            files = self._accepted(files)
            server = self._start([file.path for file in files.values()])
        return _Crew(server, {adapter: file.stamp for adapter, file in files.items()})

    def _accepted(self, files: dict[str, File]) -> dict[str, File]:
        """Those that llama.cpp takes when each is tried alone."""
        accepted: dict[str, File] = {}
        self._start([]).close()
        for adapter, file in files.items():
            try:
                self._start([file.path]).close()
                accepted[adapter] = file
            except ModelError:
                why = "The twin's adapter cannot be used: llama.cpp does not take it. Train the twin again."
                self._refuse(adapter, file, why)
        return accepted

    def _refuse(self, adapter: str, file: File, why: str) -> None:
        with self._changed:
            self._broken[adapter] = (file.stamp, why)
            self._wanted.pop(adapter, None)
