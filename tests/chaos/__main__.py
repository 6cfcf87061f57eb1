"""Twin broken on purpose: `make chaos`, five minutes; `make chaos LONG=1`, everything, some hours."""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.chaos import killing, shortage, systematic
from twin.domain.runs import Stage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="every operation of every stage, and 200 kills")
    parser.add_argument("--only", choices=["systematic", "killing", "shortage"])
    parser.add_argument("--seconds", type=float, default=90, help="of systematic faults, unless --long")
    parser.add_argument("--kills", type=int, default=6, help="at random moments, unless --long")
    parser.add_argument("--stage", choices=[*Stage], help="systematic faults in this one only")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    began = time.monotonic()
    found: dict[str, Counter[str]] = {}

    def told(problem: str) -> None:
        print(problem, file=sys.stderr, flush=True)

    folder = Path(tempfile.mkdtemp(prefix="twin-chaos-"))
    place = systematic.Systematic(folder)
    seed = options.seed
    try:
        if options.only in (None, "shortage"):
            found["shortage"] = shortage.run(place, folder, locked_s=30 if options.long else 8, told=told)
        if options.only in (None, "killing"):
            found["killing"] = killing.run(
                place, folder, kills=200 if options.long else options.kills, seed=seed, told=told
            )
        if options.only in (None, "systematic"):
            seconds = None if options.long else options.seconds
            stages = (Stage(options.stage),) if options.stage else tuple(Stage)
            found["systematic"] = systematic.run(place, seconds=seconds, seed=seed, told=told, stages=stages)
    finally:
        place.close()
    lost = sum(counts["lost"] for counts in found.values())
    if lost:
        print(f"what was found lies in {folder}", file=sys.stderr)
    print(json.dumps({"seconds": round(time.monotonic() - began), "seed": seed, "lost": lost, **found}))
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
