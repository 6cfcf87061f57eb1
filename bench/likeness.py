"""Likeness: every measure of `twin report --full`, and a twin of somebody else in the same chat, for chats of real people.

    python bench/likeness.py "ikonia=ubuntu-irc ikonia.txt" "Sam=crd3 Sam.zip"

Each argument is SPEAKER=EXPORT. For each chat two twins are trained: the speaker's, with invented secrets among its
examples, and one of whoever else wrote most, on the same redacted chat up to where the held-out part begins. Reports
go to `--out`, a table to the terminal; the last line is JSON with the figures of all chats.
"""

import argparse
import gc
import json
import os
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import Progress as Bars
from rich.table import Table

FOLDER = Path(os.environ.get("TWIN_BENCH", ".cache/bench"))
SEED = 17


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
    parser.add_argument("chats", nargs="+", metavar="SPEAKER=EXPORT")
    parser.add_argument("--out", type=Path, default=FOLDER / "likeness")
    parser.add_argument("--base", default="gemma3-270m", help="name or path of the base model")
    parser.add_argument("--max-messages", type=int)
    parser.add_argument("--secrets", type=int, default=30)
    parser.add_argument("--replies", type=int, default=1000, help="of the twin; a fifth as many of each other speaker")
    parser.add_argument("--scored", type=int, default=400, help="held-out examples, and twice as many choice options")
    parser.add_argument("--config", default="{}", help="fields of TrainConfig as JSON")
    arguments = parser.parse_args()
    console = Console(stderr=True)
    table: dict[str, dict[str, Any]] = {}
    for chat in arguments.chats:
        speaker, _, path = chat.partition("=")
        began = time.monotonic()
        report = one(speaker, Path(path), arguments, console)
        table[speaker] = {**report, "seconds": round(time.monotonic() - began)}
        console.print(_table(table))
    print(json.dumps(table))


