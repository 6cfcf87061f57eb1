"""Replies that are being made."""

import threading
from collections.abc import Generator
from contextlib import contextmanager


class UnderWay:
    """The conversations in which a reply is being made, so that it can be stopped."""

    def __init__(self) -> None:
        self._stops: dict[str, threading.Event] = {}

    @contextmanager
    def reply(self, conversation_id: str) -> Generator[threading.Event]:
        """One reply; the event says that it is to end."""
        stop = threading.Event()
        self.stop(conversation_id)
        self._stops[conversation_id] = stop
        try:
            yield stop
        finally:
            if self._stops.get(conversation_id) is stop:
                del self._stops[conversation_id]

    def stop(self, conversation_id: str) -> None:
        """End the reply that is being made in a conversation; what is there of it stays."""
        if stop := self._stops.get(conversation_id):
            stop.set()
