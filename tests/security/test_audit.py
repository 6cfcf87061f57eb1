"""What `make audit` finds, as far as it can be found without a network and its tools."""

import json
import re
import sys
from datetime import date
from pathlib import Path

from packaging.version import Version

from tests.security import audit

ROOT = Path(__file__).parents[2]


def test_nothing_under_the_gpl_is_part_of_twin() -> None:
    names = set(audit.pins(ROOT / audit.LOCKS[0]))
    assert len(names) > 100
    assert audit.licences(names, sys.path) == []
    assert audit.licence("flask", sys.path) == "BSD-3-Clause"


def test_a_package_under_the_gpl_would_be_found(tmp_path: Path) -> None:
    for name, told in {"free": "GPL-3.0-only", "freer": "LGPL-3.0-only", "silent": ""}.items():
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nLicense-Expression: {told}\n")
    wrong = audit.licences({"free", "freer", "silent", "absent"}, [str(tmp_path)])
    assert [sentence.split()[0] for sentence in wrong] == ["free", "silent"]


def test_no_pinned_package_has_an_advisory_that_was_known() -> None:
    known = json.loads((ROOT / audit.KEPT).read_text("utf-8"))
    assert date.fromisoformat(known["date"])
    assert sum(map(len, known["advisories"].values())) > 50
    assert [weak for lock in audit.LOCKS for weak in audit.kept(ROOT / lock, known)] == []


def test_an_advisory_would_be_found(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("certifi==2022.5.1 \\\n    --hash=sha256:00\nurllib3==2.8.0 ; sys_platform == 'never'\n")
    known = json.loads((ROOT / audit.KEPT).read_text("utf-8"))
    assert {weak.package for weak in audit.kept(lock, known)} == {"certifi"}
    events = [{"introduced": "1.0"}, {"fixed": "1.4"}, {"introduced": "2.0"}]
    affected = [one for one in ("0.9", "1.0", "1.3.9", "1.4", "2.1") if audit._within(Version(one), events)]
    assert affected == ["1.0", "1.3.9", "2.1"]


def test_every_line_that_switches_a_security_rule_off_says_why(tmp_path: Path) -> None:
    assert audit.unexplained(ROOT / "src") == []
    (tmp_path / "a.py").write_text("x = 1  # noqa: S101\ny = 2  # noqa: S101  it is two\n")
    assert len(audit.unexplained(tmp_path)) == 1


def test_every_lock_file_has_hashes_and_no_address() -> None:
    locks = sorted(file for file in (ROOT / "requirements").glob("*.txt") if file.name != "overrides.txt")
    assert len(locks) > 5
    for lock in locks:
        text = lock.read_text("utf-8")
        assert "://" not in text, lock
        pinned = re.findall(r"^\S+==.*\n(.*)", text, re.MULTILINE)
        assert pinned, lock
        assert all(line.strip().startswith("--hash=sha256:") for line in pinned), lock
