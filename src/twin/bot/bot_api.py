"""Telegram's Bot API over HTTPS: one method for its methods, waiting where Telegram says so."""

import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import httpx

from twin.errors import DataError, SettingsError, UnavailableError

log = logging.getLogger(__name__)

TELEGRAM = "https://api.telegram.org"
_TRIES = 5

# httpx notes every address it asks, and the token is part of them.
logging.getLogger("httpx").setLevel(logging.WARNING)


class BotApi:
    """A bot's line to Telegram, or to whoever speaks its Bot API."""

    def __init__(self, token: str, *, base_url: str = TELEGRAM, sleep: Callable[[float], None] = time.sleep) -> None:
        """
        Args:
            token: what Telegram's BotFather gave.
            sleep: waits some seconds.
        """
        self._client = httpx.Client(base_url=f"{base_url.rstrip('/')}/bot{token}/")
        self._sleep = sleep

    def __enter__(self) -> "BotApi":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def call(self, method: str, *, wait_s: float = 0, **parameters: Any) -> Any:
        """Call a method of the Bot API; what came of it.

        Args:
            wait_s: how long Telegram may hold the request back, as in long polling.

        Raises:
            SettingsError: the token is wrong, or somebody else fetches this bot's messages.
            DataError: Telegram refuses this call, say because the person blocked the bot.
            UnavailableError: no answer after several tries.
        """
        for tried in range(_TRIES):
            if tried:
                self._sleep(min(30, 2**tried))
            try:
                response = self._client.post(method, json=parameters, timeout=10 + wait_s)
                answer = response.json()
            except (httpx.TransportError, ValueError) as error:
                log.warning("Telegram does not answer: %s", type(error).__name__)
                continue
            if not isinstance(answer, dict):
                continue
            if answer.get("ok"):
                return answer["result"]
            code = answer.get("error_code", response.status_code)
            if code in {401, 404}:
                raise SettingsError("Telegram does not know the bot's token. Copy it anew from BotFather.")
            if code == 409:
                raise SettingsError("Another program fetches this bot's messages. Stop it, or make another bot.")
            if code == 429:
                self._sleep(float(answer.get("parameters", {}).get("retry_after", 1)))
            elif code < 500:
                raise DataError(f"Telegram refuses {method} ({code}).")
        raise UnavailableError("Telegram does not answer. See that this machine is online.")
