"""`twin completion`: the shell finishes commands, options and the names of twins."""

import click
from click.shell_completion import CompletionItem, get_completion_class

from twin.cli.invocation import Invocation
from twin.errors import TwinError

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes a shell complete `twin`.

    \b
    bash: echo 'eval "$(twin completion bash)"' >> ~/.bashrc
    zsh:  echo 'eval "$(twin completion zsh)"' >> ~/.zshrc
    fish: twin completion fish > ~/.config/fish/completions/twin.fish
    """
    made = get_completion_class(shell)
    if made is None:
        raise RuntimeError(f"click knows no {shell}")
    click.echo(made(ctx.find_root().command, {}, "twin", "_TWIN_COMPLETE").source())


def names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The twins whose names begin with what was typed. Never fails: there is nobody to tell."""
    del param
    from twin.domain.twins import LOCAL_USER

    invocation = ctx.find_object(Invocation) or Invocation()
    try:
        twins = invocation.platform.records.twins(LOCAL_USER)
    except TwinError:
        return []
    return [CompletionItem(twin.name) for twin in twins if twin.name.startswith(incomplete)]
