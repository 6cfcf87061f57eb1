"""A day of twin in the cloud, simulated: machines, waiting, cost, and what breaks first. `make bench-scale` runs it.

Trainings are simulated one by one (arrivals by the hour of the day, machines up to a quota, first come first served);
replies minute by minute (arrivals, the machines that they need, machines that start and stop). Times of stages and
replies are assumptions that the command line can replace by measured ones; `docs/scale.md` says which is which. The
last line is one JSON object.
"""

import argparse
import heapq
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

PRICES = Path(__file__).parents[1] / "src" / "twin" / "pipeline" / "prices.json"
DAY_S = 86_400
MONTH_DAYS = 30.4
# How much of a day's work comes in each hour: people sleep, and write most in the evening.
HOURS = np.array([2, 1, 1, 0.5, 0.5, 1, 2, 3, 4, 4, 4, 5, 6, 5, 4, 4, 5, 6, 7, 8, 9, 8, 6, 4])
HOURS = HOURS / HOURS.sum()

CACHED_ADAPTERS = 256
"""Adapters that a vLLM keeps in its machine's memory, as Terraform sets it."""
QUERIES_PER_RUN = 16 + 24 + 100
"""BigQuery takes 16 changes of a run's status, is asked 24 times by the stages, and 100 times by a page that watches.
Replies ask the web app's own database."""


@dataclass(frozen=True)
class Behaviour:
    """What people do, and how long it takes.

    Attributes:
        trainings: of a user in a month.
        replies: of a twin in a day, over all users, also those who have long stopped.
        start_s: from submission until a machine with a GPU begins.
        train_s: mean of the GPU stages; their spread is log-normal with `train_spread`.
        other_s: the stages without a GPU, on 4 vCPU and 16 GiB.
        reply_s: one reply of 40 tokens when `slots` are generated together on one L4.
        wake_s: from the first request until a vLLM that slept answers.
        idle_s: how long it stays awake for nobody.
        load_s: fetching an adapter that is not in memory.
    """

    trainings: float = 0.5
    replies: float = 6.0
    start_s: float = 240.0
    train_s: float = 900.0
    train_spread: float = 0.5
    other_s: float = 240.0
    reply_s: float = 1.6
    slots: int = 32
    busy_share: float = 0.7
    wake_s: float = 120.0
    idle_s: float = 900.0
    load_s: float = 1.5
    megabytes: float = 60.0


def trainings(users: int, behaviour: Behaviour, quota: int, chance: np.random.Generator) -> dict[str, float]:
    """A day of trainings on at most `quota` machines."""
    count = chance.poisson(users * behaviour.trainings / MONTH_DAYS)
    hours = chance.choice(24, size=count, p=HOURS)
    arrivals = np.sort((hours + chance.random(count)) * 3600)
    mean = math.log(behaviour.train_s) - behaviour.train_spread**2 / 2
    lengths = chance.lognormal(mean, behaviour.train_spread, count)
    free: list[float] = []
    waits, used = np.zeros(count), 0.0
    for number, (arrival, length) in enumerate(zip(arrivals, lengths, strict=True)):
        start = arrival
        if len(free) >= quota:
            start = max(arrival, heapq.heappop(free))
        heapq.heappush(free, start + behaviour.start_s + length)
        waits[number] = start - arrival
        used += behaviour.start_s + length
    return {
        "count": float(count),
        "machine_hours": used / 3600,
        "wait_p95_s": float(np.quantile(waits, 0.95)) if count else 0.0,
        "last_done_h": float(max(free, default=0.0) / 3600),
    }


def smallest_quota(users: int, behaviour: Behaviour, *, wait_s: float, seed: int) -> int:
    """The fewest machines with which 95 of 100 trainings wait no longer than `wait_s`."""
    low, high = 1, 1
    while trainings(users, behaviour, high, np.random.default_rng(seed))["wait_p95_s"] > wait_s:
        low, high = high + 1, high * 2
    while low < high:
        middle = (low + high) // 2
        if trainings(users, behaviour, middle, np.random.default_rng(seed))["wait_p95_s"] > wait_s:
            low = middle + 1
        else:
            high = middle
    return high


