"""A fair queue: who may use the places of one server, and when.

llama.cpp decodes several replies in one batch only where they use the same adapter; replies of another adapter
stand still until the first ones are done, and those in the later slots may wait for ever. So requests of one
adapter (a group) run together, and groups take turns.
"""

import threading
import time
from collections import deque
from dataclasses import dataclass, field

from twin.errors import BusyError, UnavailableError

Group = str | int | None


@dataclass(eq=False, slots=True)
class Ticket:
    """One request in the queue, then at work."""

    key: tuple[Group, str]
    told: threading.Condition  # its own: waking everybody who waits for one place would cost as much as they are
    admitted: bool = False
    since: float = field(default_factory=time.monotonic)


class FairQueue:
    """At most `places` requests at work and `bound` waiting for each key.

    A key is a group and whoever asks within it; the keys of a group are served in rotation.
    """

    def __init__(self, *, places: int, bound: int) -> None:
        self._places = places
        self._bound = bound
        self._waiting: dict[tuple[Group, str], deque[Ticket]] = {}  # in order of rotation
        self._running = 0
        self._group: Group = None
        self._typical_s = 2.0
        self._lock = threading.Lock()
        self._emptied = threading.Condition(self._lock)

    def enter(self, group: Group, name: str, *, deadline: float) -> Ticket:
        """Wait for a place; give it back with `leave`.

        Args:
            deadline: on the clock of `time.monotonic`.

        Raises:
            BusyError: `bound` requests of this key wait already.
            UnavailableError: the deadline passed first.
        """
        ticket = Ticket((group, name), threading.Condition(self._lock))
        with self._lock:
            waiting = len(self._waiting.get(ticket.key, ()))
            if waiting >= self._bound:
                raise BusyError(
                    f"This twin has {waiting} replies waiting already. Try again in a moment.",
                    retry_after=max(1.0, round(waiting * self._typical_s / self._places, 1)),
                )
            self._waiting.setdefault(ticket.key, deque()).append(ticket)
            self._admit()
            try:
                in_time = ticket.told.wait_for(lambda: ticket.admitted, deadline - time.monotonic())
            except BaseException:
                self._withdraw(ticket)
                raise
            if not in_time:
                self._withdraw(ticket)
                raise UnavailableError("The twin was too busy to answer in time. Try again.")
        ticket.since = time.monotonic()
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Give a place back."""
        took = time.monotonic() - ticket.since
        with self._lock:
            self._typical_s += (took - self._typical_s) / 8
            self._running -= 1
            self._admit()

    def drain(self) -> None:
        """Wait until nobody is at work or waiting."""
        with self._lock:
            self._emptied.wait_for(lambda: not self._running and not self._waiting)

    def _admit(self) -> None:
        # One group runs at a time. While others wait it takes nobody in, so that its turn ends.
        if self._running == 0 and self._waiting:
            self._group = next(iter(self._waiting))[0]
        if self._running == 0 or all(group == self._group for group, _ in self._waiting):
            while self._running < self._places:
                key = next((key for key in self._waiting if key[0] == self._group), None)
                if key is None:
                    break
                queue = self._waiting.pop(key)
                ticket = queue.popleft()
                ticket.admitted = True
                ticket.told.notify()
                self._running += 1
                if queue:
                    self._waiting[key] = queue
        if not self._running and not self._waiting:
            self._emptied.notify_all()

    def _withdraw(self, ticket: Ticket) -> None:
        if ticket.admitted:
            self._running -= 1
        else:
            queue = self._waiting[ticket.key]
            queue.remove(ticket)
            if not queue:
                del self._waiting[ticket.key]
        self._admit()
