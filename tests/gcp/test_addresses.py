"""Which addresses lead to Google Cloud, and that nothing else does."""

import subprocess
import sys
from pathlib import Path

import pytest

import twin.sample
from twin.backends.gcp.vertex import VertexAddress
from twin.errors import SettingsError
from twin.platform import Platform
from twin.settings import Settings

pytestmark = pytest.mark.cloud

PACKAGES = ("google.cloud.", "google.auth", "google.api_core", "google.pubsub", "grpc", "kfp", "functions_framework")
"""Not `google.protobuf`: tokenizers are files in its format."""


SAMPLE = str(Path(twin.sample.__file__).parent / "WhatsApp Chat with Saturday crew.txt")


@pytest.mark.parametrize("arguments", [["status"], ["--help"], ["parse", SAMPLE]])
def test_a_laptop_loads_no_google_package(tmp_path: Path, arguments: list[str]) -> None:
    """Here they are installed, so loading one would work, and be seen."""
    code = (
        "import sys\nfrom twin.cli import main\n"
        f"try:\n    main({arguments})\nexcept SystemExit:\n    pass\n"
        "import twin.web.app, twin.bot, twin.pipeline.execute, twin.pipeline.runs, twin.serve.llama\n"
        "print(*(m for m in sys.modules if m.startswith(PACKAGES)))"
    ).replace("PACKAGES", repr(PACKAGES))
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TWIN_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (Settings(records="bigquery://project"), "bigquery://PROJECT/DATASET"),
        (Settings(runner="pubsub:project/a/b"), "pubsub:PROJECT/TOPIC"),
        (Settings(runner="vertex:project/region"), "vertex:PROJECT/REGION"),
        (Settings(runner="vertex:project/region?pipeline=x&acount=y"), "vertex:PROJECT/REGION"),
    ],
)
def test_a_wrong_address_says_the_right_form(settings: Settings, says: str) -> None:
    platform = Platform(settings)
    with pytest.raises(SettingsError, match=says):
        _ = platform.records if settings.records else platform.runner


def test_an_address_of_vertex_ai() -> None:
    text = "vertex:p/europe-west4?pipeline=/app/pipeline.yaml&account=stages@p.iam.gserviceaccount.com"
    assert VertexAddress.parse(text, objects="gs://b", records="bigquery://p/d") == VertexAddress(
        "p",
        "europe-west4",
        Path("/app/pipeline.yaml"),
        "gs://b",
        "bigquery://p/d",
        "stages@p.iam.gserviceaccount.com",
    )


def test_without_credentials_the_command_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(SettingsError, match="gcloud auth application-default login"):
        _ = Platform(Settings(objects="gs://bucket")).objects
