"""Mangled exports, for as long as one likes: `make fuzz-parse`.

First reads every combination of the generator's locales, systems, clocks and lengths of the year. Then takes exports
(the generator's, and every file under the folders given), damages them in every way that copying,
editing and transmission do, and reads them. Nothing but ExportError may be raised, no read may take long, and no
marked word may be lost without being counted. Seeds are printed, so that a failure can be run again.
"""

import argparse
import faulthandler
import random
import re
import sys
import tempfile
import time
import traceback
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path

from tests.ingest.generate import LOCALES, NASTY, SENDERS, Said, Style, System, render, talk, typed
from twin.errors import ExportError
from twin.ingest import read
from twin.ingest.export import Report

TEXT = {".txt", ".md", ".csv", ".json", ".jsonl", ".html", ".xml", ".eml", ".mbox", ".js", ".srt", ".vtt", ""}
SLOW_S = 20.0
SYSTEMS: tuple[System, ...] = ("ios", "android", "ios before 2016")


def generated(chance: random.Random) -> tuple[str, bytes]:
    """An export in a random style in which every message has a word of its own."""
    style = Style(
        chance.choice(LOCALES),
        chance.choice(SYSTEMS),
        twelve=chance.choice((None, True, False)),
        long_year=chance.choice((None, True)),
        marks=chance.random() < 0.5,
        bom=chance.random() < 0.2,
        crlf=chance.choice((None, True, False)),
    )
    texts = [f"w{i}w {chance.choice(NASTY)}" for i in range(chance.randrange(3, 60))]
    chat = talk(
        texts,
        senders=chance.sample(SENDERS, chance.randrange(1, 6)),
        start=datetime(2012, 1, 1) + timedelta(hours=chance.randrange(100_000)),
        step=timedelta(seconds=chance.choice((40, 4000, 90_000))),
    )
    return chance.choice(("chat.txt", "_chat.txt", "WhatsApp Chat with Ana.txt")), render(chat, style)


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Some damage: cut, doubled, shuffled, flipped, recoded, blown up."""
    data = bytearray(content)
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(data) + 1)
        size = chance.choice((1, 3, 40, 4000))
        match chance.randrange(8):
            case 0:
                del data[at : at + size]
            case 1:
                data[at:at] = data[at : at + size]
            case 2:
                data[at:at] = bytes(chance.randrange(256) for _ in range(min(size, 40)))
            case 3:
                data = data[:at]
            case 4:
                lines = bytes(data).split(b"\n")
                chance.shuffle(lines)
                data = bytearray(b"\n".join(lines))
            case 5:
                data[at:at] = (
                    chance.choice((b"\n", b"\r\n", b"\0", b"\xef\xbb\xbf", b'"', b"\xe2\x80\x8e", b": ", b"[")) * 3
                )
            case 6:
                data[at:at] = chance.choice((b"a", b"[", b"1", b"<", b"\xf0\x9f\x98\x80")) * chance.choice(
                    (300, 200_000)
                )
            case _:
                data = data.replace(b"\r\n", b"\n") if chance.random() < 0.5 else data.replace(b"\n", b"\r\n")
    if chance.random() < 0.05:
        data = bytearray(
            bytes(data).decode("utf-8", "replace").encode(chance.choice(("utf-16", "cp1252", "utf-16-be")), "replace")
        )
    return bytes(data)


def lost(content: bytes, texts: list[str], reports: tuple[Report, ...]) -> list[str]:
    """The marked words of a generated export that are in no message, beyond what its report counts as misses."""
    # What follows the mark of iPhones is no person's words, wherever damage has put it.
    present = set(re.findall(rb"(?<!\xe2\x80\x8e)(?<!\xe2\x80\x8e )\bw\d+w\b", content))
    found = set(re.findall(r"w\d+w", " ".join(texts)))
    missing = [word.decode() for word in present if word.decode() not in found]
    return missing if len(missing) > sum(report.unmatched_count for report in reports) else []


def attempt(seed: int, samples: list[Path], folder: Path) -> str | None:
    """One round; what is wrong, or None."""
    chance = random.Random(seed)
    own = not samples or chance.random() < 0.5
    if own:
        name, content = generated(chance)
    else:
        sample = chance.choice(samples)
        name, content = sample.name, sample.read_bytes()[:300_000]
    content = damaged(content, chance)
    path = folder / name
    path.write_bytes(content)
    start = time.perf_counter()
    try:
        reading = read([path])
        texts = [f"{message.sender} {message.text}" for message in reading]
        if own and (missing := lost(content, texts, reading.reports)):
            return f"lost {len(missing)} of the marked words, the first {missing[0]}"
    except ExportError as error:
        if not re.search(r"\S.*\.$", str(error), re.DOTALL):
            return f"an error without a sentence: {error!r}"
    except Exception:
        return traceback.format_exc()
    finally:
        path.unlink()
    took = time.perf_counter() - start
    return f"{took:.1f} s for {len(content):,} bytes" if took > SLOW_S else None


def grid(folder: Path) -> list[str]:
    """Every combination of locale, system, clock and length of the year that is not read to the letter."""
    wrong: list[str] = []
    path = folder / "chat.txt"
    for locale, system, twelve, long_year in product(LOCALES, SYSTEMS, (None, True, False), (None, True)):
        style = Style(locale, system, twelve, long_year, marks=True)
        path.write_bytes(render(talk(NASTY), style))
        read_back = [Said(m.sender, m.sent_at, m.kind, m.text) for m in read([path])]  # type: ignore[arg-type]
        if read_back != [typed(line, style) for line in talk(NASTY)]:
            wrong.append(f"{style} is not read as written")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, help="more exports to damage")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, help="run this round only")
    note = Path(".cache/fuzz-parse-seed")
    parser.add_argument("--note", type=Path, default=note, help="holds the seed of the round, should the process die")
    options = parser.parse_args()
    samples = sorted(
        path
        for folder in options.folders
        for path in folder.rglob("*")
        if path.is_file() and path.suffix.lower() in TEXT
    )
    seed, rounds, failures = (options.seed or int(time.time() * 1000) % 10**9), 0, 0
    faulthandler.enable()
    options.note.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for wrong in [] if options.seed else grid(Path(folder)):
            failures += 1
            print(wrong, file=sys.stderr)
        end = time.monotonic() + options.seconds
        while time.monotonic() < end and failures < 10:
            options.note.write_text(f"{seed}\n")
            wrong = attempt(seed, samples, Path(folder))
            rounds += 1
            if wrong:
                failures += 1
                print(f"seed {seed}: {wrong}", file=sys.stderr)
            if options.seed:
                break
            seed += 1
    print(f"{rounds:,} rounds, {failures} failures")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
