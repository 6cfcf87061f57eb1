"""The folder object store, where it is more than the contract."""

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from twin.backends.local.objects import FolderObjectStore
from twin.errors import NotFoundError, UnavailableError


@pytest.fixture
def store(tmp_path: Path) -> FolderObjectStore:
    return FolderObjectStore(tmp_path / "objects")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(b"words" * 1000)
    return path


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_only_the_owner_can_look(store: FolderObjectStore, source: Path) -> None:
    store.put("t1/uploads/a", source)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in [store.folder, *store.folder.rglob("*")]}
    assert modes == {0o700, 0o600}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_disk_is_one_sentence_and_the_old_object_stays(
    store: FolderObjectStore, source: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    store.put("t1/x", source)
    source.write_bytes(b"new")

    def full(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UnavailableError, match=r"Cannot write to .*: .*TWIN_HOME"):
        store.put("t1/x", source)
    monkeypatch.undo()
    assert (store.folder / "t1/x").read_bytes() == b"words" * 1000
    assert files(store.folder) == ["t1", "t1/x"]


def test_what_a_killed_put_left_is_no_object_and_goes_with_its_twin(store: FolderObjectStore, source: Path) -> None:
    store.put("t1/uploads/a", source)
    script = (
        "import sys, time; from pathlib import Path; from twin.backends.local import objects\n"
        "objects._sync_folder = lambda folder: None\n"
        "Path.replace = lambda *_: (print('ready', flush=True), time.sleep(60))\n"
        "objects.FolderObjectStore(Path(sys.argv[1])).put('t1/uploads/b', Path(sys.argv[2]))\n"
    )
    command = [sys.executable, "-c", script, str(store.folder), str(source)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.send_signal(signal.SIGKILL)
    assert len(files(store.folder)) == 4, "the killed put left a file"
    assert list(store.keys("t1/")) == ["t1/uploads/a"]
    assert store.delete("t1/") == 1
    assert files(store.folder) == []


def test_deletion_meets_puts(store: FolderObjectStore, source: Path) -> None:
    until = time.monotonic() + 0.5
    outcomes = {True: 0, False: 0}

    def delete() -> None:
        while time.monotonic() < until:
            store.delete("t1/runs/")

    thread = threading.Thread(target=delete)
    thread.start()
    try:
        while time.monotonic() < until:
            try:
                store.put("t1/runs/r1/events/train.jsonl", source)
                outcomes[True] += 1
            except NotFoundError:
                outcomes[False] += 1
    finally:
        thread.join()
    assert outcomes[True]
    store.delete("t1/")
    assert files(store.folder) == []
