"""Strings of Meta's JSON exports: UTF-8 whose bytes were written as if each were a character."""

from typing import Any


def mend(text: str) -> str:
    """The string as it was typed; one that is not broken stays as it is.

    Each string is mended by itself, and only where all of it is Latin-1 and the bytes are strict UTF-8: newer
    downloads hold whole and broken strings side by side.
    """
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def mend_all(value: Any) -> Any:
    """The same for every string (and key) inside a JSON value."""
    match value:
        case str():
            return mend(value)
        case list():
            return [mend_all(item) for item in value]
        case dict():
            return {mend(str(key)): mend_all(item) for key, item in value.items()}
        case _:
            return value
