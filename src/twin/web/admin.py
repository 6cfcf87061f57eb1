"""For the admin: how the installation does. Numbers, states and ids; no names, no words of anybody."""

import shutil
from pathlib import Path

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from twin.backends.local.worker import Queue
from twin.domain.runs import RunState
from twin.web import access
from twin.web.site import site

pages = Blueprint("admin", __name__)

_SHOWN = 100


@pages.get("/admin")
def overview() -> str:
    access.admin()
    here = site()
    records, folder = here.platform.records, here.platform.folder
    accounts = here.store.accounts.all()
    twins = [twin for one in accounts for twin in records.twins(one.id)]
    runs = sorted(
        (run for twin in twins for run in records.runs(twin.id)), key=lambda run: run.created_at, reverse=True
    )
    runner = here.platform.runner
    disk = shutil.disk_usage(folder)
    parts = [(place.name, _size(place)) for place in sorted(folder.iterdir())]
    return render_template(
        "admin/overview.html",
        accounts=len(accounts),
        twins=len(twins),
        runs=runs[:_SHOWN],
        counts={state: sum(run.state is state for run in runs) for state in RunState},
        waiting=runner.waiting() if isinstance(runner, Queue) else None,
        letters=None if here.platform.dead_letters is None else here.platform.dead_letters.look(),
        disk=disk,
        parts=sorted(parts, key=lambda part: -part[1]),
    )


@pages.post("/admin/letters/retry")
def retry() -> Response:
    """Send what could not be delivered once more."""
    access.admin()
    if letters := site().platform.dead_letters:
        letters.retry()
    return redirect(url_for(".overview"))


def _size(place: Path) -> int:
    if not place.is_dir():
        return place.stat().st_size
    return sum(file.stat().st_size for file in place.rglob("*") if file.is_file() and not file.is_symlink())
