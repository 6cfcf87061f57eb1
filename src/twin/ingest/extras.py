"""Libraries that only some formats need."""

from collections.abc import Generator
from contextlib import contextmanager

from twin.errors import SettingsError


@contextmanager
def formats_extra(purpose: str) -> Generator[None]:
    """Around late imports: a library that is missing becomes a SettingsError that names the extra."""
    try:
        yield
    except ImportError as error:
        raise SettingsError(
            f'{purpose} needs the package {error.name}, which is not installed: pip install "twin[formats]".'
        ) from error
