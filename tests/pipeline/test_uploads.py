"""Uploads."""

from pathlib import Path

import pytest
from tests.pipeline.conftest import Place

from twin.errors import ExportError
from twin.pipeline import uploads


@pytest.fixture
def given(tmp_path: Path) -> Path:
    folder = tmp_path / "given" / "My exports 🎉"
    (folder / "Zoë's chats").mkdir(parents=True)
    (folder / "WhatsApp Chat with Ana.txt").write_bytes(b"Ana: hi\r\n")
    (folder / "Zoë's chats" / "b.json").write_bytes(b"{}")
    (folder / "IMG-1.jpg").write_bytes(b"\xff\xd8\xff")
    return folder


def files(paths: list[Path]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                found[file.relative_to(path.parent).as_posix()] = file.read_bytes()
    return found


def test_what_was_given_comes_back_under_its_name(place: Place, given: Path) -> None:
    uploads.add_path(place.objects, "t1", given)
    uploads.add_path(place.objects, "t1", given / "WhatsApp Chat with Ana.txt")
    assert files(uploads.fetch(place.objects, "t1", place.folder / "fetched")) == {
        "My exports 🎉/WhatsApp Chat with Ana.txt": b"Ana: hi\r\n",
        "My exports 🎉/Zoë's chats/b.json": b"{}",
        "WhatsApp Chat with Ana.txt": b"Ana: hi\r\n",
    }


def test_no_key_names_anybody(place: Place, given: Path) -> None:
    uploads.add_path(place.objects, "t1", given)
    keys = list(place.objects.keys("t1/uploads/"))
    assert len(keys) == 3
    assert not [key for key in keys if "Ana" in key or "Zo" in key or "exports" in key]


def test_an_upload_that_was_broken_off_does_not_count(place: Place, given: Path) -> None:
    place.objects.put("t1/uploads/u1/000000", given / "WhatsApp Chat with Ana.txt")
    assert uploads.fetch(place.objects, "t1", place.folder / "fetched") == []
    uploads.complete(place.objects, "t1", "u1", ["Ana.txt"])
    assert files(uploads.fetch(place.objects, "t1", place.folder / "fetched")) == {"Ana.txt": b"Ana: hi\r\n"}


@pytest.mark.parametrize("name", ["../up.txt", "/etc/passwd", "a/../../b", "", "a\0b"])
def test_names_that_lead_out_are_refused(place: Place, name: str) -> None:
    with pytest.raises(ExportError, match="leads out of it"):
        uploads.complete(place.objects, "t1", "u1", ["fine.txt", name])
    assert list(place.objects.keys("t1/")) == []


def test_fetching_again_starts_afresh(place: Place, given: Path) -> None:
    uploads.add_path(place.objects, "t1", given)
    folder = place.folder / "fetched"
    uploads.fetch(place.objects, "t1", folder)
    (folder / "left").write_text("from an interrupted run")
    uploads.fetch(place.objects, "t1", folder)
    assert not (folder / "left").exists()
