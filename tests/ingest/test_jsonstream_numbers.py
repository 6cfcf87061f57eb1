"""Numbers and brackets in JSON that no export has."""

import tracemalloc
from pathlib import Path

import pytest
from tests.ingest.uploads import read_upload

from twin.errors import ExportError


@pytest.mark.parametrize("digits", [30, 5_000, 100_000])
def test_a_number_without_end_is_an_error_not_a_crash(tmp_path: Path, digits: int) -> None:
    with pytest.raises(ExportError):
        read_upload(tmp_path, {"result.json": f'{{"name": "Ana", "id": {"1" * digits}, "messages": []}}'})


def test_brackets_without_end_take_little_memory(tmp_path: Path) -> None:
    tracemalloc.start()
    with pytest.raises(ExportError):
        read_upload(tmp_path, {"result.json": "[" * 1_000_000})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50 << 20
