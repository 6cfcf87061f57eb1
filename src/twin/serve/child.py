"""llama.cpp in a process of its own: `python -m twin.serve.child`, started by `LlamaServer`.

Loading a model inside the program itself would hold Python's lock for the one to two seconds that it takes, so
that every other reply and page stands still, and a failed assertion in llama.cpp would take the program along.

Standard input: one line of JSON, the fields of `Order`; the process ends when it is closed, so it never outlives
who started it. Standard output: one line of JSON, `{"address": …}` or `{"error": …}`.
"""

import json
import os
import signal
import sys
from importlib import import_module
from typing import Any, NamedTuple


class Order(NamedTuple):
    """What to load, and how. `batch` is in tokens, `context` in tokens of one slot."""

    base: str
    adapters: list[str]
    threads: int
    context: int
    slots: int
    batch: int
    key: str


def main() -> None:
    """Serve until standard input is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for the program that talks with us
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints
    order = Order(**json.loads(sys.stdin.readline()))
    try:
        server = _start(order)
        told = {"address": server.listening_address}
    except ImportError:
        told = {"error": "import"}
    except RuntimeError:
        told = {"error": "load"}
    print(json.dumps(told), file=out, flush=True)
    if "address" in told:
        sys.stdin.read()
    os._exit(0)  # replies under way are nobody's any more


def _start(order: Order) -> Any:
    # Threads that wait for each other spin for some microseconds and then sleep: beside a training run, threads that
    # spin for long decode ten times slower; alone, threads that sleep at once decode at half the speed. The OpenMP
    # library reads this when it is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    xllamacpp: Any = import_module("xllamacpp")
    parameters = xllamacpp.CommonParams()
    parameters.model.path = order.base
    parameters.model_alias = {"twin"}
    # Without a scale of their own, adapters are off.
    parameters.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(path, 0.0) for path in order.adapters]
    parameters.cpuparams.n_threads = order.threads
    parameters.cpuparams_batch.n_threads = order.threads
    parameters.n_ctx = order.context * order.slots
    parameters.n_parallel = order.slots
    parameters.n_batch = parameters.n_ubatch = order.batch
    # Gemma's sliding windows are kept whole, so that a slot can go back to any earlier point of its context.
    parameters.swa_full = True
    # Contexts stay in their slots, which are given out by adapter; this cache does not know adapters.
    parameters.cache_ram_mib = 0
    parameters.cache_idle_slots = False
    parameters.fit_params = False
    parameters.warmup = False
    parameters.verbosity = -1
    parameters.api_keys = [order.key]
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.n_threads_http = order.slots + 2
    return xllamacpp.Server(parameters)


if __name__ == "__main__":
    main()
