"""Fuzzing: `python -m tests.fuzz` runs every target for its share of the time; `--only TARGET` one, in this process.

What breaks a target is kept under `.cache/fuzz`; `--only TARGET FILE` runs it again.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

CACHE = Path(".cache/fuzz")
TARGETS = ("parsers", "zips", "api", "forms")
SLOW_S = 60
MEMORY_MB = 3000
LONGEST = 16_384
"""Bytes of an input."""
SEEDS = 400
"""Files of the tests that fuzzing begins with, spread over all of them; reading more takes longer than five minutes."""


def seeds(target: str) -> Path:
    """What fuzzing begins with: the files that the tests of the parsers write, or requests."""
    files, requests = CACHE / "seeds", CACHE / "requests"
    if target in {"api", "forms"}:
        requests.mkdir(parents=True, exist_ok=True)
        for number, request in enumerate(REQUESTS):
            (requests / str(number)).write_bytes(b"\0\1" + json.dumps(request).encode())
        return requests
    if files.exists():
        return files
    raw = (CACHE / "raw").absolute()
    raw.parent.mkdir(parents=True, exist_ok=True)
    tests = [str(path) for path in sorted(Path("tests/ingest").glob("test_*.py")) if "many" not in path.name]
    command = [sys.executable, "-m", "pytest", f"--basetemp={raw}", "-p", "no:cacheprovider", *tests]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    made = files.with_name("seeds.part")
    made.mkdir(exist_ok=True)
    found = sorted(path for path in raw.rglob("*") if path.is_file() and not path.is_symlink())
    small = [path for path in found if path.stat().st_size <= LONGEST // 4]
    for number, file in enumerate(small[:: max(1, len(small) // SEEDS)]):
        name = "/".join(file.relative_to(raw).parts[1:][-2:])
        (made / f"{number:05d}").write_bytes(name.encode() + b"\n" + file.read_bytes())
    shutil.rmtree(raw)
    made.replace(files)
    return files


REQUESTS = (
    {"model": "Nora", "messages": [{"role": "user", "content": "did you water the beans?"}], "max_tokens": 4},
    {
        "model": "Nora",
        "messages": [{"role": "system", "content": "x"}, {"role": "user", "content": [{"type": "text"}]}],
    },
    {"model": "Nora", "prompt": ["a"], "stream": True, "stream_options": {"include_usage": True}, "stop": ["\n"]},
    {"model": "Nora", "prompt": "a", "temperature": 1, "top_p": 0.5, "seed": 3, "n": 1, "logit_bias": {}},
)


def fuzz(target: str, arguments: list[str]) -> None:
    """Fuzz one target in this process, which ends with it."""
    import atheris  # pyright: ignore[reportMissingImports]

    with atheris.instrument_imports(include=["twin"]):
        from tests.fuzz import uploads

        run: Callable[[bytes], None]
        if target in {"api", "forms"}:
            from tests.fuzz.pages import Visit

            run = getattr(Visit(), target)
        else:
            from twin.ingest.platforms import platforms

            platforms()  # parsers are imported when they are first asked
            run = getattr(uploads, target)
    atheris.Setup([sys.argv[0], *arguments], run)
    atheris.Fuzz()


def session(target: str, seconds: float) -> dict[str, object]:
    """Fuzz one target in a process of its own: how often it was run, and what broke it."""
    corpus, broken = CACHE / target, CACHE / f"{target}-broken-"
    corpus.mkdir(parents=True, exist_ok=True)
    known = set(CACHE.glob(f"{target}-broken-*"))
    command = [sys.executable, "-m", "tests.fuzz", "--only", target, str(corpus), str(seeds(target))]
    command += [
        f"-max_total_time={max(1, round(seconds))}",
        f"-timeout={SLOW_S}",
        f"-report_slow_units={SLOW_S}",
        f"-rss_limit_mb={MEMORY_MB}",
    ]
    command += [f"-max_len={LONGEST}", f"-artifact_prefix={broken}", "-print_final_stats=1", "-verbosity=1"]
    log = CACHE / f"{target}.log"
    with log.open("wb") as output:
        status = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False).returncode
    text = log.read_text("utf-8", "replace")
    runs = re.findall(r"stat::number_of_executed_units:\s*(\d+)", text) or re.findall(r"^#(\d+)", text, re.MULTILINE)
    covered = re.findall(r"cov: (\d+)", text)
    found = sorted(str(path) for path in set(CACHE.glob(f"{target}-broken-*")) - known)
    if status and not found:
        found = [f"status {status}, see {log}"]
    return {"inputs": int(runs[-1]) if runs else 0, "edges": int(covered[-1]) if covered else 0, "broken": found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=TARGETS)
    parser.add_argument("--seconds", type=float, default=240, help="for all targets together")
    options, rest = parser.parse_known_args()
    if options.only and rest:
        fuzz(options.only, rest)
    targets = [options.only] if options.only else TARGETS
    began = time.monotonic()
    found = {target: session(target, options.seconds / len(targets)) for target in targets}
    broken = [name for one in found.values() for name in one["broken"]]  # type: ignore[union-attr, attr-defined]
    for name in broken:
        print(f"broke: {name}", file=sys.stderr)
    print(json.dumps({"seconds": round(time.monotonic() - began), **found}))
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
