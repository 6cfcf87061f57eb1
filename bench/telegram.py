"""How much memory and time a Telegram account of 2 GB takes. `make bench-parse` runs it after the other parsers.

The file is made in a temporary folder: a few chats, some with every kind of text that Telegram writes, and one that
is most of the file. It is read in a process of its own. The last line is one JSON object.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TextIO

_READER = """
import json, resource, sys, time
from twin.ingest import read
started = time.perf_counter()
count = sum(1 for _ in read([sys.argv[1]]))
seconds = time.perf_counter() - started
cpu = time.process_time()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"messages": count, "seconds": seconds, "cpu_seconds": cpu, "peak_mb": peak}))
"""
_WORDS = [
    "the",
    "and",
    "you",
    "to",
    "it",
    "when",
    "going",
    "home",
    "maybe",
    "café",
    "naïve",
    "😂",
    "дом",
    "сегодня",
    "今日",
]
_BATCH = 2_000


def message(number: int, chance: random.Random) -> dict[str, object]:
    """One message as Telegram Desktop writes it; some have formatted text, a reply or a picture."""
    sender = chance.randrange(2)
    text = " ".join(chance.choices(_WORDS, k=chance.randrange(1, 24)))
    moment = 1_500_000_000 + number * 40
    raw: dict[str, object] = {
        "id": number,
        "type": "message",
        "date": "2017-07-14T04:40:00",
        "date_unixtime": str(moment),
        "from": ("Ana Ruiz", "Ben")[sender],
        "from_id": f"user{sender + 1}",
    }
    if number % 10 == 0:
        raw |= {"photo": "photos/photo.jpg", "width": 1280, "height": 720}
    if number % 7 == 0:
        raw["reply_to_message_id"] = max(number - 5, 1)
    styled = [text, {"type": "bold", "text": "really"}, ""] if number % 9 == 0 else text
    return {**raw, "text": styled, "text_entities": [{"type": "plain", "text": text}]}


def generate(path: Path, *, megabytes: int, seed: int = 7) -> None:
    """Write an account of about `megabytes` MB; nine tenths of it are one chat."""
    chance = random.Random(seed)
    with path.open("w", encoding="utf-8") as file:
        file.write('{\n "about": "Invented.",\n "personal_information": {"user_id": 1, "first_name": "Ana"},\n')
        file.write(' "chats": {\n  "about": "Invented.",\n  "list": [')
        for number, share in enumerate((0.05, 0.9, 0.05)):
            file.write("," if number else "")
            _chat(file, number, int(megabytes * share * 1_000_000), chance)
        file.write("\n  ]\n }\n}\n")


def _chat(file: TextIO, number: int, size: int, chance: random.Random) -> None:
    file.write(f'\n   {{"name": "Chat {number}", "type": "personal_chat", "id": {number + 2}, "messages": [\n')
    # Making a batch takes longer than reading it; it is written again and again.
    batch = ",\n".join(json.dumps(message(n, chance), ensure_ascii=False, indent=1) for n in range(1, _BATCH + 1))
    for copy in range(max(size // len(batch.encode()), 1)):
        file.write(f",\n{batch}" if copy else batch)
    file.write("\n   ]}")


def measure(*, megabytes: int = 2_000) -> dict[str, float]:
    """Messages, seconds and peak memory (MB) of reading such an account."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.json"
        generate(path, megabytes=megabytes)
        size = path.stat().st_size
        done = subprocess.run([sys.executable, "-c", _READER, str(path)], check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures | {"file_mb": size / 1e6, "messages_per_s": figures["messages"] / figures["seconds"]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=2_000, help="size of the file")
    print(
        json.dumps({"telegram": {key: round(value, 1) for key, value in measure(**vars(parser.parse_args())).items()}})
    )
