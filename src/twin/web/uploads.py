"""Uploads from the browser, resumable: a file arrives in pieces, each at the offset where the last one ended.

    POST  /twins/T/uploads             {"name", "files": [{"path", "size"}]} → {"id", "offsets": [n, …]}
    PATCH /twins/T/uploads/U/N         a piece, with its offset in `Upload-Offset` → 204, or 409; both say the offset
    HEAD  /twins/T/uploads/U/N         → the offset

Where the object store takes files itself (`"direct": true`), the bytes do not come here:

    POST  /twins/T/uploads/U/N/place   → {"url", "headers"}: where a resumable upload of file N begins, for minutes
    POST  /twins/T/uploads/U/arrived   → 204, or 409 where a file is not there yet

Announcing the same files again gives the same upload, with the offsets that were reached: that is how a broken
upload goes on, be it after a lost connection or on another day. Bytes never lie where anything is served from.
"""

import shutil
import threading
from pathlib import PurePosixPath
from typing import Any
from uuid import uuid4

from flask import Blueprint, Flask, abort, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from twin.errors import ExportError, UnavailableError
from twin.ingest.unknown import is_media
from twin.pipeline import keys
from twin.web import access, limits, surveys
from twin.web.site import Site, site
from twin.web.store.uploads import Upload, UploadState

pages = Blueprint("uploads", __name__)

LARGEST = 2 << 30
"""Bytes of one upload."""
PIECE = 4 << 20
"""Bytes of one piece at most."""
FORM_LARGEST, PUBLIC_FORM_LARGEST = 256 << 20, 32 << 20
"""Bytes that a browser without JavaScript may send at once: they cannot be gone on with. The server takes as much of
anybody, before it is known who asks; so where others than whoever sits at the machine can ask, it is less."""
MOST_FILES = 20_000
KEEP_FREE = 1 << 30
"""Bytes that stay free on the disk."""

BYTES = "application/octet-stream"
"""What a file is called on its way to the object store; what it really is shows when it is read."""

_writing = threading.Lock()


def init(app: Flask) -> None:
    """Let the two large requests be large. To be called before anything reads the form."""

    @app.before_request
    def large() -> None:  # pyright: ignore[reportUnusedFunction]
        if request.endpoint == "uploads.send":
            request.max_content_length = form_largest(site())
        elif request.endpoint in {"uploads.piece", "uploads.announce"}:
            request.max_content_length = PIECE


def form_largest(here: Site) -> int:
    """Bytes of a form with files."""
    return PUBLIC_FORM_LARGEST if here.public else FORM_LARGEST


@pages.post("/twins/<twin_id>/uploads")
@limits.uploads
def announce(twin_id: str) -> Response:
    twin = access.own_twin(twin_id, draft=None)
    try:
        asked: Any = request.get_json()
        name, files = str(asked["name"])[:200], [(str(file["path"]), int(file["size"])) for file in asked["files"]]
        for text in (name, *(path for path, _size in files)):
            text.encode()
    except (KeyError, TypeError, ValueError, RecursionError):
        abort(400)
    files = [(path, size) for path, size in files if len(files) == 1 or not is_media(PurePosixPath(path))]
    upload = _begin(twin.id, name, files)
    return jsonify(id=upload.id, files=upload.files, offsets=_offsets(upload), direct=site().direct)


@pages.patch("/twins/<twin_id>/uploads/<upload_id>/<int:number>")
@limits.uploads
def piece(twin_id: str, upload_id: str, number: int) -> Response:
    upload = _arriving(twin_id, upload_id, number)
    path = surveys.file(site(), upload.id, number)
    data = request.get_data(cache=False)
    with _writing:
        offset = path.stat().st_size
        fits = (
            request.headers.get("Upload-Offset") == str(offset) and offset + len(data) <= upload.files[number]["size"]
        )
        if fits:
            with path.open("ab") as file:
                file.write(data)
            offset += len(data)
        complete = fits and _is_complete(upload)
        complete = complete and site().store.uploads.set_state(upload.id, UploadState.READING)
    if complete:
        site().later(surveys.take, site(), upload)
    return Response(status=204 if fits else 409, headers={"Upload-Offset": str(offset)})


@pages.post("/twins/<twin_id>/uploads/<upload_id>/<int:number>/place")
@limits.uploads
def place(twin_id: str, upload_id: str, number: int) -> Response:
    """Where the browser sends a file straight to the object store."""
    upload = _arriving(twin_id, upload_id, number)
    size = upload.files[number]["size"]
    url = site().platform.objects.upload_url(_key(upload, number), content_type=BYTES, size=size)
    if url is None:
        abort(409)
    headers = {"Content-Type": BYTES, "x-goog-resumable": "start", "x-goog-content-length-range": f"{size},{size}"}
    return jsonify(url=url, headers=headers)


@pages.post("/twins/<twin_id>/uploads/<upload_id>/arrived")
@limits.uploads
def arrived(twin_id: str, upload_id: str) -> Response:
    """The browser has sent every file to the object store."""
    upload = _arriving(twin_id, upload_id, 0)
    if _offsets(upload) != [file["size"] for file in upload.files]:
        abort(409)
    if site().store.uploads.set_state(upload.id, UploadState.READING):
        site().later(surveys.take, site(), upload)
    return Response(status=204)


