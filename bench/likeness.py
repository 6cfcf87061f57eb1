"""Likeness: every measure of `twin report --full`, and a twin of somebody else in the same chat, for chats of real people.

    python bench/likeness.py "ikonia=ubuntu-irc ikonia.txt" "Sam=crd3 Sam.zip"
    python bench/likeness.py --table                 the table of what was measured so far

Each argument is SPEAKER=EXPORT. For each chat two twins are trained for `--budget` minutes each: the speaker's, with
invented secrets among its examples, and one of whoever else wrote most, on the same redacted chat up to where the
held-out part begins. Each chat has a folder below `--out` with its examples, adapters, report and page. What is there is
not done again, so that a bench that was broken off goes on; delete a chat's folder to measure it anew. The table goes to
the terminal as Markdown; the last line is JSON with the figures of all chats.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import Progress as Bars

FOLDER = Path(os.environ.get("TWIN_BENCH", ".cache/bench"))
SEED = 17
RESULT = "result.json"
FIGURES = (
    "loss",
    "gain",
    "choice",
    "style",
    "position",
    "copying",
    "leakage",
    "leakage_base",
    "identifiers",
    "ended",
    "foreign",
    "replies",
)


class Chat(NamedTuple):
    """A chat made ready: the owner's examples, the name of the other twin, and what is needed to measure both."""

    folder: Path
    speaker: str
    other: str
    base: Any
    examples: Any
    redactor: Any
    account: Any


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chats", nargs="*", metavar="SPEAKER=EXPORT")
    parser.add_argument("--out", type=Path, default=FOLDER / "likeness")
    parser.add_argument("--table", action="store_true", help="print the table of what is there, and measure nothing")
    parser.add_argument("--base", default="gemma3-270m", help="name or path of the base model")
    parser.add_argument("--max-messages", type=int)
    parser.add_argument("--budget", type=float, default=4, help="minutes of each of the two trainings")
    parser.add_argument("--secrets", type=int, default=30)
    parser.add_argument("--replies", type=int, default=150, help="of the twin; a quarter as many of each other speaker")
    parser.add_argument("--scored", type=int, default=90, help="held-out examples whose loss is computed")
    parser.add_argument("--shown", type=int, default=24, help="of these, scored after past exchanges as well")
    parser.add_argument("--questions", type=int, default=48, help="of the choice measure")
    parser.add_argument("--config", default="{}", help="further fields of TrainConfig as JSON")
    arguments = parser.parse_args()
    console = Console(stderr=True)
    for chat in [] if arguments.table else arguments.chats:
        speaker, _, path = chat.partition("=")
        if (arguments.out / speaker / RESULT).exists():
            console.print(f"{speaker} is measured already.")
            continue
        one(speaker, Path(path), arguments, console)
    found = {
        file.parent.name: json.loads(file.read_text("utf-8")) for file in sorted(arguments.out.glob(f"*/{RESULT}"))
    }
    print(table(found))
    print(json.dumps(found))


def one(speaker: str, path: Path, arguments: argparse.Namespace, console: Console) -> None:
    """Train both twins of a chat and measure; keeps the report, and the figures with how long each part took."""
    from twin.base import models
    from twin.likeness import page

    folder: Path = arguments.out / speaker
    folder.mkdir(parents=True, exist_ok=True)
    base = models.find(arguments.base, folder=FOLDER / "bases")
    seconds: dict[str, float] = {}
    began = time.monotonic()

    def done(part: str) -> None:
        seconds[part] = round(time.monotonic() - began - sum(seconds.values()), 1)
        console.print(f"{speaker}: {part} took {seconds[part]:.0f} s")

    chat = prepare(speaker, path, base, arguments, folder)
    done("preparing")
    for name in ("own", "other"):
        train(folder, name, base, {"budget_s": arguments.budget * 60, **json.loads(arguments.config)}, console)
        done(f"training {name}")
    with Bars(console=console) as bars:
        report = measure(chat, arguments, bars)
    done("measuring")
    trained = json.loads((folder / "own" / "adapter" / "train.json").read_text("utf-8"))
    report = replace(report, account=chat.account, curve=tuple(trained["curve"]))
    data = report.to_json()
    (folder / "report.json").write_text(json.dumps(data, ensure_ascii=False), "utf-8")
    (folder / "report.html").write_text(page.render(report), "utf-8")
    panels = {name: panel["messages"] for name, panel in data["panels"].items()}
    result = {**{name: data[name] for name in FIGURES}, "messages": panels, "seconds": seconds}
    (folder / RESULT).write_text(json.dumps(result), "utf-8")


def prepare(speaker: str, path: Path, base: Any, arguments: argparse.Namespace, folder: Path) -> Chat:
    """Write the examples of both twins."""
    from twin import ingest
    from twin.base.rows import measure
    from twin.domain.jsonl import write_examples
    from twin.likeness import Account, leakage
    from twin.prepare import PrepareConfig
    from twin.prepare import prepare as make
    from twin.prepare.redact import Redactor
    from twin.prepare.strangers import stranger

    messages = list(ingest.read([path], options=ingest.Options(owners=(speaker,))).messages())
    redactor = Redactor.learn(messages, [speaker], seed=SEED)
    redacted = [redactor.message(message) for message in messages]
    config = PrepareConfig(max_messages=arguments.max_messages)
    prepared = make(redacted, speakers=(speaker,), measure=measure(base), config=config)
    other, strangers = stranger(redacted, speakers=(speaker,), measure=measure(base), config=config)
    planted = leakage.plant(prepared.examples, leakage.invent(arguments.secrets, seed=SEED), seed=SEED)
    for name, examples in (("own", planted), ("other", strangers)):
        (folder / name).mkdir(exist_ok=True)
        write_examples(folder / name / "examples.jsonl", examples)
    account = Account(
        messages=prepared.messages,
        kept=prepared.kept,
        owner_messages=prepared.owner_messages,
        dropped=dict(prepared.dropped),
        replaced={kind.value: count for kind, count in redactor.counts.items()},
    )
    return Chat(folder, speaker, other, base, prepared.examples, redactor, account)


