"""Faults, noted without a word of anybody."""

import logging
import traceback
from pathlib import Path

log = logging.getLogger(__name__)


def log_fault(error: BaseException) -> None:
    """Note where a fault was. Its message may quote a chat, and what was asked for names people: neither is noted."""
    frames = traceback.extract_tb(error.__traceback__)
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames[-6:]))
    log.error("%s at %s", type(error).__name__, places)
