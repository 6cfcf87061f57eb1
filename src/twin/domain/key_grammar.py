"""The grammar of object keys, the same for every object store: plain parts, joined by slashes."""

import re

PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
"""One part of a key. It never begins with a dot: there is no way up, and room for names of a store's own."""


def check_key(key: str) -> str:
    """The key itself. Raises ValueError for what nobody makes."""
    if not all(PART.fullmatch(part) for part in key.split("/")):
        raise ValueError(f"not a key: {key!r}. Keys are made in pipeline/keys.py.")
    return key
