"""The commands of docs/operations.md, run as they stand there: backup, copy, restore."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.chaos import installation
from tests.tiny import TinyGemma
from twin.domain.runs import RunState

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")


def commands(heading: str) -> list[str]:
    """The blocks of commands below a heading."""
    section = re.split(rf"^## {heading}$", PAGE, flags=re.MULTILINE)[1].split("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


@pytest.fixture
def home(tmp_path: Path, tiny: TinyGemma) -> Path:
    home = tmp_path / "home"
    installation.furnish(home, tiny.gguf)
    (home / "secret-key").write_text("key")
    (home / "bases").mkdir()
    (home / "bases" / "base.gguf").touch()
    return home


def run(command: str, folder: Path, **places: Path) -> None:
    environment = {**os.environ, "TWIN_HOME": str(folder / "home")} | {name: str(path) for name, path in places.items()}
    subprocess.run(["sh", "-euc", command], env=environment, check=True)


def same(home: Path, restored: Path, base: Path) -> None:
    assert installation.objects(restored) == installation.objects(home)
    assert (restored / "secret-key").read_text() == "key"
    assert restored.stat().st_mode & 0o777 == 0o700
    with installation.opened(restored, base) as platform:
        assert platform.records.run(installation.RUN).state is RunState.QUEUED
        assert platform.records.twin(installation.TWIN).speakers == ("Nora Quill",)
        assert platform.runner.waiting() == [installation.RUN]  # type: ignore[attr-defined]


def test_a_backup_is_restored(home: Path, tmp_path: Path, tiny: TinyGemma) -> None:
    packed, _ = commands("Backup")
    (restore,) = commands("Restore")
    run(packed, tmp_path, BACKUP=tmp_path / "backup.tar.gz")
    run(restore, tmp_path, BACKUP=tmp_path / "backup.tar.gz", RESTORED=tmp_path / "restored")
    assert not (tmp_path / "restored" / "bases").exists()
    same(home, tmp_path / "restored", tiny.gguf)


def test_a_copy_is_made_while_it_runs(home: Path, tmp_path: Path, tiny: TinyGemma) -> None:
    _, copy = commands("Backup")
    with installation.opened(home, tiny.gguf) as platform:
        assert platform.records.runs(installation.TWIN)
        run(copy, tmp_path, COPY=tmp_path / "copy")
    same(home, tmp_path / "copy", tiny.gguf)
