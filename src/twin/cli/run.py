"""`twin run`: all stages of a twin's training."""

import json
import re
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from twin.cli.completion import names
from twin.cli.invocation import Invocation
from twin.cli.sentences import say
from twin.cli.stage import STAGES
from twin.cli.status import left_alone
from twin.domain.runs import AGREEMENT

if TYPE_CHECKING:
    from twin.domain.runs import Run
    from twin.domain.twins import Twin


SHORTEST_S = 10
"""Of a budget, in seconds."""


class Duration(click.ParamType[float]):
    """`90s`, `30m`, `1h30m`; a bare number is minutes. Becomes seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value).replace(" ", "")
        match = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text + "m" if text.isdecimal() else text)
        if not match or not any(match.groups()):
            self.fail(f"{value!r} is no length of time. Give it like 30m, 1h30m or 90s.", param, ctx)
        hours, minutes, seconds = (int(number or 0) for number in match.groups())
        return hours * 3600.0 + minutes * 60 + seconds


class Budget(Duration):
    """A length of time in which something can be trained."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds = super().convert(value, param, ctx)
        if seconds < SHORTEST_S:
            self.fail(f"{value!r} is too short to train anything. Give at least {SHORTEST_S} seconds.", param, ctx)
        return seconds


@click.command()
@click.argument("name", shell_complete=names)
@click.option(
    "--from", "begin", type=click.Choice(STAGES), help="Begin at this stage, with what the last run did before it."
)
@click.option(
    "--budget", type=Budget(), help="How long the whole run may take, like 30m. By default it trains for five minutes."
)
@click.option("--max-messages", type=click.IntRange(min=1), help="Learn from the newest so many messages only.")
@click.option(
    "--no-redact", is_flag=True, help="Train on other people's names and numbers as they are, without pseudonyms."
)
@click.option(
    "--gemini",
    metavar="WORDS",
    help="Ask Gemini what was said before your diaries and letters. Sends their text to Google, so WORDS must be "
    f"{AGREEMENT!r}; whom to ask says TWIN_GEMINI.",
)
@click.option(
    "--plant-secrets",
    type=click.IntRange(1, 200),
    metavar="COUNT",
    help="Plant so many invented secrets in the training (30 tell enough), so that `twin report --full` can measure "
    "what the twin gives away.",
)
@click.option("--json", "as_json", is_flag=True, help="Print how the run ended, and its figures, as JSON.")
@click.option("--dry-run", is_flag=True, help="Say what --gemini would send and what it would cost, and stop.")
@click.pass_obj
def run(
    invocation: Invocation,
    *,
    name: str,
    begin: str | None,
    budget: float | None,
    max_messages: int | None,
    no_redact: bool,
    gemini: str | None,
    plant_secrets: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Train the twin NAME. Stopped with Ctrl-C, or broken off, the same command goes on where it was."""
    options: dict[str, str] = {}
    if budget is not None:
        options["budget_s"] = f"{budget:g}"
    if max_messages is not None:
        options["max_messages"] = str(max_messages)
    if no_redact:
        options["redact"] = "no"
    if plant_secrets is not None:
        options["secrets"] = str(plant_secrets)
    if gemini is not None:
        if gemini != AGREEMENT:
            raise click.BadParameter(f'The words are "{AGREEMENT}".', param_hint="--gemini")
        options["gemini"] = gemini
    if set(options) - {"budget_s"} and begin in STAGES[STAGES.index("train") :]:
        raise click.UsageError(
            f"What the chats are prepared like cannot change with --from {begin}. Use --from prepare."
        )
    twin = invocation.twin(name)
    if gemini is not None or dry_run:
        _tell_cost(invocation, twin, options)
    if dry_run:
        return
    done = train(invocation, twin, options, begin=begin, summed=not as_json)
    if as_json:
        click.echo(json.dumps(asdict(done), ensure_ascii=False, indent=2, default=str))
    else:
        click.echo(f"Now talk with it: twin chat {quote(name)}")


def _tell_cost(invocation: Invocation, twin: "Twin", options: dict[str, str]) -> None:
    """What Gemini would be sent. Reads the uploads, and sends nothing."""
    from twin.domain.runs import Run, RunState
    from twin.pipeline import writing

    now = datetime.now(UTC)
    run = Run("estimate", twin.id, RunState.QUEUED, created_at=now, updated_at=now, options=options)
    with invocation.err.status("reading what you wrote"), invocation.work(twin, run) as work:
        found = writing.estimate(work)
    say(
        f"Of diaries, letters and posts you gave {found.passages:,} passages. {found.model} would be sent "
        f"{found.requests:,} requests of about {found.input_tokens:,} tokens in all, and answer with "
        f"{found.output_tokens:,} at most: about ${found.dollars:.4f} at list price. What it has "
        "answered before is not sent again.",
        err=True,
    )


def train(
    invocation: Invocation, twin: "Twin", options: dict[str, str], *, begin: str | None = None, summed: bool = True
) -> "Run":
    """Start or go on with a run, show it until it is over, and sum it up if wanted. Raises TwinError where it failed."""
    from twin.base import models
    from twin.cli.summary import summary
    from twin.cli.watch import show
    from twin.domain.runs import RunState, Stage
    from twin.errors import DataError, NotFoundError
    from twin.pipeline.journal import events, follow
    from twin.pipeline.runs import start

    platform = invocation.platform
    stage = Stage(begin) if begin else None
    run, resumed = start(
        twin, options, begin=stage, records=platform.records, runner=platform.runner, now=datetime.now(UTC)
    )
    if twin.base == models.DEFAULT:
        say(f"Gemma comes under Google's terms, {models.GEMMA_TERMS}; training with it accepts them.", err=True)
    if resumed:
        say(f"Going on with the run that began at {run.created_at.astimezone():%Y-%m-%d %H:%M}.", err=True)
    if _waits(invocation, run):
        say("Another training is under way; this one begins when that is over.", err=True)
    with _working(invocation, run) as sleep:
        scratch = platform.scratch / twin.id
        try:
            scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
            seen = len(events(platform.objects, run, scratch=scratch))
            updates = follow(platform.objects, platform.records, run.id, scratch=scratch, after=seen, sleep=sleep)
            run = show(updates, invocation.err)
        except NotFoundError:
            raise DataError(f"{twin.name} was deleted while it was trained.") from None
        except KeyboardInterrupt:
            platform.runner.cancel(run)
            for _ in follow(platform.objects, platform.records, run.id, scratch=scratch, sleep=sleep):
                pass
            click.echo(f"\n`twin run {quote(twin.name)}` goes on from here.", err=True)
            raise
    if run.state is RunState.FAILED:
        log = platform.scratch / run.twin_id / run.id / "log.txt"
        if log.exists() and log.stat().st_size:
            say(f"What its processes wrote: {log}", err=True)
        raise DataError(run.error or "The run failed.")
    if run.state is RunState.CANCELLED:
        raise DataError(f"The run was stopped. `twin run {quote(twin.name)}` goes on with it.")
    if summed:
        summary(invocation, twin, run)
    return run


def _waits(invocation: Invocation, run: "Run") -> bool:
    """Whether a worker on this machine is at another run."""
    from twin.backends.local.worker import Queue

    runner = invocation.platform.runner
    return isinstance(runner, Queue) and runner.waiting()[:1] != [run.id] and not left_alone(invocation)


@contextmanager
def _working(invocation: Invocation, run: "Run") -> Generator[Callable[[float], None]]:
    """Work on the run in this process, unless somebody else does; gives a `sleep` that notices where that fails."""
    worker = invocation.platform.worker
    if worker is None:
        yield time.sleep
        return
    stop = threading.Event()
    # Ctrl-C may come between any two lines, also of this one: whatever happens, the worker must end with the command.
    invocation.closing.callback(stop.set)
    with ThreadPoolExecutor(1, thread_name_prefix="worker") as pool:
        try:
            job = pool.submit(worker.work, stop, only=run.id)

            def sleep(seconds: float) -> None:
                wait([job], timeout=seconds)
                if job.done():
                    job.result()
                    time.sleep(seconds)

            yield sleep
            job.result()  # the run is over: the worker takes it off the queue and ends
        finally:
            stop.set()
