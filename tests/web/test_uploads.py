"""Uploads: in pieces, broken off and gone on with, refused by content."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from tests.web.conftest import House, Person

from twin import sample
from twin.pipeline import keys
from twin.web.store.uploads import Upload, UploadState

CHAT = sample.path().read_bytes()


@pytest.fixture
def ana(house: House) -> Person:
    return house.ana()


def draft(person: Person) -> str:
    return person.post("/twins").headers["Location"].split("/")[2]


def announce(person: Person, twin: str, files: dict[str, int], *, status: int = 200) -> dict[str, object]:
    about = {"name": next(iter(files)), "files": [{"path": path, "size": size} for path, size in files.items()]}
    answer = person.browser.post(
        f"/twins/{twin}/uploads", json=about, headers={**person.headers, "Accept": "application/json"}
    )
    assert answer.status_code == status, answer.text
    return json.loads(answer.text)


def piece(  # noqa: PLR0917
    person: Person, twin: str, upload: object, number: int, offset: int, data: bytes
) -> tuple[int, str | None]:
    answer = person.browser.patch(
        f"/twins/{twin}/uploads/{upload}/{number}",
        data=data,
        headers={**person.headers, "Upload-Offset": str(offset), "Content-Type": "application/octet-stream"},
    )
    return answer.status_code, answer.headers.get("Upload-Offset")


def only(house: House, twin: str) -> Upload:
    house.wait()
    (upload,) = house.site.store.uploads.of_twin(twin)
    return upload


def test_a_broken_upload_goes_on_where_it_stopped(house: House, ana: Person) -> None:
    twin, name = draft(ana), "WhatsApp Chat with Saturday crew.txt"
    first = announce(ana, twin, {name: len(CHAT)})
    at = len(CHAT) * 6 // 10
    assert piece(ana, twin, first["id"], 0, 0, CHAT[:at]) == (204, str(at))
    # Another day, another tab: the same file again.
    again = announce(ana, twin, {name: len(CHAT)})
    assert (again["id"], again["offsets"]) == (first["id"], [at])
    head = ana.browser.head(f"/twins/{twin}/uploads/{first['id']}/0")
    assert head.headers["Upload-Offset"] == str(at)
    # A piece that came twice changes nothing.
    assert piece(ana, twin, first["id"], 0, 0, CHAT[:at]) == (409, str(at))
    assert piece(ana, twin, first["id"], 0, at, CHAT[at:]) == (204, str(len(CHAT)))
    upload = only(house, twin)
    assert upload.state is UploadState.READY
    assert upload.survey
    (report,) = upload.survey["reports"]
    assert (report["platform"], report["messages"], report["owner"]) == ("whatsapp", 2200, "Nora Quill")
    stored = house.platform.folder / "objects" / keys.upload(twin, upload.id)
    assert (stored / "000000").read_bytes() == CHAT
    assert json.loads((stored / "files.json").read_text()) == [name]
    assert not any((house.platform.folder / "web" / "receiving").iterdir())
    page = ana.get(f"/twins/{twin}/uploads")
    assert "2,200 messages" in page


def test_more_than_was_announced_is_not_taken(house: House, ana: Person) -> None:
    twin = draft(ana)
    upload = announce(ana, twin, {"a.txt": 3})["id"]
    assert piece(ana, twin, upload, 0, 0, b"long") == (409, "0")
    assert piece(ana, twin, upload, 1, 0, b"abc")[0] == 404
    assert piece(ana, twin, upload, 0, 0, b"abc") == (204, "3")
    house.wait()
    assert piece(ana, twin, upload, 0, 3, b"d")[0] == 409


def test_what_is_no_chat_is_refused_by_its_content(house: House, ana: Person) -> None:
    twin, data = draft(ana), b"\x89PNG\r\n\x1a\n" + b"x" * 500
    upload = announce(ana, twin, {"WhatsApp Chat with Ben.txt": len(data)})["id"]
    piece(ana, twin, upload, 0, 0, data)
    refused = only(house, twin)
    assert refused.state is UploadState.REFUSED
    assert "a picture" in str(refused.reason)
    assert not list(house.platform.objects.keys(keys.twin(twin)))
    assert "a picture" in ana.get(f"/twins/{twin}/chats")


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "a/../../b", "a\0b", "x" * 300, ""])
def test_a_path_that_leads_out_is_refused(house: House, ana: Person, path: str) -> None:
    announce(ana, draft(ana), {path: 3}, status=400)
    assert not (house.platform.folder / "web" / "receiving").exists()


def test_an_upload_may_not_be_larger_than_two_gigabytes(ana: Person) -> None:
    twin = draft(ana)
    assert "2 GB" in str(announce(ana, twin, {"a.zip": (2 << 30) + 1}, status=400)["error"])
    announce(ana, twin, {"a.zip": 0}, status=400)


def test_a_piece_is_bounded(ana: Person) -> None:
    twin = draft(ana)
    upload = announce(ana, twin, {"a.zip": 5 << 20})["id"]
    assert piece(ana, twin, upload, 0, 0, bytes((4 << 20) + 1))[0] == 413


def test_a_folder_is_one_upload_without_its_pictures(house: House, ana: Person) -> None:
    twin = draft(ana)
    upload = announce(ana, twin, {"chat/_chat.txt": len(CHAT), "chat/IMG-1.jpg": 9, "chat/notes/b.txt": 3})
    assert [file["path"] for file in upload["files"]] == ["chat/_chat.txt", "chat/notes/b.txt"]  # pyright: ignore[reportGeneralTypeIssues]
    piece(ana, twin, upload["id"], 0, 0, CHAT)
    piece(ana, twin, upload["id"], 1, 0, b"abc")
    found = only(house, twin)
    assert found.state is UploadState.READY
    assert found.survey
    assert found.survey["skipped_count"] == 1


def test_a_form_without_scripts_does_the_same(house: House, ana: Person) -> None:
    twin = draft(ana)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("_chat.txt", CHAT)
    packed.seek(0)
    ana.post(f"/twins/{twin}/uploads/send", {"files": (packed, "../chats/WhatsApp Chat - Crew.zip")})
    upload = only(house, twin)
    assert (upload.name, upload.state) == ("WhatsApp Chat - Crew.zip", UploadState.READY)


def test_a_stopped_server_goes_on_reading(house: House, ana: Person) -> None:
    from twin.web import surveys

    twin = draft(ana)
    upload = announce(ana, twin, {"a.txt": len(CHAT)})["id"]
    (surveys.folder(house.site, str(upload)) / "000000").write_bytes(CHAT)
    house.site.store.uploads.set_state(str(upload), UploadState.READING)
    surveys.resume(house.site)
    assert only(house, twin).state is UploadState.READY


def test_a_removed_upload_leaves_nothing(house: House, ana: Person) -> None:
    twin = draft(ana)
    upload = announce(ana, twin, {"a.txt": len(CHAT)})["id"]
    piece(ana, twin, upload, 0, 0, CHAT)
    house.wait()
    ana.post(f"/twins/{twin}/uploads/{upload}/remove")
    assert not house.site.store.uploads.of_twin(twin)
    assert not list(house.platform.objects.keys(keys.twin(twin)))
    assert not list(Path(house.platform.folder).rglob(str(upload)))