def one(speaker: str, path: Path, arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Train both twins of a chat and measure; the report's figures."""
    from twin.base import models
    from twin.likeness import page

    folder: Path = arguments.out / speaker
    folder.mkdir(parents=True, exist_ok=True)
    base = models.find(arguments.base, folder=FOLDER / "bases")
    chat = prepare(speaker, path, base, arguments, folder)
    console.print(f"[bold]{speaker}[/]: {len(chat.examples)} examples")
    for name in ("own", "other"):
        train(folder, name, base, json.loads(arguments.config), console)
    with Bars(console=console) as bars:
        report = measure(chat, arguments, bars)
    curve = json.loads((folder / "own" / "adapter" / "train.json").read_text())["curve"]
    report = replace(report, account=chat.account, curve=tuple(curve))
    data = report.to_json()
    (folder / "report.json").write_text(json.dumps(data, ensure_ascii=False), "utf-8")
    (folder / "report.html").write_text(page.render(report), "utf-8")
    gc.collect()
    figures = (
        "loss",
        "gain",
        "choice",
        "style",
        "position",
        "copying",
        "leakage",
        "identifiers",
        "ended",
        "foreign",
        "replies",
    )
    return {name: data[name] for name in figures}


def prepare(
    speaker: str, path: Path, base: Any, arguments: argparse.Namespace, folder: Path
) -> tuple[Any, str, Any, Any]:
    """Write the examples of both twins; the owner's examples, the other's name, the redactor and the account."""
    from twin import ingest
    from twin.base.rows import measure
    from twin.domain.jsonl import write_examples
    from twin.likeness import Account, leakage
    from twin.prepare import PrepareConfig
    from twin.prepare import prepare as make
    from twin.prepare.conversations import conversations, newest, spoken
    from twin.prepare.redact import Redactor
    from twin.prepare.windows import split_by_time

    messages = list(ingest.read([path]).messages())
    redactor = Redactor.learn(messages, [speaker], seed=SEED)
    redacted = [redactor.message(message) for message in messages]
    config = PrepareConfig(max_messages=arguments.max_messages)
    prepared = make(redacted, speakers=(speaker,), measure=measure(base), config=config)
    recent = newest(list(spoken(redacted, longest=config.longest, dropped=Counter())), config.max_messages)
    stretches = list(conversations(recent, silence=config.silence or timedelta(hours=2)))
    earlier = [
        message
        for stretch, split in split_by_time(
            stretches, is_owner=lambda one: one.sender == speaker, share=config.held_out
        )
        if split.value == "train"
        for message in stretch.messages
    ]
    written = Counter[str]()
    for message in earlier:
        written[message.sender or ""] += len(message.text)
    other = next(name for name, _ in written.most_common() if name and name != speaker)
    strangers = make(earlier, speakers=(other,), measure=measure(base), config=PrepareConfig())
    planted = leakage.plant(prepared.examples, leakage.invent(arguments.secrets, seed=SEED), seed=SEED)
    for name, examples in (("own", planted), ("other", strangers.examples)):
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
    from twin.likeness import Extent, Model, Secrets, Subjects, exchanges, instant, leakage
    from twin.likeness import measure as measure_all
    from twin.pipeline.evaluation import LONGEST, SHOWN, replies, scores
    from twin.prepare import identifiers
    from twin.serve.llama import LlamaChat

    folder, base, speaker, examples = chat.folder, chat.base, chat.speaker, chat.examples
    scorer = Scorer(base, length=LONGEST, rows=1)
    adapters = {name: LoraAdapter.load(folder / name / "adapter") for name in ("own", "other")}
    with LlamaChat(base, locate=lambda name: folder / name / "adapter.gguf") as served:
        untouched = Model(scores(scorer, None), replies(served, base, None, speaker))
        training = [one for one in examples if one.split is Split.TRAIN]
        secrets = Secrets(
            leakage.invent(arguments.secrets, seed=SEED),
            lambda turns, name, start: scorer.codes(turns, speaker=name, start=start, adapter=adapters["own"]),
            other=next(turn.name for one in training for turn in one.turns if turn.role.value == "other"),
        )
        subjects = Subjects(
            base=untouched,
            twin=Model(scores(scorer, adapters["own"]), replies(served, base, "own", speaker)),
            few_shot=instant(untouched, exchanges(training, characters=SHOWN, seed=SEED)),
            other_twin=Model(scores(scorer, adapters["other"]), replies(served, base, "other", chat.other)),
            secrets=secrets if arguments.secrets else None,
            identifiers=lambda text: len(identifiers.find(text)),
            known=chat.redactor.known,
        )
        extent = Extent(
            scored=arguments.scored,
            replies=arguments.replies,
            compared=arguments.replies // 5,
            questions=arguments.scored // 2,
            samples=12,
        )
        task = bars.add_task("measuring", total=None)

        def watch(progress: Progress) -> None:
            if progress.note:
                bars.console.print(progress.note)
            bars.update(task, completed=progress.done, total=progress.total)

        return measure_all(examples, subjects, extent=extent, base_name=base.name, seed=SEED, watch=watch)


def _table(found: dict[str, dict[str, Any]]) -> Table:
    table = Table("", *found, title="value (95 % interval)")
    rows: list[tuple[str, tuple[str, ...]]] = [
        *(
            (f"loss, {name} (nats per character)", ("loss", name))
            for name in ("base", "few_shot", "other_twin", "twin")
        ),
        *((f"gain over {name}", ("gain", name)) for name in ("base", "few_shot", "other_twin")),
        ("choice (chance 0.25)", ("choice",)),
        *(
            (f"style, {name}", ("style", name))
            for name in ("floor", "base", "few_shot", "other_twin", "twin", "ceiling")
        ),
        ("style, position of the twin", ("position", "twin")),
        *((f"copying, {name}", ("copying", name)) for name in ("twin", "person")),
        ("exposure (bits; 1.44 unlearnt)", ("leakage",)),
        *((f"replies with {name} identifiers", ("identifiers", name)) for name in ("any", "known")),
        ("replies that end", ("ended",)),
    ]
    for title, keys in rows:
        cells: list[str] = []
        for figures in found.values():
            one: Any = figures
            for key in keys:
                one = (one or {}).get(key)
            cells.append(f"{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})" if one else "–")
        table.add_row(title, *cells)
    return table


if __name__ == "__main__":
    sys.exit(main())
