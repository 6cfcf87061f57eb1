"""Ten thousand requests to a tiny random model while twins come, go and break. `make soak-serve` runs it.

Eight threads ask; every tenth request first publishes, deletes or breaks a twin. Each reply must be the one that its
twin gives alone, or a clear error. The last line is one JSON object.
"""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.serve import SAID, pss_mb, server_mb
from tests.tiny import tiny_adapter, tiny_gemma

from twin.base.models import Base
from twin.convert.gguf import write_adapter
from twin.domain.examples import Role, Turn
from twin.domain.ports import Sampling
from twin.errors import ModelError, NotFoundError
from twin.serve.llama import LlamaChat


def soak(folder: Path, *, requests: int, twins: int = 30) -> dict[str, Any]:
    """Ask a tiny random model from 8 threads while twins come, go and break: every reply is right or a clear error."""

    base = Base("tiny", tiny_gemma(folder).gguf)
    files = [folder / f"file-{number}.gguf" for number in range(10)]
    for number, file in enumerate(files):
        write_adapter(tiny_adapter(seed=number + 1), file)
    turns = [Turn(Role.OTHER, "Ana", (SAID[0],))]
    greedy = Sampling(temperature=0, max_tokens=10)

    def reply(model: LlamaChat, adapter: str) -> str:
        return "".join(p.text for p in model.reply(turns, speaker="Ben", adapter=adapter, sampling=greedy))

    with LlamaChat(base, locate=lambda name: files[int(name)], threads=1, context=256) as model:
        right = [reply(model, str(number)) for number in range(len(files))]

    published = Published(folder, files)
    counts: dict[str, int] = {}
    wrong = 0
    held: list[float] = []
    lock = threading.Lock()
    with LlamaChat(base, locate=published.locate, threads=1, context=256, slots=4, waiting=64, adapters=20) as model:

        def ask(number: int) -> None:
            nonlocal wrong
            chance = random.Random(number)
            name = str(chance.randrange(twins))
            if number % 10 == 0:
                published.change(name, chance, forget=model.forget, load=model.load)
            before = published.owner(name)
            try:
                said = reply(model, name)
                outcome = "answered"
            except (NotFoundError, ModelError) as error:
                said = None
                outcome = type(error).__name__
            after = published.owner(name)
            with lock:
                counts[outcome] = counts.get(outcome, 0) + 1
                # What changed while it was asked may have answered either way.
                file, _ = before
                if before == after and said != (None if file is None or file < 0 else right[file]):
                    wrong += 1
                if number % (requests // 10) == 0:
                    held.append(pss_mb("self"))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(ask, range(requests)))
        server = server_mb(model)
    tenth = max(1, len(held) // 10)
    return {
        "requests": requests,
        "outcomes": counts,
        "wrong": wrong,
        "changes": published.changes,
        "mb_after_a_tenth": round(held[tenth], 1),
        "mb_at_the_end": round(held[-1], 1),
        "server_mb": round(server, 1),
    }


class Published:
    """Twins of a soak test: which of the adapter files each has now; -1: a broken one; None: none."""

    def __init__(self, folder: Path, files: list[Path]) -> None:
        self._folder = folder
        self._files = files
        self._owners: dict[str, tuple[int | None, int]] = {}
        self._lock = threading.Lock()
        self.changes = 0

    def locate(self, name: str) -> Path:
        path = self._folder / f"twin-{name}.gguf"
        if not path.exists():
            raise NotFoundError("There is no such twin.")
        return path

    def owner(self, name: str) -> tuple[int | None, int]:
        """The file, and the number of the change that made it so."""
        with self._lock:
            return self._owners.get(name, (None, 0))

    def change(
        self, name: str, chance: random.Random, *, forget: Callable[[str], None], load: Callable[..., None]
    ) -> None:
        """Publish, delete or break a twin."""
        path = self._folder / f"twin-{name}.gguf"
        with self._lock:
            self.changes += 1
            what = chance.choice(["publish", "publish", "delete", "break"])
            if what == "delete":
                path.unlink(missing_ok=True)
                self._owners[name] = (None, self.changes)
                forget(name)
                return
            number = chance.randrange(len(self._files))
            content = self._files[number].read_bytes()
            if what == "break":
                number, content = -1, content[: chance.randrange(len(content))]
            partial = self._folder / f"partial-{name}"
            partial.write_bytes(content)
            partial.replace(path)
            self._owners[name] = (number, self.changes)
        load(name)
