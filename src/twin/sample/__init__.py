"""The sample chat: an invented WhatsApp export that `twin demo` trains a twin of Nora Quill from.

Written for this repository, message by message. Its people, places, films and telephone numbers are made up.
"""

from importlib import resources
from pathlib import Path

OWNER = "Nora Quill"
"""Whose voice the demo's twin takes on; the export was made on her phone."""


def path() -> Path:
    """Where the export lies: a text file as Android writes it, of four people, from March to September 2025."""
    return Path(str(resources.files(__name__) / "WhatsApp Chat with Saturday crew.txt"))
