"""How fast WhatsApp exports are read, next to other parsers on the same file. `make bench-parse` runs it.

Every parser runs in a process of its own and measures itself, from the path of the file to the last message, without
its start; the best of some rounds counts. Peers are installed into throw-away environments under `.cache/peers`; one
that cannot be installed is left out. The last line is one JSON object.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

CACHE = Path(__file__).parents[1] / ".cache"
PEERS = CACHE / "peers"
WORDS = [
    "the",
    "and",
    "you",
    "to",
    "a",
    "is",
    "it",
    "of",
    "in",
    "that",
    "lol",
    "ok",
    "haha",
    "what",
    "when",
    "we",
    "are",
    "going",
    "home",
    "tomorrow",
    "maybe",
    "later",
    "yes",
    "no",
    "really",
    "think",
    "so",
    "but",
    "café",
    "naïve",
    "😂",
    "👍",
    "https://example.org/x",
]
NAMES = ("Ana Pérez", "Bo", "Cy Brown", "Dee 🦊")

OURS = """
import json, sys, time
from peak import peak_mb
from twin.ingest import read
from twin.ingest.platforms import platforms
platforms()  # what importing is to the others
start = time.perf_counter()
count = sum(1 for _ in read([sys.argv[1]]))
took = time.perf_counter() - start
print(json.dumps({"count": count, "seconds": took, "peak_mb": peak_mb()}))
"""
WHATSTK = """
import json, sys, time
from peak import peak_mb
from whatstk import WhatsAppChat
start = time.perf_counter()
count = len(WhatsAppChat.from_source(sys.argv[1]).df)
took = time.perf_counter() - start
print(json.dumps({"count": count, "seconds": took, "peak_mb": peak_mb()}))
"""
CHAT_MINER = """
import json, sys, time
from peak import peak_mb
from chatminer.chatparsers import WhatsAppParser
start = time.perf_counter()
parser = WhatsAppParser(sys.argv[1])
parser.parse_file()
count = len(parser.parsed_messages.get_df())
took = time.perf_counter() - start
print(json.dumps({"count": count, "seconds": took, "peak_mb": peak_mb()}))
"""
NPM = """
import { parseString } from "whatsapp-chat-parser";
import { readFileSync } from "node:fs";
const start = performance.now();
const count = parseString(readFileSync(process.argv[2], "utf8")).length;
const seconds = (performance.now() - start) / 1000;
const most = /VmHWM:\\s+(\\d+)/.exec(readFileSync("/proc/self/status", "utf8"));
const kilobytes = most ? Number(most[1]) : process.resourceUsage().maxRSS;
console.log(JSON.stringify({ count, seconds, peak_mb: kilobytes / 1024 }));
"""


def write_chat(path: Path, messages: int, *, iphone: bool) -> None:
    """An invented chat of about 62 bytes a message: some of several lines, some placeholders."""
    chance = random.Random(1)
    at = datetime(2015, 1, 1, 10)
    with path.open("w", encoding="utf-8", newline="") as file:
        for _ in range(messages):
            at += timedelta(seconds=chance.choice((3, 5, 20, 60, 300)))
            body = " ".join(chance.choices(WORDS, k=chance.randint(1, 12)))
            kind = chance.random()
            if kind < 0.04:
                body = "\u200eimage omitted" if iphone else "<Media omitted>"
            elif kind < 0.07:
                body += "\nsecond line"
            elif kind < 0.10:
                body += " https://example.org/some/page"
            name = chance.choice(NAMES)
            if iphone:
                file.write(f"[{at:%d.%m.%y, %H:%M:%S}] {name}: {body}\r\n")
            else:
                file.write(f"{at:%d/%m/%Y, %H:%M} - {name}: {body}\n")


def write_telegram(path: Path, megabytes: int) -> int:
    """An invented account as Telegram Desktop exports it; how many messages it has."""
    chance = random.Random(1)
    count = written = 0
    with path.open("w", encoding="utf-8") as file:
        file.write('{"personal_information": {"user_id": 1, "first_name": "Ana"}, "chats": {"list": [')
        while written < megabytes << 20:
            lines = [
                json.dumps(
                    {
                        "id": count + i,
                        "type": "message",
                        "date": "2021-03-09T10:58:20",
                        "date_unixtime": str(1615287500 + count + i),
                        "from": NAMES[i % 2],
                        "from_id": f"user{i % 2 + 1}",
                        "text": " ".join(chance.choices(WORDS, k=chance.randint(1, 12))),
                        "text_entities": [],
                    },
                    ensure_ascii=False,
                    indent=1,
                )
                for i in range(20_000)
            ]
            chat = (
                f'{{"name": "Chat {count}", "type": "personal_chat", "id": {count}, "messages": [{",".join(lines)}]}}'
            )
            written += file.write(("," if count else "") + chat)
            count += len(lines)
        file.write("]}}")
    return count


def best(command: list[str], *, rounds: int, folder: Path | None = None) -> dict[str, float] | None:
    """The fastest of some rounds of a command that prints its own measures; None where it fails."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    results: list[dict[str, float]] = []
    for _ in range(rounds):
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            return None
        results.append(json.loads(done.stdout.strip().splitlines()[-1]))
    return min(results, key=lambda result: result["seconds"])


