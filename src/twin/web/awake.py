"""Awake: adapters are in memory before somebody waits for them."""

import time
from collections.abc import Callable, Iterable

from twin.backends.local.worker import Queue
from twin.domain.runs import RunState
from twin.domain.twins import Twin
from twin.errors import NotFoundError
from twin.platform import Platform

AGAIN_S = 300.0
"""A server that sleeps while nobody asks is woken again after so long."""


class Awake:
    """Loads twins when the app starts, when one is published, and when somebody opens its chat.

    Args:
        later: does a job after the page.
    """

    def __init__(
        self, platform: Platform, later: Callable[..., None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._platform = platform
        self._later = later
        self._clock = clock
        self._since: dict[str, float] = {}
        self._waiting: set[str] = set()

    def soon(self, twins: Iterable[Twin]) -> None:
        """Somebody is about to talk with these."""
        now = self._clock()
        asleep = [one for one in twins if now - self._since.get(one.run_id or one.base, -AGAIN_S) >= AGAIN_S]
        self._since.update((one.run_id or one.base, now) for one in asleep)
        if asleep:
            self._later(self._platform.load, asleep)

    def begin(self, owners: Iterable[str]) -> None:
        """The app starts. A server elsewhere is left asleep: it may cost by the hour."""
        if isinstance(self._platform.runner, Queue):
            self.soon(twin for owner in owners for twin in self._platform.records.twins(owner) if twin.run_id)

    def look(self) -> None:
        """Load what was published since the last look. To be called now and then by whoever serves the app."""
        if not isinstance(self._platform.runner, Queue):
            return
        waiting = set(self._platform.runner.waiting())
        for run_id in self._waiting - waiting:
            try:
                run = self._platform.records.run(run_id)
                if run.state is RunState.DONE:
                    self.soon([self._platform.records.twin(run.twin_id)])
            except NotFoundError:
                pass  # deleted meanwhile
        self._waiting = waiting
