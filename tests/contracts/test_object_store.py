"""What every object store does."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.gcp import backends as gcp

from twin.backends.local.objects import FolderObjectStore
from twin.domain.ports import ObjectStore
from twin.errors import NotFoundError

BACK_ENDS: dict[str, Callable[[Path], ObjectStore]] = {
    "folder": lambda scratch: FolderObjectStore(scratch / "objects"),
    **gcp.OBJECT_STORES,
}


@pytest.fixture(params=gcp.marked(BACK_ENDS))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    return BACK_ENDS[request.param](tmp_path)


@pytest.fixture
def put(store: ObjectStore, tmp_path: Path) -> Callable[[str, bytes], None]:
    def put(key: str, content: bytes) -> None:
        source = tmp_path / f"source-{threading.get_ident()}"
        source.write_bytes(content)
        store.put(key, source)

    return put


def read(store: ObjectStore, key: str, tmp_path: Path) -> bytes:
    target = tmp_path / "fetched"
    store.get(key, target)
    return target.read_bytes()


Put = Callable[[str, bytes], None]


@pytest.mark.parametrize("content", [b"", b"\x00\xff\r\n", os.urandom(3 << 20)], ids=["empty", "binary", "3 MB"])
def test_what_was_put_comes_back(store: ObjectStore, put: Put, tmp_path: Path, content: bytes) -> None:
    put("t1/runs/r1/adapter/adapter_model.safetensors", content)
    assert read(store, "t1/runs/r1/adapter/adapter_model.safetensors", tmp_path) == content


def test_a_second_put_replaces(store: ObjectStore, put: Put, tmp_path: Path) -> None:
    put("t1/report.json", b"a much longer first version")
    put("t1/report.json", b"second")
    assert read(store, "t1/report.json", tmp_path) == b"second"
    assert list(store.keys("t1/")) == ["t1/report.json"]


def test_a_missing_object_is_not_found_and_leaves_no_file(store: ObjectStore, put: Put, tmp_path: Path) -> None:
    put("t1/a/b", b"x")
    for key in ("t1/none", "t1/a", "t1/a/b/c"):
        with pytest.raises(NotFoundError, match=key):
            store.get(key, tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_keys_are_sorted_and_begin_with_the_prefix(store: ObjectStore, put: Put) -> None:
    for key in ("t1/b", "t1/a/2", "t1/a/10", "t10/a", "t1/ab", "t2/x"):
        put(key, b"")
    assert list(store.keys("t1/")) == ["t1/a/10", "t1/a/2", "t1/ab", "t1/b"]
    assert list(store.keys("t1/a")) == ["t1/a/10", "t1/a/2", "t1/ab"]
    assert list(store.keys("t1")) == ["t1/a/10", "t1/a/2", "t1/ab", "t1/b", "t10/a"]
    assert len(list(store.keys(""))) == 6
    assert list(store.keys("nothing/")) == []


def test_delete_takes_what_begins_with_the_prefix_and_nothing_else(store: ObjectStore, put: Put) -> None:
    for key in ("t1/a", "t1/runs/r1/x", "t1/runs/r2/x", "t10/a"):
        put(key, b"secret")
    assert store.delete("t1/") == 3
    assert list(store.keys("")) == ["t10/a"]
    assert store.delete("t1/") == 0


def test_nobody_deletes_everything_by_mistake(store: ObjectStore, put: Put) -> None:
    put("t1/a", b"")
    with pytest.raises(ValueError, match="empty prefix"):
        store.delete("")
    assert list(store.keys("")) == ["t1/a"]


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", "a\\b", "a\x00b", "a/.hidden", "Zoë"]
)
def test_keys_that_nobody_makes_are_refused(store: ObjectStore, tmp_path: Path, key: str) -> None:
    (tmp_path / "source").write_bytes(b"")
    with pytest.raises(ValueError, match="not a key"):
        store.put(key, tmp_path / "source")
    with pytest.raises(ValueError, match="not a key"):
        store.get(key, tmp_path / "target")


def test_readers_see_one_version_whole_while_it_is_replaced(store: ObjectStore, put: Put, tmp_path: Path) -> None:
    versions = [bytes([letter]) * 300_000 for letter in b"ab"]
    put("t1/x", versions[0])
    done = threading.Event()

    def replace() -> None:
        while not done.is_set():
            for version in versions:
                put("t1/x", version)

    writer = threading.Thread(target=replace)
    writer.start()
    try:
        assert {read(store, "t1/x", tmp_path) for _ in range(40)} <= set(versions)
    finally:
        done.set()
        writer.join()
