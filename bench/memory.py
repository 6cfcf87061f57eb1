"""Memory: does it lower the loss of held-out replies to be reminded of past exchanges?

    python bench/memory.py "Sam=crd3 Sam.zip"                           the untouched base
    python bench/memory.py "Sam=crd3 Sam.zip" --adapter FOLDER          a trained twin: its `adapter` folder

The memory holds what was said before the held-out part begins. The last line is JSON. Memory stays off for trained
twins (`serve.voice.Voice.remembers`) unless this says that it helps.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from twin import ingest
from twin.base import models
from twin.base.adapter import LoraAdapter
from twin.base.rows import measure
from twin.base.scoring import Scorer
from twin.domain.examples import Split
from twin.domain.messages import Conversation, Message
from twin.pipeline.remembering import remembered
from twin.prepare import PrepareConfig, prepare
from twin.prepare.conversations import conversations, newest, spoken
from twin.prepare.redact import Redactor
from twin.prepare.windows import split_by_time
from twin.serve import memory

FOLDER = Path(os.environ.get("TWIN_BENCH", ".cache/bench"))
SEED = 17


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chat", metavar="SPEAKER=EXPORT")
    parser.add_argument("--adapter", type=Path, help="folder of a trained twin's adapter; without it, the base")
    parser.add_argument("--base", default="gemma3-270m")
    parser.add_argument("--max-messages", type=int)
    parser.add_argument("--replies", type=int, default=60)
    parser.add_argument("--length", type=int, default=1024, help="tokens of a reply with all that stands before it")
    arguments = parser.parse_args()
    speaker, _, path = arguments.chat.partition("=")
    base = models.find(arguments.base, folder=FOLDER / "bases")
    messages = list(ingest.read([Path(path)], options=ingest.Options(owners=(speaker,))).messages())
    redactor = Redactor.learn(messages, [speaker], seed=SEED)
    redacted = [redactor.message(message) for message in messages]
    config = PrepareConfig(max_messages=arguments.max_messages)
    prepared = prepare(redacted, speakers=(speaker,), measure=measure(base), config=config)
    adapter = LoraAdapter.load(arguments.adapter) if arguments.adapter else None
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "memory.db"
        held = memory.write(file, memory.exchanges(earlier(redacted, speaker, config), is_owner=_is(speaker)))
        found = remembered(
            prepared.examples,
            memory.Memory(file),
            Scorer(base, length=arguments.length, rows=1),
            adapter=adapter,
            most=arguments.replies,
            seed=SEED,
        )
    row = {
        "speaker": speaker,
        "trained": adapter is not None,
        "exchanges": held,
        **{name: value.to_json() if hasattr(value, "to_json") else value for name, value in found._asdict().items()},
        "seconds": round(time.monotonic() - began, 1),
    }
    print(
        f"{found.recalled} of {found.replies} replies were reminded of something; the loss is {found.gain.value:.1%} lower "
        f"with memory ({found.gain.low:.1%} to {found.gain.high:.1%}): "
        + ("it helps." if found.gain.low > 0 else "leave it off." if found.gain.high < 0 else "too close to tell.")
    )
    print(json.dumps(row))


def earlier(messages: list[Message], speaker: str, config: PrepareConfig) -> list[Conversation]:
    """The conversations before the held-out part."""
    recent = newest(list(spoken(messages, longest=config.longest, dropped=Counter())), config.max_messages)
    stretches = list(conversations(recent, silence=config.silence))
    parts = split_by_time(stretches, is_owner=_is(speaker), share=config.held_out)
    return [stretch for stretch, split in parts if split is Split.TRAIN]


def _is(speaker: str) -> Any:
    return lambda message: message.sender == speaker


if __name__ == "__main__":
    sys.exit(main())
