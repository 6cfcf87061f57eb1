"""Uploads: folders, zips and everything that is wrong with them."""

import gc
import io
import unicodedata
import zipfile
from pathlib import Path

import pytest

from twin.errors import ExportError
from twin.ingest import read
from twin.ingest.files import Upload

CHAT = "01/02/21, 10:00 - Ana: hello\n01/02/21, 10:01 - Bo: hi\n"


def zipped(members: dict[str, bytes | str], *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def upload(tmp_path: Path, name: str, content: bytes | str) -> Path:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def sentence(path: Path) -> str:
    """The one sentence that a file given alone ends in."""
    with pytest.raises(ExportError) as caught:
        list(read([path]))
    return str(caught.value)


def test_a_zip_is_a_folder(tmp_path: Path) -> None:
    path = upload(tmp_path, "WhatsApp Chat - Ana.zip", zipped({"_chat.txt": CHAT, "x/PHOTO.jpg": b"\xff\xd8\xff"}))
    files = Upload([path]).files
    assert [str(file.path) for file in files] == [
        "WhatsApp Chat - Ana.zip/_chat.txt",
        "WhatsApp Chat - Ana.zip/x/PHOTO.jpg",
    ]
    assert files[0].size == len(CHAT)
    with files[0].open() as stream:
        assert stream.read(5) == b"01/02"
        stream.seek(0)
        assert stream.read() == CHAT.encode()
    assert len(list(read([path]))) == 2


def test_a_zip_with_a_nameless_member_is_read(tmp_path: Path) -> None:
    path = tmp_path / "chat.zip"
    with zipfile.ZipFile(path, "w") as archive:
        nameless = zipfile.ZipInfo("a")
        nameless.filename = ""
        archive.writestr(nameless, "x")
        archive.writestr("chat.txt", "01/02/2024, 10:00 - Ana: hi")
    assert len(Upload([path]).files) == 1


def test_zips_inside_zips(tmp_path: Path) -> None:
    inner = zipped({"_chat.txt": CHAT})
    path = upload(tmp_path, "all.zip", zipped({"WhatsApp Chat - Ana.zip": inner, "b/WhatsApp Chat - Bo.zip": inner}))
    assert {message.chat for message in read([path])} == {"Ana", "Bo"}


def test_zips_too_deep(tmp_path: Path) -> None:
    content: bytes = zipped({"chat.txt": CHAT})
    for _ in range(5):
        content = zipped({"x.zip": content})
    assert "Unpack it first." in sentence(upload(tmp_path, "x.zip", content))


def test_what_systems_leave_in_folders_is_not_seen(tmp_path: Path) -> None:
    members = {"__MACOSX/._a.txt": CHAT, ".DS_Store": b"x", "a.txt": CHAT, "._a.txt": b"x"}
    path = upload(tmp_path, "a.zip", zipped(members))
    upload(tmp_path, "folder/.hidden/a.txt", CHAT)
    upload(tmp_path, "folder/b.txt", CHAT)
    assert [str(f.path) for f in Upload([path, tmp_path / "folder"]).files] == ["a.zip/a.txt", "folder/b.txt"]


def test_names_in_any_unicode_form(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "Zoë.txt") for form in ("NFC", "NFD"))
    path = upload(tmp_path, "a.zip", zipped({decomposed: CHAT, composed: CHAT}))
    paths = [str(file.path) for file in Upload([path]).files]
    assert paths == ["a.zip/2/Zoë.txt", "a.zip/Zoë.txt"]
    assert all(unicodedata.is_normalized("NFC", path) for path in paths)


def test_a_name_in_utf_8_that_does_not_say_so(tmp_path: Path) -> None:
    content = zipped({"Zoe..txt": CHAT}).replace(b"Zoe..txt", "Zoë.txt".encode())
    assert str(Upload([upload(tmp_path, "a.zip", content)]).files[0].path) == "a.zip/Zoë.txt"


def test_documents_that_are_zips_stay_files(tmp_path: Path) -> None:
    path = upload(tmp_path, "letter.docx", zipped({"[Content_Types].xml": "<x/>", "word/document.xml": "<x/>"}))
    assert [str(file.path) for file in Upload([path]).files] == ["letter.docx"]


def test_two_files_of_one_name(tmp_path: Path) -> None:
    paths = [upload(tmp_path, f"{folder}/chat.txt", CHAT) for folder in "ab"]
    assert [str(file.path) for file in Upload(paths).files] == ["2/chat.txt", "chat.txt"]


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    assert "is not there" in sentence(tmp_path / "nothing.txt")


def test_an_empty_folder(tmp_path: Path) -> None:
    assert sentence(tmp_path).startswith("There is no file to read.")


