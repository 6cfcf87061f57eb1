"""What tests of several folders share."""

from pathlib import Path

import pytest

from tests.tiny import TinyGemma, tiny_gemma


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyGemma:
    """A random Gemma 3 of two layers, written once."""
    folder: Path = tmp_path_factory.mktemp("tiny")
    return tiny_gemma(folder)