@pages.route("/twins/<twin_id>/uploads/<upload_id>/<int:number>", methods=["HEAD"])
def offset(twin_id: str, upload_id: str, number: int) -> Response:
    upload = _arriving(twin_id, upload_id, number)
    return Response(headers={"Upload-Offset": str(_offsets(upload)[number])})


@pages.post("/twins/<twin_id>/uploads/send")
@limits.uploads
def send(twin_id: str) -> Response:
    """The same with a plain form, for browsers without JavaScript."""
    twin = access.own_twin(twin_id, draft=None)
    for given in request.files.getlist("files"):
        name = PurePosixPath((given.filename or "").replace("\\", "/")).name
        if not name:
            continue
        size = given.stream.seek(0, 2)
        given.stream.seek(0)
        upload = _begin(twin.id, name, [(name, size)])
        if upload.state is UploadState.RECEIVING:
            given.save(surveys.file(site(), upload.id, 0))
            site().store.uploads.set_state(upload.id, UploadState.READING)
            site().later(surveys.take, site(), upload)
    return redirect(url_for("drafts.chats", twin_id=twin_id))


@pages.get("/twins/<twin_id>/uploads")
def listed(twin_id: str) -> str:
    """The uploads with their reports, as a part of a page."""
    twin = access.own_twin(twin_id, draft=None)
    return render_template("drafts/uploads.html", twin=twin, uploads=site().store.uploads.of_twin(twin_id))


@pages.post("/twins/<twin_id>/uploads/<upload_id>/remove")
def remove(twin_id: str, upload_id: str) -> Response:
    """While nothing was trained; later, see `removal.chats`."""
    twin = access.own_twin(twin_id, draft=True)
    surveys.drop(site(), access.own_upload(twin, upload_id))
    return redirect(url_for("drafts.chats", twin_id=twin_id))


def _begin(twin_id: str, name: str, files: list[tuple[str, int]]) -> Upload:
    """A new upload, or the one of the same files that was broken off. Raises ExportError, UnavailableError."""
    here = site()
    rows = [{"path": _path(path), "size": size} for path, size in files]
    for upload in here.store.uploads.of_twin(twin_id):
        if upload.files == rows and upload.state is not UploadState.REFUSED:
            return upload
    total = sum(size for _path, size in files)
    if not files or len(files) > MOST_FILES or total > LARGEST or any(size < 1 for _path, size in files):
        raise ExportError(
            _(
                "%(name)s cannot be taken: an upload has at most 2 GB and 20,000 files, and none of them empty.",
                name=name,
            )
        )
    if shutil.disk_usage(here.folder).free < 2 * total + KEEP_FREE:
        raise UnavailableError(_("There is no room on this machine for %(name)s.", name=name))
    upload = Upload(uuid4().hex, twin_id, name, rows, UploadState.RECEIVING, None, None, here.now())
    surveys.folder(here, upload.id).mkdir(mode=0o700, parents=True)
    if not here.direct:
        for number in range(len(rows)):
            surveys.file(here, upload.id, number).touch(mode=0o600)
    here.store.uploads.add(upload)
    return upload


def _path(given: str) -> str:
    """A path that stays inside the upload. Raises ExportError."""
    path = PurePosixPath(given)
    odd = path.is_absolute() or ".." in path.parts or not path.name or "\0" in given or len(given.encode()) > 1000
    if odd or any(len(part.encode()) > 255 for part in path.parts):
        raise ExportError(_("A file has a name that cannot be used here. Rename it and try again."))
    return str(path)


def _arriving(twin_id: str, upload_id: str, number: int) -> Upload:
    upload = access.own_upload(access.own_twin(twin_id, draft=None), upload_id)
    if number >= len(upload.files):
        abort(404)
    if upload.state is not UploadState.RECEIVING:
        abort(409)
    return upload


def _offsets(upload: Upload) -> list[int]:
    """How much of each file is here."""
    if upload.state is not UploadState.RECEIVING:
        return [file["size"] for file in upload.files]
    if not site().direct:
        return [_arrived(upload, number) for number in range(len(upload.files))]
    # The store makes an object whole or not at all, and of no other size than it was told.
    there = set(site().platform.objects.keys(keys.upload(upload.twin_id, upload.id)))
    return [file["size"] if _key(upload, number) in there else 0 for number, file in enumerate(upload.files)]


def _is_complete(upload: Upload) -> bool:
    """Whether every file is here. The last is looked at first: a folder of thousands usually arrives in order."""
    numbers = reversed(range(len(upload.files)))
    return all(_arrived(upload, number) == upload.files[number]["size"] for number in numbers)


def _arrived(upload: Upload, number: int) -> int:
    """How much of a file that is sent here has arrived."""
    return surveys.file(site(), upload.id, number).stat().st_size


def _key(upload: Upload, number: int) -> str:
    return keys.upload(upload.twin_id, upload.id) + keys.file_number(number)
