"""Exports: a twin for other programs, and everything that was kept of it."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from flask import Blueprint, Response, abort, render_template, send_file

from twin.convert import Kind
from twin.domain.twins import Twin
from twin.pipeline import keys
from twin.pipeline.exports import export_twin
from twin.web import access, limits
from twin.web.site import Site, site

pages = Blueprint("exports", __name__)

KINDS = (Kind.PEFT, Kind.GGUF, Kind.OLLAMA, Kind.HF)


@pages.get("/twins/<twin_id>/export")
def choose(twin_id: str) -> str:
    return render_template("exports/choose.html", twin=access.own_twin(twin_id), kinds=KINDS)


@pages.post("/twins/<twin_id>/export/<kind>")
@limits.rarely
def download(twin_id: str, kind: str) -> Response:
    here, twin = site(), access.own_twin(twin_id)
    if kind == "data":
        return _sent(_zipped(_data(here, twin), ZIP_DEFLATED, here), f"twin-{twin.id[:8]}-data.zip")
    if twin.run_id is None or kind not in set(Kind):
        abort(404)
    with TemporaryDirectory(dir=here.folder) as folder:
        platform, made = here.platform, Path(folder) / f"twin-{kind}"
        export_twin(twin, Kind(kind), made, objects=platform.objects, records=platform.records, bases=platform.bases)
        files = ((file.relative_to(folder).as_posix(), file) for file in sorted(made.rglob("*")) if file.is_file())
        return _sent(_zipped(files, ZIP_STORED, here), f"twin-{kind}.zip")


def _data(here: Site, twin: Twin) -> Iterator[tuple[str, Path]]:
    """Everything that is kept of a twin: its records, its objects, what was said with it."""
    store = here.store
    with TemporaryDirectory(dir=here.folder) as folder:
        file = Path(folder) / "file"
        said = [
            {**asdict(one), "messages": [asdict(message) for message in store.conversations.messages(one.id).values()]}
            for one in store.conversations.listed(twin.id, twin.owner, limit=1_000_000)
        ]
        about = {
            "twin": asdict(twin),
            "runs": [asdict(run) for run in here.platform.records.runs(twin.id)],
            "uploads": [{"id": one.id, "name": one.name, "files": one.files} for one in store.uploads.of_twin(twin.id)],
            "corrections": [asdict(one) for one in store.corrections.of_twin(twin.id)],
            "conversations": said,
        }
        file.write_text(json.dumps(about, ensure_ascii=False, indent=2, default=str), "utf-8")
        yield "twin.json", file
        prefix = keys.twin(twin.id)
        for key in list(here.platform.objects.keys(prefix)):
            here.platform.objects.get(key, file)
            yield "files/" + key.removeprefix(prefix), file


def _zipped(files: Iterator[tuple[str, Path]], compression: int, here: Site) -> IO[bytes]:
    """A zip in a file without a name, which is gone when it is closed."""
    packed = TemporaryFile(dir=here.folder)  # noqa: SIM115  closed when it was sent
    with ZipFile(packed, "w", compression) as archive:
        for name, file in files:
            archive.write(file, name)
    packed.seek(0)
    return packed


def _sent(packed: IO[bytes], name: str) -> Response:
    return send_file(packed, mimetype="application/zip", as_attachment=True, download_name=name)
