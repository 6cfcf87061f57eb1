"""`twin stage`: one stage of a run, here. Every runner calls this."""

import os
import signal
import sys
import threading
import traceback
from types import FrameType

import click

from twin.cli.invocation import Invocation

STAGES = ("ingest", "prepare", "train", "convert", "evaluate", "publish")


@click.command()
@click.argument("stage", type=click.Choice(STAGES))
@click.argument("run_id", metavar="RUN")
@click.option("--until-eof", is_flag=True, help="Stop when standard input ends: whoever started this is gone then.")
@click.pass_obj
def stage(invocation: Invocation, stage: str, run_id: str, until_eof: bool) -> None:
    """Do one STAGE of the run RUN on this machine. Runners call this; `twin run` does all stages."""
    from twin.domain.runs import Stage
    from twin.errors import TwinError
    from twin.pipeline.execute import execute

    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        stopping.set()
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, stop)
    if until_eof:
        threading.Thread(target=_stop_at_end_of_input, daemon=True).start()
        if hasattr(os, "nice"):
            os.nice(5)  # training must not make the machine that somebody works on sluggish
    platform = invocation.platform
    try:
        execute(
            Stage(stage),
            run_id,
            objects=platform.objects,
            records=platform.records,
            folder=platform.scratch,
            bases=platform.bases,
            chat=platform.chat,
            gemini=platform.gemini,
            stopped=stopping.is_set,
        )
    except (TwinError, click.ClickException):
        raise
    except Exception as error:
        if stopping.is_set():
            sys.exit(128 + signal.SIGTERM)
        if invocation.debug:
            raise
        # What a library says in its errors may quote a chat; where it happened never does.
        where = "".join(traceback.format_tb(error.__traceback__))
        click.echo(f"{where}{type(error).__name__} in {stage} (see its text with --debug)", err=True)
        sys.exit(1)


def _stop_at_end_of_input() -> None:
    # Not through `sys.stdin`, whose lock this thread would still hold when the interpreter ends.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    # A long computation in a library is not interrupted by a signal.
    threading.Event().wait(5)
    os._exit(128 + signal.SIGTERM)