@pytest.mark.parametrize("name", ["../../evil.txt", "/etc/evil.txt", "a/../../evil.txt", "C:/evil.txt", "..\\evil.txt"])
def test_paths_that_lead_outside(tmp_path: Path, name: str) -> None:
    path = upload(tmp_path, "in/evil.zip", zipped({name: CHAT}))
    assert "leads out of the archive" in sentence(path)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["evil.zip", "in"]


def test_a_zip_bomb(tmp_path: Path) -> None:
    bomb = zipped({"chat.txt": b"0" * (80 << 20)})
    assert len(bomb) < 100_000
    assert "as a zip bomb does" in sentence(upload(tmp_path, "bomb.zip", bomb))


def test_a_locked_zip(tmp_path: Path) -> None:
    content = bytearray(zipped({"_chat.txt": CHAT}, compression=zipfile.ZIP_STORED))
    content[6] |= 1  # general purpose flag of the local header
    content[content.index(b"PK\x01\x02") + 8] |= 1  # and of the central directory
    assert "locked with a password" in sentence(upload(tmp_path, "locked.zip", bytes(content)))


def test_a_zip_that_was_cut_off(tmp_path: Path) -> None:
    content = zipped({"_chat.txt": CHAT * 100})
    assert "cut off or damaged" in sentence(upload(tmp_path, "cut.zip", content[:-30]))


def test_a_damaged_member(tmp_path: Path) -> None:
    content = bytearray(zipped({"_chat.txt": CHAT}, compression=zipfile.ZIP_STORED))
    content[60] ^= 0xFF
    assert "is damaged" in sentence(upload(tmp_path, "damaged.zip", bytes(content)))


def test_a_zip_without_files(tmp_path: Path) -> None:
    assert "without any file" in sentence(upload(tmp_path, "empty.zip", zipped({})))


def test_a_zip_without_a_chat(tmp_path: Path) -> None:
    path = upload(tmp_path, "pictures.zip", zipped({"a.jpg": b"\xff\xd8\xff\xe0", "b.jpg": b"\xff\xd8\xff\xe0"}))
    assert sentence(path).startswith("None of the 2 files is a chat export that can be read.")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", b"", "is empty"),
        ("a.txt", b"   \n\n", "is blank"),
        ("a.txt", b"\0" * 5000, "nothing but zeros"),
        ("a.png", b"\x89PNG\r\n\x1a\n", "is a picture"),
        ("a.txt", b"\xff\xd8\xff\xe0", "is a picture"),
        ("a.mp4", b"\0\0\0\x18ftypmp42", "is a picture, sound or video"),
        ("a.opus", b"OggS\0\2", "is a sound"),
        ("msgstore.db.crypt14", bytes(range(256)) * 40, "encrypted WhatsApp backup"),
        ("phone.ab", b"ANDROID BACKUP\n5\n1\nAES-256\n", "encrypted backup"),
        ("a.rar", b"Rar!\x1a\x07\x00", "RAR archive"),
        ("a.7z", b"7z\xbc\xaf'\x1c\0\4", "7z archive"),
        ("a.tgz", b"\x1f\x8b\x08\0\0\0", "gzip archive"),
        ("a.html", b"<!DOCTYPE html>\n<html><body>news</body></html>", "is a web page"),
        ("a.json", b'{"some": "thing"', "looks like JSON"),
        ("a.db", b"SQLite format 3\0" + b"\0" * 84, "is a database"),
        ("a.bin", bytes(range(256)) * 20, "is a binary or encrypted file"),
    ],
)
def test_files_that_are_no_chat(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    told = sentence(upload(tmp_path, name, content))
    assert words in told
    assert told.startswith(name)
    assert told.endswith(".")


def test_one_bad_file_does_not_spoil_the_others(tmp_path: Path) -> None:
    upload(tmp_path, "good.txt", CHAT)
    upload(tmp_path, "empty.txt", b"")
    upload(tmp_path, "evil.zip", zipped({"../x.txt": CHAT}))
    upload(tmp_path, "holiday.jpg", b"\xff\xd8\xff")
    reading = read([tmp_path])
    assert len(list(reading)) == 2
    assert [Path(skipped.path).name for skipped in reading.skipped] == ["evil.zip", "empty.txt"]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs a system that lists open files")
def test_a_zip_is_closed_when_it_was_read(tmp_path: Path) -> None:
    path = tmp_path / "chat.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("_chat.txt", "[01/02/2024, 10:00:00] Ana: hello\n[01/02/2024, 10:00:05] Ben: hello to you\n")
    gc.disable()
    try:
        reading = read([path])
        assert len(list(reading)) == 2
        del reading
        assert path not in {link.resolve() for link in Path("/proc/self/fd").iterdir()}
    finally:
        gc.enable()
