"""The production server: waitress, and beside it the worker that trains."""

import gc
import logging
import signal
import threading
from collections.abc import Callable

from filelock import FileLock, Timeout
from flask import Flask
from waitress.server import create_server

from twin.domain.twins import LOCAL_USER
from twin.errors import SettingsError
from twin.platform import Platform
from twin.web import blind, surveys, training
from twin.web.app import LOOPBACK, create_app
from twin.web.faults import log_fault
from twin.web.site import Site
from twin.web.uploads import form_largest

THREADS = 96
"""Each open stream of a reply or a training holds one."""
CONNECTIONS = 1000
LOOK_S = 2.0


def serve(platform: Platform, *, host: str, port: int, ready: Callable[[str], object], worker: bool = True) -> None:
    """Serve the web app until interrupted, and train what waits in the queue.

    Args:
        ready: told the address as soon as it answers.
        worker: whether this process trains as well.

    Raises:
        SettingsError: it would be reachable from elsewhere without TWIN_URL, or the port is taken.
    """
    if f"[{host}]" not in LOOPBACK and host not in LOOPBACK and not platform.settings.url:
        raise SettingsError(
            f"Serving on {host} lets others in. Say under which address they come: TWIN_URL=https://twin.example.org"
        )
    app = create_app(platform)
    try:
        server = create_server(
            app,
            host=host,
            port=port,
            threads=THREADS,
            connection_limit=CONNECTIONS,
            max_request_body_size=form_largest(app.extensions["twin"]) + (1 << 20),
            ident=None,
        )
    except OSError as error:
        raise SettingsError(f"Cannot listen on {host} port {port}: {error.strerror}. Choose another --port.") from error
    signal.signal(signal.SIGTERM, _interrupt)
    first = _resume(app.extensions["twin"])
    # Requests that wait for a moment are no news, and their number says nothing that the admin page does not.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    stop = threading.Event()
    helpers = [threading.Thread(target=_look, args=(app, stop), name="look")]
    if worker and (found := platform.worker):
        helpers.append(threading.Thread(target=found.work, args=(stop,), name="worker"))
    for helper in helpers:
        helper.start()
    gc.freeze()  # what is here stays: looking through it again and again would make pages wait
    shown = f"[{host}]" if ":" in host else host
    ready(platform.settings.url or f"http://{shown}:{port}")
    try:
        server.run()
    finally:
        stop.set()
        server.close()
        app.extensions["twin"].jobs.shutdown(wait=False, cancel_futures=True)  # what is left begins again next time
        for helper in helpers:
            helper.join()
        first.release()


def _resume(here: Site) -> FileLock:
    """Go on with what a stopped server left, unless another one serves this installation; it is at work on that."""
    first = FileLock(here.folder / "serving.lock", thread_local=False)
    try:
        first.acquire(timeout=0)
    except Timeout:
        return first
    surveys.resume(here)
    blind.resume(here)
    return first


def _interrupt(*_: object) -> None:
    """End as with Ctrl-C: that is how containers and services are stopped."""
    raise KeyboardInterrupt


def _look(app: Flask, stop: threading.Event) -> None:
    """Load the twins that can answer; then, as soon as one is ready, load it too and mail those who wait for it."""
    here = app.extensions["twin"]
    with app.app_context():
        here.later(lambda: here.awake.begin({LOCAL_USER, *(one.id for one in here.store.accounts.all())}))
        while not stop.wait(LOOK_S):
            try:
                here.awake.look()
                training.tell_who_waits(here)
            except Exception as error:  # noqa: BLE001  the next round may do better
                log_fault(error)
