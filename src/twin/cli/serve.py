"""`twin serve` and `twin bot`: the ways in that stay open."""

import threading

import click

from twin.cli.completion import names
from twin.cli.invocation import Invocation


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="The port to listen on.")
@click.option("--worker/--no-worker", default=True, show_default=True, help="Whether this process trains as well.")
@click.pass_obj
def serve(invocation: Invocation, *, host: str, port: int, worker: bool) -> None:
    """Serve the web app and its API, and train what waits."""
    from twin.web.server import serve as serve_app

    serve_app(
        invocation.platform,
        host=host,
        port=port,
        worker=worker,
        ready=lambda address: click.echo(f"twin is at {address}. Ctrl-C ends it."),
    )


@click.group()
def bot() -> None:
    """Let people talk with a twin elsewhere."""


@bot.command()
@click.argument("name", shell_complete=names)
@click.option("--owner", type=int, help="Your Telegram id. Without it, the bot only tells whoever sends /start theirs.")
@click.option("--allow", multiple=True, help="Whom the twin answers: @name or id. Give it once for each person.")
@click.option("--drafts/--direct", default=True, show_default=True, help="Whether you approve each reply first.")
@click.pass_obj
def telegram(invocation: Invocation, *, name: str, owner: int | None, allow: tuple[str, ...], drafts: bool) -> None:
    """Let the twin NAME answer on Telegram. TWIN_TELEGRAM_TOKEN is the token that BotFather gave."""
    from twin.bot.bot_api import BotApi
    from twin.bot.telegram import TelegramBot
    from twin.errors import SettingsError

    platform, twin = invocation.platform, invocation.twin(name)
    token = platform.settings.telegram_token
    if not token:
        raise SettingsError("TWIN_TELEGRAM_TOKEN is not set. Make a bot with @BotFather and set its token.")
    state = platform.scratch / twin.id / "telegram.json"
    state.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with BotApi(token) as api:
        talker = TelegramBot(
            api,
            lambda: platform.voice(platform.records.twin(twin.id)),
            owner=owner,
            allowed=allow,
            drafts=drafts,
            state=state,
        )
        does = (
            "is on Telegram" if owner else "answers nobody yet: send /start to your bot and start it again with --owner"
        )
        click.echo(f"{name} {does}. Ctrl-C ends it.", err=True)
        talker.run(threading.Event())
