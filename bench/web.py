"""The web app under load: pages at a steady rate while people chat, with a tiny random model.

Pages are asked for at the times at which they are due, whether the ones before were answered or not, and their
latency counts from then; so a server that falls behind cannot hide it. Ends with one line of JSON.
"""

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import psutil
from flask import Flask, session
from flask_wtf.csrf import generate_csrf
from tests.tiny import TinyGemma, tiny_adapter, tiny_gemma

from twin.convert.gguf import write_adapter
from twin.domain.runs import Run, RunState, Stage
from twin.domain.twins import Twin
from twin.pipeline import keys
from twin.platform import Platform
from twin.settings import Settings
from twin.web import access, create_app
from twin.web.store.accounts import Account

PORT = 8719
WARM_UP_S = 5.0
"""In which those who chat come, one after the other, before the first page is asked for."""
SHARE_OF_PAGES = 10
"""Accounts whose pages are asked for, in turn, at most."""


@dataclass
class Visitor:
    """Somebody logged in: their cookie, a token for forms, their twin, and the connections that their browser keeps."""

    cookie: str
    token: str
    twin: str
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)


def furnish(settings: Settings, tiny: TinyGemma, people: int) -> list[Visitor]:
    """Accounts with a trained twin each, logged in."""
    with Platform(settings) as platform:
        app = create_app(platform)
        store = app.extensions["twin"].store
        adapter = platform.folder / "adapter.gguf"
        write_adapter(tiny_adapter(), adapter)
        visitors: list[Visitor] = []
        for number in range(people):
            now = datetime.now(UTC)
            account = store.accounts.add(
                f"a{number}@example.org", "-", owner_of_machine=False, admins=frozenset(), now=now
            )
            twin = Twin(f"twin{number}", account.id, "Nora", ("Nora",), str(tiny.gguf), now)
            figures = {"loss_base": 4.0, "loss_twin": 3.0}
            run = Run(f"run{number}", twin.id, RunState.DONE, now, now, stage=Stage.PUBLISH, figures=figures)
            platform.records.save(run)
            platform.records.save(replace(twin, run_id=run.id))
            platform.objects.put(keys.run(run) + keys.ADAPTER_GGUF, adapter)
            visitors.append(Visitor(*_logged_in(app, account), twin.id))
        app.extensions["twin"].jobs.shutdown()
    return visitors


def _logged_in(app: Flask, account: Account) -> tuple[str, str]:
    """A cookie as the log-in sets it: a bench that logs in 50 people would meet the limit of log-ins."""
    here = {"base_url": "http://127.0.0.1", "environ_base": {"REMOTE_ADDR": "127.0.0.1"}}
    with app.test_request_context("/", **here):
        access.log_in(account)
        token = generate_csrf()
        answer = app.response_class()
        app.session_interface.save_session(app, session, answer)  # pyright: ignore[reportArgumentType]
    return answer.headers["Set-Cookie"].partition(";")[0], token


async def page(visitor: Visitor, path: str) -> None:
    """Ask for a page as browsers do: over a connection that was used before, where one is free."""
    reader, writer = visitor.idle.pop() if visitor.idle else await asyncio.open_connection("127.0.0.1", PORT)
    writer.write(_head("GET", path, visitor, version="1.1", accept="text/html"))
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = re.search(r"^Content-Length: (\d+)", head, re.MULTILINE | re.IGNORECASE)
    _check(path, head)
    assert length
    await reader.readexactly(int(length[1]))
    visitor.idle.append((reader, writer))


async def say(visitor: Visitor, text: str) -> str:
    """Say something to the twin; the whole stream of its reply."""
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    body = urlencode({"text": text, "csrf_token": visitor.token}).encode()
    path = f"/twins/{visitor.twin}/chat"
    writer.write(_head("POST", path, visitor, version="1.0", accept="text/event-stream", length=len(body)) + body)
    answer = (await reader.read(-1)).decode()
    writer.close()
    _check(path, answer)
    return answer


