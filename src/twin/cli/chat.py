"""`twin chat`: talk with a twin."""

import json
from collections.abc import Iterator
from dataclasses import replace
from shlex import quote
from typing import TYPE_CHECKING

import click

from twin.cli.completion import names
from twin.cli.invocation import Invocation
from twin.cli.sentences import complain, say, visible
from twin.errors import DataError, TwinError

if TYPE_CHECKING:
    from twin.domain.examples import Turn
    from twin.domain.ports import Piece, Sampling
    from twin.domain.twins import Twin

HELP = """\
/again   another reply to what you said last
/reset   begin a new conversation
/quit    leave (or Ctrl-D)"""

UNTRAINED = "It is not trained yet: the base model goes on from messages of the chats."


@click.command()
@click.argument("name", shell_complete=names)
@click.option("--once", metavar="TEXT", help="Print the reply to TEXT and leave; one message a line.")
@click.option("--json", "as_json", is_flag=True, help="With --once: print the reply as JSON.")
@click.option("--as", "partner", metavar="NAME", help="The name under which you talk with it.")
@click.option("--temperature", type=click.FloatRange(0, 2), help="0 is always the likeliest word, 1 is lively.")
@click.option("--seed", type=int, help="Draw the same replies again.")
@click.pass_obj
def chat(
    invocation: Invocation,
    *,
    name: str,
    once: str | None,
    as_json: bool,
    partner: str | None,
    temperature: float | None,
    seed: int | None,
) -> None:
    """Talk with the twin NAME."""
    from twin.domain.ports import Sampling

    if as_json and once is None:
        raise click.UsageError("--json prints one reply: give --once TEXT too.")
    sampling = Sampling(seed=seed)
    if temperature is not None:
        sampling = replace(sampling, temperature=temperature)
    with invocation.err.status("waking up"):
        talk = Talk(invocation, invocation.twin(name), sampling=sampling, partner=partner)
    if once is None:
        talk.go_on()
        return
    if talk.untrained:
        say(UNTRAINED, err=True)
    messages = list(talk.answer(once))
    click.echo(json.dumps({"messages": messages}, ensure_ascii=False) if as_json else visible("\n".join(messages)))


class Talk:
    """One conversation with a twin. Raises DataError where the twin cannot answer yet."""

    def __init__(
        self, invocation: Invocation, twin: "Twin", *, sampling: "Sampling", partner: str | None = None
    ) -> None:
        self._twin = twin
        self._interactive = invocation.interactive
        self._voice = replace(invocation.platform.voice(twin), sampling=sampling)
        if self._voice.untrained and self._voice.past is None:
            raise DataError(
                f"{twin.name!r} cannot answer yet: no run has read its chats. Run `twin run {quote(twin.name)}`."
            )
        self._partner = partner or self._voice.partner
        self._turns: list[Turn] = []

    @property
    def untrained(self) -> bool:
        """Whether the base model answers."""
        return self._voice.untrained

    def go_on(self) -> None:
        """Read what is typed, and print replies as they come, until there is no more."""
        from twin.domain.examples import Role

        say(f"This is an AI that writes like {visible(self._twin.speakers[0])}. /help lists the commands.")
        if self.untrained:
            say(UNTRAINED)
        while True:
            try:
                text = click.prompt("you", prompt_suffix="> ", default="", show_default=False).strip()
            except (click.Abort, EOFError):  # Ctrl-D, Ctrl-C, or no more input
                click.echo()
                return
            if text == "/quit":
                return
            if text == "/reset":
                self._turns.clear()
                click.echo("A new conversation.")
            elif text == "/again" and self._turns:
                if self._turns[-1].role is Role.OWNER:  # otherwise there was no reply, or an empty one
                    del self._turns[-1]
                self._show_reply()
            elif text.startswith("/"):
                click.echo(HELP)
            elif text:
                self._say(text)
                self._show_reply()

    def _show_reply(self) -> None:
        """Print a reply, or why there is none: the conversation stays, for `/again` or another message."""
        try:
            self._print(self._reply())
        except TwinError as error:
            if not self._interactive:
                raise
            complain(error)

    def answer(self, text: str) -> Iterator[str]:
        """The messages of the reply to `text`; none where the twin says nothing."""
        from twin.serve.voice import messages

        self._say(text)
        yield from messages(self._reply())

    def _say(self, text: str) -> None:
        from twin.domain.examples import Role, Turn

        if self._turns and self._turns[-1].role is Role.OTHER:  # the reply before was empty
            last = self._turns.pop()
            self._turns.append(replace(last, messages=(*last.messages, text)))
        else:
            self._turns.append(Turn(Role.OTHER, self._partner, (text,)))

    def _reply(self) -> "Iterator[Piece]":
        """The pieces of the reply, which becomes part of the conversation once it is complete."""
        from twin.domain.examples import Role, Turn

        messages: list[str] = []
        speaker = self._twin.speakers[0]
        for piece in self._voice.reply(self._turns).pieces:
            messages.extend([""] * (piece.message + 1 - len(messages)))
            messages[piece.message] += piece.text
            yield piece
        if said := tuple(message for message in messages if message):
            self._turns.append(Turn(Role.OWNER, speaker, said))

    def _print(self, pieces: "Iterator[Piece]") -> None:
        name, last = visible(self._twin.speakers[0].split()[0]), -1
        try:
            for message, text in pieces:
                if message != last:
                    click.echo(("\n" if last >= 0 else "") + click.style(f"{name}: ", bold=True), nl=False)
                    last = message
                click.echo(visible(text).replace("\n", "\n  "), nl=False)
        finally:
            click.echo()
        if last < 0:
            click.echo(f"({name} says nothing.)")
