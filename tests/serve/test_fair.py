"""The fair queue."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from twin.errors import BusyError, UnavailableError
from twin.serve.fair import FairQueue, Ticket

SOON = 0.05


def in_s(seconds: float) -> float:
    return time.monotonic() + seconds


class Crowd:
    """Threads that enter a queue; `order` says who got in, in order."""

    def __init__(self, queue: FairQueue) -> None:
        self.queue = queue
        self.order: list[str] = []
        self._pool = ThreadPoolExecutor(16)
        self._lock = threading.Lock()

    def come(self, group: str, name: str = "") -> None:
        """Somebody enters, and is waiting or in by the time this returns; in, they leave at once."""
        before = sum(map(len, self.queue._waiting.values())) + len(self.order)
        self._pool.submit(self._use, group, name)
        while sum(map(len, self.queue._waiting.values())) + len(self.order) == before:
            time.sleep(0.001)

    def _use(self, group: str, name: str) -> None:
        ticket = self.queue.enter(group, name, deadline=in_s(10))
        with self._lock:
            self.order.append(group + name)
        self.queue.leave(ticket)

    def wait(self) -> list[str]:
        self._pool.shutdown()
        return self.order


def test_one_group_fills_the_places_and_another_waits_for_all_of_them() -> None:
    queue = FairQueue(places=2, bound=8)
    held = [queue.enter("a", "", deadline=in_s(1)) for _ in range(2)]
    crowd = Crowd(queue)
    crowd.come("b")
    queue.leave(held[0])
    time.sleep(SOON)
    assert crowd.order == []
    queue.leave(held[1])
    assert crowd.wait() == ["b"]


def test_whoever_keeps_coming_does_not_keep_others_out() -> None:
    queue = FairQueue(places=2, bound=8)
    held = queue.enter("a", "", deadline=in_s(1))
    crowd = Crowd(queue)
    crowd.come("b")
    for _ in range(3):
        crowd.come("a")  # there is a place, but it is b's turn next
    assert crowd.order == []
    queue.leave(held)
    assert crowd.wait()[0] == "b"
    assert crowd.order.count("a") == 3


def test_keys_of_one_group_take_turns() -> None:
    queue = FairQueue(places=1, bound=8)
    held = queue.enter("a", "", deadline=in_s(1))
    crowd = Crowd(queue)
    for name in ("1", "1", "1", "2"):
        crowd.come("a", name)
    queue.leave(held)
    assert crowd.wait() == ["a1", "a2", "a1", "a1"]


def test_beyond_the_bound_it_is_busy_for_that_key_only() -> None:
    queue = FairQueue(places=1, bound=1)
    held = queue.enter("a", "", deadline=in_s(1))
    crowd = Crowd(queue)
    crowd.come("a")
    with pytest.raises(BusyError) as caught:
        queue.enter("a", "", deadline=in_s(1))
    assert caught.value.retry_after >= 1
    crowd.come("b")
    queue.leave(held)
    assert sorted(crowd.wait()) == ["a", "b"]


def test_a_deadline_frees_the_place_in_the_queue() -> None:
    queue = FairQueue(places=1, bound=1)
    held: Ticket = queue.enter("a", "", deadline=in_s(1))
    for _ in range(3):
        with pytest.raises(UnavailableError):
            queue.enter("b", "", deadline=in_s(0.01))
    queue.leave(held)
    queue.leave(queue.enter("b", "", deadline=in_s(0.01)))
    queue.drain()


def test_many_threads_never_exceed_the_places() -> None:
    queue = FairQueue(places=3, bound=1000)
    lock = threading.Lock()
    inside: list[str] = []

    def use(number: int) -> None:
        group = "abc"[number % 3]
        ticket = queue.enter(group, str(number % 5), deadline=in_s(20))
        with lock:
            inside.append(group)
            assert len(inside) <= 3
            assert set(inside) == {group}
        time.sleep(0.0005)
        with lock:
            inside.remove(group)
        queue.leave(ticket)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(use, range(300)))
    queue.drain()