def train(folder: Path, name: str, base: Any, fields: dict[str, Any], console: Console) -> None:
    """Train one twin, unless its adapter is there already from an earlier run."""
    from twin.base.adapter import LoraAdapter
    from twin.convert.gguf import write_adapter
    from twin.domain.events import Progress
    from twin.train.config import TrainConfig
    from twin.train.loop import train as train_adapter

    place = folder / name
    if (place / "adapter.gguf").exists():
        return
    with Bars(console=console) as bars:
        task = bars.add_task(f"training {name}", total=None)

        def watch(progress: Progress) -> None:
            bars.update(task, completed=progress.done, total=progress.total)

        train_adapter(
            place / "examples.jsonl",
            place / "adapter",
            base=base,
            config=TrainConfig(**fields),
            checkpoints=place / "checkpoints",
            watch=watch,
        )
    write_adapter(LoraAdapter.load(place / "adapter"), place / "adapter.gguf")


def measure(chat: Chat, arguments: argparse.Namespace, bars: Bars) -> Any:
    """All measures."""
    from twin.base.adapter import LoraAdapter
    from twin.base.scoring import Scorer
    from twin.domain.events import Progress
    from twin.domain.examples import Split
    from twin.likeness import Extent, Model, Subjects
    from twin.likeness import measure as measure_all
    from twin.pipeline.evaluation import SHORT, replies, scores, secrets, shown
    from twin.prepare import identifiers
    from twin.serve.llama import LlamaChat

    folder, base, speaker, examples = chat.folder, chat.base, chat.speaker, chat.examples
    scorer = Scorer(base, length=SHORT, rows=4)
    adapters = {name: LoraAdapter.load(folder / name / "adapter") for name in ("own", "other")}
    with LlamaChat(base, locate=lambda name: folder / name / "adapter.gguf") as served:
        untouched = Model(scores(scorer, None), replies(served, base, None, speaker))
        training = [one for one in examples if one.split is Split.TRAIN]
        subjects = Subjects(
            base=untouched,
            twin=Model(scores(scorer, adapters["own"]), replies(served, base, "own", speaker)),
            few_shot=shown(scorer, untouched, training),
            other_twin=Model(scores(scorer, adapters["other"]), replies(served, base, "other", chat.other)),
            secrets=secrets(scorer, adapters["own"], training, arguments.secrets),
            identifiers=lambda text: len(identifiers.find(text)),
            known=chat.redactor.known,
        )
        extent = Extent(
            scored=arguments.scored,
            shown=arguments.shown,
            replies=arguments.replies,
            compared=arguments.replies // 4,
            questions=arguments.questions,
            samples=12,
        )
        task = bars.add_task("measuring", total=None)
        began = time.monotonic()

        def watch(progress: Progress) -> None:
            if progress.note:
                bars.console.print(f"{time.monotonic() - began:5.0f} s  {progress.note}")
            bars.update(task, completed=progress.done, total=progress.total)

        return measure_all(examples, subjects, extent=extent, base_name=base.name, seed=SEED, watch=watch)


ROWS: tuple[tuple[str, tuple[str, ...]], ...] = (
    *((f"loss of the {name}, nats per character", ("loss", key)) for name, key in (
        ("base", "base"), ("base with examples", "few_shot"), ("other's twin", "other_twin"), ("twin", "twin"))),
    *((f"twin's loss below: {name}", ("gain", key)) for name, key in (
        ("base", "base"), ("base with examples", "few_shot"), ("other's twin", "other_twin"))),
    ("choice (chance 0.25)", ("choice",)),
    *((f"style of {name}", ("style", key)) for name, key in (
        ("others (floor)", "floor"), ("base", "base"), ("base with examples", "few_shot"),
        ("other's twin", "other_twin"), ("twin", "twin"), ("the person (ceiling)", "ceiling"))),
    ("twin's style between floor (0) and ceiling (1)", ("position", "twin")),
    *((f"messages per reply, {name}", ("messages", name)) for name in ("person", "twin", "base")),
    *((f"copying, {name}", ("copying", name)) for name in ("twin", "person")),
    ("exposure in bits (never learnt: 1.44)", ("leakage",)),
    ("exposure in the base, which never saw them", ("leakage_base",)),
    ("replies with what looks like an identifier", ("identifiers", "any")),
    ("replies with one of the chat's", ("identifiers", "known")),
    ("replies that end by themselves", ("ended",)),
)  # fmt: skip


def table(found: dict[str, dict[str, Any]]) -> str:
    """The table of docs/likeness.md: values with their 95 % intervals."""
    lines = ["| | " + " | ".join(found) + " |", "|---|" + "---|" * len(found)]
    for title, keys in ROWS:
        cells: list[str] = []
        for figures in found.values():
            one: Any = figures
            for key in keys:
                one = (one or {}).get(key)
            if isinstance(one, dict):
                cells.append(f"{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})")
            else:
                cells.append("–" if one is None else f"{one:.2f}")
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    minutes = [f"{sum(figures['seconds'].values()) / 60:.0f}" for figures in found.values()]
    return "\n".join([*lines, "| minutes | " + " | ".join(minutes) + " |"])


if __name__ == "__main__":
    sys.exit(main())