def python_peer(package: str) -> str | None:
    """The interpreter of a throw-away environment with a package; None where it cannot be installed."""
    folder = PEERS / package
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        shutil.rmtree(folder, ignore_errors=True)
        steps = ([sys.executable, "-m", "venv", str(folder)], [str(python), "-m", "pip", "install", "--quiet", package])
        if any(subprocess.run(step, capture_output=True, check=False).returncode for step in steps):
            return None
        (folder / "installed").touch()
    return str(python)


def npm_peer() -> Path | None:
    """A folder with the npm package; None where it cannot be installed."""
    folder = PEERS / "npm"
    if not (folder / "node_modules" / "whatsapp-chat-parser").exists():
        if not shutil.which("npm"):
            return None
        folder.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "whatsapp-chat-parser"]
        if subprocess.run(install, cwd=folder, capture_output=True, check=False).returncode:
            return None
    (folder / "parse.mjs").write_text(NPM)
    return folder


def told(name: str, result: dict[str, float] | None) -> None:
    if result is None:
        print(f"{name:32} not installed, or it failed")
    else:
        rate = result["count"] / result["seconds"]
        print(f"{name:32} {result['seconds']:7.2f} s  {rate:10,.0f} messages/s  {result['peak_mb']:6.0f} MB peak")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000, help="of the file that only twin reads")
    parser.add_argument("--shared", type=int, default=200_000, help="of the file that every parser reads")
    parser.add_argument("--telegram-mb", type=int, default=0, help="also read a Telegram account of this size")
    options = parser.parse_args()
    folder = CACHE / "bench-parse"
    folder.mkdir(parents=True, exist_ok=True)
    shared, large, phone = folder / "shared.txt", folder / "large.txt", folder / "iphone.txt"
    write_chat(shared, options.shared, iphone=False)
    write_chat(large, options.messages, iphone=False)
    write_chat(phone, options.messages, iphone=True)
    print(f"Android, {options.messages:,} messages, {large.stat().st_size / 1e6:.0f} MB")
    android = best([sys.executable, "-c", OURS, str(large)], rounds=3)
    told("twin", android)
    print(f"iPhone, {options.messages:,} messages, {phone.stat().st_size / 1e6:.0f} MB")
    told("twin", iphone := best([sys.executable, "-c", OURS, str(phone)], rounds=3))
    if android is None or iphone is None:
        sys.exit("twin itself failed")
    print(f"Android, {options.shared:,} messages, everybody")
    ours = best([sys.executable, "-c", OURS, str(shared)], rounds=5)
    assert ours is not None
    told("twin", ours)
    ratios: dict[str, float] = {}
    npm = npm_peer()
    peers: dict[str, list[str] | None] = {"whatsapp-chat-parser (npm)": npm and ["node", "parse.mjs", str(shared)]}  # type: ignore[dict-item]
    for package, script in (("whatstk", WHATSTK), ("chat-miner", CHAT_MINER)):
        python = python_peer(package)
        peers[package] = [python, "-c", script, str(shared)] if python else None
    for name, command in peers.items():
        slow = "npm" not in name
        result = best(command, rounds=1 if slow else 5, folder=npm if not slow else None) if command else None
        told(name, result)
        if result:
            ratios[name.partition(" ")[0]] = round(result["seconds"] / ours["seconds"], 2)
    measures: dict[str, object] = {
        "messages_per_s": round(android["count"] / android["seconds"]),
        "iphone_messages_per_s": round(iphone["count"] / iphone["seconds"]),
        "peak_mb": round(max(android["peak_mb"], iphone["peak_mb"])),
        "ratios": ratios,
    }
    if options.telegram_mb:
        account = folder / "result.json"
        start = time.perf_counter()
        count = write_telegram(account, options.telegram_mb)
        size = account.stat().st_size / 1e6
        print(f"Telegram, {count:,} messages, {size:.0f} MB (written in {time.perf_counter() - start:.0f} s)")
        told("twin", telegram := best([sys.executable, "-c", OURS, str(account)], rounds=1))
        account.unlink()
        if telegram:
            measures["telegram"] = {
                "mb": round(size),
                "peak_mb": round(telegram["peak_mb"]),
                "seconds": round(telegram["seconds"], 1),
            }
    print(json.dumps(measures))


if __name__ == "__main__":
    main()
