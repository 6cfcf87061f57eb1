"""Sampling: which way of drawing replies sounds most like the person, on a chat that bench/likeness.py has measured.

    python bench/sampling.py Sam                     the default list of ways
    python bench/sampling.py Sam --replies 60 --only min_p

Each row draws the same moments of the held-out part with other sampling parameters, and shows messages per reply and
characters per message beside the person's, the place in the authorship test between others (0) and the person (1), the
share of replies that end by themselves, and of those that copy.
"""

import argparse
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from twin.base import models
from twin.domain.examples import Split, Turn
from twin.domain.jsonl import read_examples
from twin.domain.ports import Sampling
from twin.likeness import Sampled, impostors, people, sampling
from twin.likeness.copying import Known
from twin.likeness.style import Panel, panel
from twin.pipeline.evaluation import ENDS_WITHIN
from twin.serve.llama import LlamaChat
from twin.serve.voice import messages

FOLDER = Path(os.environ.get("TWIN_BENCH", ".cache/bench"))
SEED = 17
WAYS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "temperature 1": {"temperature": 1.0},
    "temperature 0.6": {"temperature": 0.6},
    "min_p 0.01": {"min_p": 0.01},
    "min_p 0": {"min_p": 0.0},
    "min_p 0, top_k off": {"min_p": 0.0, "top_k": 0},
    "nothing cut off": {"temperature": 1.0, "min_p": 0.0, "top_k": 0, "top_p": 1.0},
    "top_p 0.8": {"top_p": 0.8},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("speaker", help="the name of a folder that bench/likeness.py made")
    parser.add_argument("--out", type=Path, default=FOLDER / "likeness")
    parser.add_argument("--base", default="gemma3-270m")
    parser.add_argument("--replies", type=int, default=60)
    parser.add_argument("--only", default="", help="rows whose name contains a word")
    arguments = parser.parse_args()
    place = arguments.out / arguments.speaker / "own"
    base = models.find(arguments.base, folder=FOLDER / "bases")
    examples = list(read_examples(place / "examples.jsonl"))
    training = [one for one in examples if one.split is Split.TRAIN]
    held_out = [one for one in examples if one.split is Split.HELD_OUT]
    points = sampling.moments(held_out, most=arguments.replies, seed=SEED)
    own, held = (people.own(part, split) for part, split in ((training, Split.TRAIN), (held_out, Split.HELD_OUT)))
    drawn: dict[str, list[Sampled]] = {}
    with LlamaChat(base, locate=lambda _: place / "adapter.gguf") as served:
        for name, fields in WAYS.items():
            if arguments.only not in name:
                continue
            way = replace(Sampling(), max_tokens=ENDS_WITHIN + 8, **fields)

            def reply(turns: Any, seed: int, way: Sampling = way) -> Sampled:
                return said(served, turns, arguments.speaker, replace(way, seed=seed), base)

            drawn[name] = sampling.draw(points, reply, n=arguments.replies, seed=SEED)
            print(json.dumps({"way": name, "messages": panel(drawn[name]).messages}), file=sys.stderr)
    voices = {name: [one.text for one in replies] for name, replies in drawn.items()}
    strangers = people.others(held_out, least=2000)
    verified = impostors.verify(own, held, people.others(training), strangers, voices, seed=SEED)
    known = Known(own)
    rows = [row("the person", panel([point.real for point in points]))]
    for name, replies in drawn.items():
        at = impostors.position(verified.voices[name], verified, seed=SEED)
        more = {"position": at.value, "low": at.low, "high": at.high, "ended": sampling.ended(replies).value}
        rows.append(row(name, panel(replies)) | more | {"copying": known.copied(voices[name]).value})
    table = Table("", "messages", "characters", "position", "ended", "copying")
    for one in rows:
        keys = ("messages", "length", "position", "ended", "copying")
        table.add_row(one["way"], *(f"{one[key]:.2f}" if key in one else "–" for key in keys))
    Console(width=120).print(table)
    print(json.dumps({"speaker": arguments.speaker, "rows": rows}))


def said(served: LlamaChat, turns: list[Turn], speaker: str, way: Sampling, base: models.Base) -> Sampled:
    """One reply, and whether it ended by itself."""
    found = tuple(messages(served.reply(turns, speaker=speaker, adapter="own", sampling=way)))
    return Sampled(found, ended=len(base.vocabulary.encode("\n".join(found))) <= ENDS_WITHIN)


def row(name: str, panel: Panel) -> dict[str, Any]:
    return {"way": name, "messages": panel.messages, "length": panel.length}


if __name__ == "__main__":
    sys.exit(main())
