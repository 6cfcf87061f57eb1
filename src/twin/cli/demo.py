"""`twin demo`: from the sample chat to a twin that answers."""

from typing import TYPE_CHECKING

import click

from twin.cli.chat import Talk
from twin.cli.create import make
from twin.cli.invocation import Invocation
from twin.cli.run import train
from twin.cli.sentences import say, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twin.domain.examples import Turn
    from twin.domain.twins import Twin

NAME = "demo"
BUDGET_S = 240
SHOWN = 4


@click.command()
@click.pass_obj
def demo(invocation: Invocation) -> None:
    """Train a twin from a sample chat and talk with it. Takes about 5 minutes.

    Shows what training changed: what the model answered before and after it, and what the person really wrote.
    """
    from twin import sample
    from twin.domain.ports import Sampling
    from twin.domain.twins import LOCAL_USER
    from twin.pipeline.creation import is_draft

    records = invocation.platform.records
    twin = next((one for one in records.twins(LOCAL_USER) if one.name == NAME and not is_draft(one)), None)
    if twin is None:
        twin = make(invocation, NAME, (sample.path(),), (sample.OWNER,))
    if twin.run_id is None:
        train(invocation, twin, {"budget_s": str(BUDGET_S)})
        twin = records.twin(twin.id)
    else:
        say(f"The demo twin is there already; `twin delete {NAME}` makes room for another.")
    _before_and_after(invocation, twin)
    if invocation.interactive:
        with invocation.err.status("waking up"):
            talk = Talk(invocation, twin, sampling=Sampling())
        talk.go_on()
    else:
        click.echo(f"Talk with it: twin chat {NAME}")


def _before_and_after(invocation: Invocation, twin: "Twin") -> None:
    """What the base, the twin and the person answer to the same held-out messages."""
    from rich.table import Table

    from twin.domain.ports import Sampling
    from twin.pipeline.samples import moments

    platform, speaker = invocation.platform, twin.speakers[0]
    run = platform.records.run(twin.run_id or "")
    table = Table(title=f"Answers to messages that the twin of {speaker} has never seen", show_lines=True)
    for title in ("they wrote", "before training", "the twin", f"{speaker.split()[0]} really"):
        table.add_column(title, ratio=1)
    model = platform.chat(twin.base)
    with invocation.err.status("drawing sample replies"):
        for number, (before, real) in enumerate(moments(run, objects=platform.objects, most=SHOWN)):
            sampling = Sampling(seed=number)

            def reply(adapter: str | None, turns: "Sequence[Turn]" = before, how: Sampling = sampling) -> str:
                messages: dict[int, str] = {}
                for message, text in model.reply(turns, speaker=speaker, adapter=adapter, sampling=how):
                    messages[message] = messages.get(message, "") + text
                return "\n".join(messages.values())

            cells = ("\n".join(before[-1].messages), reply(None), reply(twin.run_id), "\n".join(real))
            table.add_row(*(visible(cell) for cell in cells))
    invocation.out.print(table)