def replies(users: int, behaviour: Behaviour, chance: np.random.Generator) -> dict[str, float]:
    """A day of replies on as many L4 as they need."""
    per_minute = np.repeat(users * behaviour.replies * HOURS / 60, 60)
    came = chance.poisson(per_minute)
    # Of a minute's replies, those whose twin did not speak lately wait for its adapter. A conversation is about six.
    talking = np.convolve(came / 6, np.ones(10), "same")
    needed = came * behaviour.reply_s / 60 / (behaviour.slots * behaviour.busy_share)
    machines, awake, idle, asleep_hits = np.zeros(came.size), 0, 0.0, 0
    for minute, need in enumerate(needed):
        wanted = math.ceil(need)
        if wanted > awake:
            asleep_hits += int(came[minute]) if awake == 0 else 0
            awake, idle = wanted, 0.0
        elif wanted < awake:
            idle += 60
            if idle >= behaviour.idle_s:
                awake, idle = (awake - 1 if came[minute] else 0), 0.0
        else:
            idle = 0.0
        machines[minute] = awake
    kept = CACHED_ADAPTERS * np.maximum(machines, 1)
    missed = came * np.clip(1 - kept / np.maximum(talking, 1), 1 / 6, 1)
    return {
        "count": float(came.sum()),
        "machine_hours": float(machines.sum() / 60),
        "machines_at_most": float(machines.max()),
        "met_a_sleeping_server": float(asleep_hits),
        "waited_for_adapter": float(missed.sum() / max(1, came.sum())),
        "a_second_at_most": float(came.max() / 60),
    }


def day(users: int, behaviour: Behaviour, *, seed: int) -> dict[str, object]:
    """A day, and what a month of such days costs."""
    price = {name: each["value"] for name, each in json.loads(PRICES.read_text("utf-8"))["prices"].items()}
    quota = smallest_quota(users, behaviour, wait_s=600, seed=seed)
    training = trainings(users, behaviour, quota, np.random.default_rng(seed))
    talk = replies(users, behaviour, np.random.default_rng(seed + 1))
    queries = training["count"] * QUERIES_PER_RUN
    messages = training["count"] + users * 0.02
    other_hours = training["count"] * behaviour.other_s / 3600
    web_machines = max(1.0, talk["a_second_at_most"] * behaviour.reply_s / 80)
    month = {
        "training": training["machine_hours"] * price["l4_machine_hour"]
        + other_hours * (4 * price["cpu_hour"] + 16 * price["memory_gib_hour"])
        + training["count"] * price["pipeline_run"],
        "replies": talk["machine_hours"] * price["l4_machine_hour"],
        "web": 24 * web_machines * (price["cpu_hour"] + 2 * price["memory_gib_hour"]),
        "queries": queries * 10e6 / 2**40 * price["query_tib"],
        "messages": messages * 1e3 / 2**40 * price["message_tib"],
    }
    month = {name: value * MONTH_DAYS for name, value in month.items()}
    month["storage"] = users * behaviour.megabytes / 1024 * price["storage_gib_month"]
    month["database"] = price["database_month" if users <= 20_000 else "database_large_month"]
    return {
        "users": users,
        "gpus_for_training": quota,
        "training": training,
        "replies": talk,
        "queries_a_second_at_most": queries / DAY_S * float(HOURS.max() * 24),
        "month": month,
        "per_user_and_month": sum(month.values()) / users,
        "one_l4_each": price["l4_machine_hour"] * 24 * MONTH_DAYS,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--users", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--seed", type=int, default=1)
    for name, value in asdict(Behaviour()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    given = vars(parser.parse_args())
    seed, users = given.pop("seed"), given.pop("users")
    behaviour = Behaviour(**given)
    days = [day(count, behaviour, seed=seed) for count in users]
    for each in days:
        print(f"{each['users']:>9,} users: {each['per_user_and_month']:.3f} USD a user and month")
    print(json.dumps({"assumed": asdict(behaviour), "days": days}))


if __name__ == "__main__":
    main()
