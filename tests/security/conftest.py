"""The web app of its own tests, for tests of who may see what of whom."""

from tests.web.conftest import house, settings

__all__ = ["house", "settings"]