def _head(method: str, path: str, visitor: Visitor, *, version: str, accept: str, length: int = 0) -> bytes:
    return (
        f"{method} {path} HTTP/{version}\r\nHost: 127.0.0.1:{PORT}\r\nAccept: {accept}\r\nCookie: {visitor.cookie}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def _check(path: str, answer: str) -> None:
    if not re.match(r"HTTP/1.\d 200", answer):
        raise RuntimeError(f"{path}: {answer[:80]!r}")


async def chat(visitor: Visitor, until: float, pause_s: float, counts: dict[str, int]) -> None:
    """Talk until it is time to go: ask, read the stream to its end, think, ask again."""
    while time.monotonic() < until:
        counts["open"] += 1
        counts["most"] = max(counts["most"], counts["open"])
        try:
            answer = await say(visitor, "did you water")
        finally:
            counts["open"] -= 1
        counts["replies"] += "event: piece" in answer
        counts["failed"] += "event: failed" in answer
        await asyncio.sleep(pause_s)


async def pages(visitors: list[Visitor], rate: float, until: float) -> list[float]:
    """Seconds that each page took, from when it was due."""
    took: list[float] = []

    async def one(visitor: Visitor, path: str, due: float) -> None:
        await page(visitor, path)
        took.append(time.monotonic() - due)

    tasks: list[asyncio.Task[None]] = []
    start = time.monotonic()
    while (due := start + len(tasks) / rate) < until:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        visitor = visitors[len(tasks) % min(SHARE_OF_PAGES, len(visitors))]
        paths = ["/", "/twins", f"/twins/{visitor.twin}/chat", f"/twins/{visitor.twin}/share", "/account"]
        tasks.append(asyncio.create_task(one(visitor, paths[len(tasks) % len(paths)], due)))
    await asyncio.gather(*tasks)
    return took


async def measure(visitors: list[Visitor], *, rate: float, seconds: float, pause_s: float) -> dict[str, float]:
    for visitor in visitors:  # every adapter is loaded once
        await say(visitor, "hello")
    first = time.monotonic()
    await page(visitors[0], "/")
    front = time.monotonic() - first
    counts = dict.fromkeys(("open", "most", "replies", "failed"), 0)
    until = time.monotonic() + WARM_UP_S + seconds
    chatting: list[asyncio.Task[None]] = []
    for visitor in visitors:  # one after the other, as people come
        chatting.append(asyncio.create_task(chat(visitor, until, pause_s, counts)))
        await asyncio.sleep(WARM_UP_S / len(visitors))
    began = time.monotonic()
    took = sorted(await pages(visitors, rate, until))
    lasted = time.monotonic() - began
    await asyncio.gather(*chatting)
    return {
        "pages_per_s": round(len(took) / lasted, 1),
        "p50_ms": round(took[len(took) // 2] * 1000, 1),
        "p95_ms": round(took[int(len(took) * 0.95)] * 1000, 1),
        "streams": len(visitors),
        "streams_at_once": counts["most"],
        "replies": counts["replies"],
        "failed": counts["failed"],
        "front_ms": round(front * 1000, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=200, help="pages per second")
    parser.add_argument("--streams", type=int, default=50, help="people who chat")
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--pause", type=float, default=2.0, help="seconds that a person thinks between replies")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tiny = tiny_gemma(Path(folder))
        settings = Settings(home=f"{folder}/home", base=str(tiny.gguf))
        visitors = furnish(settings, tiny, asked.streams)
        command = [sys.executable, "-m", "twin", "serve", "--port", str(PORT)]
        with subprocess.Popen(command, env={**os.environ, **settings.variables()}, stdout=subprocess.PIPE) as server:
            try:
                assert server.stdout
                server.stdout.readline()
                process = psutil.Process(server.pid)
                found = asyncio.run(measure(visitors, rate=asked.rate, seconds=asked.seconds, pause_s=asked.pause))
                found["server_cpu_s"] = round(sum(process.cpu_times()[:2]), 1)
                found["load"] = round(psutil.getloadavg()[0], 1)
            finally:
                server.terminate()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
