"""A twin on Telegram: for people on a list, and if its owner wants, only after they approved each reply.

No word of a conversation is written to disk: what was said lives as long as the program.
"""

import json
import logging
import os
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from twin.bot.bot_api import BotApi
from twin.domain.examples import Role, Turn
from twin.errors import DataError, SettingsError, TwinError, UnavailableError
from twin.serve.voice import Voice, messages

log = logging.getLogger(__name__)

POLL_S = 50
"""How long Telegram holds a question for news back."""
_AWAY_S = 30.0
"""The pause before Telegram is asked again that did not answer several times."""
_TURNS = 40
_LONGEST = 4096
"""Characters that Telegram takes in one message."""
_HELP = "/off: the twin falls silent. /on: it speaks again. /status: how it stands."


@dataclass(slots=True)
class State:
    """What outlives the program. `greeted` holds whom the bot told that it is an AI."""

    offset: int = 0
    on: bool = True
    greeted: list[int] = field(default_factory=list[int])


@dataclass(slots=True)
class Draft:
    """A reply that waits for its owner. `shown` is the message with its buttons."""

    chat: int
    said: list[str]
    shown: int


class TelegramBot:
    """Answers people's private messages in a twin's voice."""

    def __init__(
        self,
        api: BotApi,
        voice: Callable[[], Voice],
        *,
        owner: int | None,
        allowed: Iterable[str],
        drafts: bool,
        state: Path,
        poll_s: float = POLL_S,
        away_s: float = _AWAY_S,
    ) -> None:
        """
        Args:
            voice: the twin as it stands, asked for every reply.
            owner: the Telegram id of the twin's owner, who commands the bot. None: nobody is answered, but whoever sends
                /start is told their id.
            allowed: names (`@ana`) or ids of the people whom the twin answers.
            drafts: whether a reply is sent only after its owner approved it.
            state: the file of what outlives the program.
        """
        self._api = api
        self._voice = voice
        self._owner = owner
        names = {who.strip().removeprefix("@").casefold() for who in allowed} - {""}
        self._allowed: set[str] = set() if owner is None else names | {str(owner)}
        self._drafting = drafts
        self._file = state
        self._poll_s = poll_s
        self._away_s = away_s
        self._state = _read(state)
        self._turns: defaultdict[int, list[Turn]] = defaultdict(list)
        self._drafts: dict[str, Draft] = {}

    def run(self, stop: Event) -> None:
        """Answer until `stop` is set. Raises SettingsError where the token or the owner's id is wrong."""
        name = self._api.call("getMe")["username"]
        try:
            if self._owner is not None:
                self._tell_owner(f"@{name} is running. {self._status()} {_HELP}")
        except DataError:
            raise SettingsError(
                f"The bot may not write to its owner ({self._owner}). Check the id, and send /start to @{name} first."
            ) from None
        while not stop.is_set():
            try:
                self._look()
            except UnavailableError as error:  # a machine that was asleep, a network that is away
                log.warning("%s", error)
                stop.wait(self._away_s)

    def _look(self) -> None:
        """Wait for news, and answer them."""
        updates = self._api.call(
            "getUpdates",
            wait_s=self._poll_s,
            offset=self._state.offset,
            timeout=int(self._poll_s),
            allowed_updates=["message", "callback_query"],
        )
        if updates:
            # Noted first: a message that brings the program down is not met again when it starts anew.
            self._state.offset = updates[-1]["update_id"] + 1
            self._save()
            self._handle(updates)

    def _handle(self, updates: list[dict[str, Any]]) -> None:
        # What somebody wrote in a row is answered at once.
        news: dict[int, list[str]] = {}
        names: dict[int, str] = {}
        for update in updates:
            try:
                if message := self._to_answer(update):
                    chat = message["chat"]["id"]
                    names[chat] = message["from"].get("first_name") or "Friend"
                    news.setdefault(chat, []).append(_text(message))
            except (UnavailableError, DataError) as error:  # the others are not lost; a button can be pressed again
                log.warning("Something was not done: %s", error)
        for chat, texts in news.items():
            try:
                self._answer(chat, names[chat], texts)
            except (UnavailableError, DataError) as error:  # what they wrote stands there, for their next message
                log.warning("Somebody was not answered: %s", error)

    def _to_answer(self, update: dict[str, Any]) -> dict[str, Any] | None:
        """The message that the twin is to answer; None where there is none, or it is dealt with."""
        if "callback_query" in update:
            self._pressed(update["callback_query"])
            return None
        message = update.get("message", {})
        text = _text(message)
        if message.get("chat", {}).get("type") != "private" or not text:
            return None
        person = message["from"]
        if not self._allowed & {str(person["id"]), person.get("username", "").casefold()}:
            if text == "/start":
                own = f"Your id is {person['id']}."
                self._send(message["chat"]["id"], f"I only talk with people whom I was told about. {own}")
            return None
        if person["id"] == self._owner and self._commanded(message, text):
            return None
        return message if self._state.on else None

    def _commanded(self, message: dict[str, Any], text: str) -> bool:
        """Whether the owner's message was meant for the bot rather than for the twin."""
        answered = message.get("reply_to_message", {}).get("message_id")
        draft = next((key for key, draft in self._drafts.items() if draft.shown == answered), None)
        if draft:
            self._close(draft, "Sent your own words.", said=[text])
        elif text in {"/on", "/off"}:
            self._state.on = text == "/on"
            self._save()
            self._tell_owner(self._status())
        elif text in {"/status", "/help", "/start"}:
            self._tell_owner(f"{self._status()} {_HELP}")
        else:
            return False
        return True

    def _pressed(self, query: dict[str, Any]) -> None:
        if query["from"]["id"] != self._owner:
            return
        action, _, key = query.get("data", "").partition(" ")
        draft = self._drafts.get(key)
        self._try("answerCallbackQuery", callback_query_id=query["id"], **({} if draft else {"text": "It is gone."}))
        if draft is None:
            return
        if action == "send":
            self._close(key, "Sent.", said=draft.said)
        elif action == "again":
            self._close(key, "Drawn again.")
            self._draw(draft.chat)
        else:
            self._close(key, "Not sent.")

    def _answer(self, chat: int, name: str, texts: list[str]) -> None:
        if chat not in self._state.greeted:
            if not self._send(chat, f"I am an AI twin of {self._voice().speaker}: a program that writes like them."):
                return
            self._state.greeted.append(chat)
            self._save()
        texts = [text for text in texts if text != "/start"]
        if texts:
            turns = self._turns[chat]
            turns.append(Turn(Role.OTHER, name, tuple(texts)))
            del turns[:-_TURNS]
            self._draw(chat)

    def _draw(self, chat: int) -> None:
        """Draw a reply, and send it or show it to the owner."""
        self._try("sendChatAction", chat_id=chat, action="typing")
        try:
            said = list(messages(self._voice().reply(self._turns[chat]).pieces))
        except TwinError as error:
            self._tell_owner(f"The twin could not answer somebody: {error}")
            return
        if not said:
            return
        if not self._drafting or chat == self._owner:
            self._deliver(chat, said)
            return
        for key in [key for key, draft in self._drafts.items() if draft.chat == chat]:
            self._close(key, "They wrote again.")
        asked = self._turns[chat][-1]
        key = secrets.token_hex(8)
        buttons = [{"text": text, "callback_data": f"{action} {key}"} for action, text in _BUTTONS]
        shown = self._tell_owner(
            f"{asked.name}: {' / '.join(asked.messages)}\n\nDraft:\n" + "\n".join(said),
            reply_markup={"inline_keyboard": [buttons]},
        )
        self._drafts[key] = Draft(chat, said, shown)

    def _close(self, key: str, outcome: str, *, said: list[str] | None = None) -> None:
        draft = self._drafts[key]
        if said and not self._deliver(draft.chat, said):
            outcome = "It could not be sent: they blocked the bot."
        del self._drafts[key]  # not before: where Telegram is away, its owner presses again
        self._try("editMessageReplyMarkup", chat_id=self._owner, message_id=draft.shown)
        self._try("sendMessage", chat_id=self._owner, text=outcome, reply_parameters={"message_id": draft.shown})

    def _deliver(self, chat: int, said: list[str]) -> bool:
        sent = all(self._send(chat, text) for text in said)
        self._turns[chat].append(Turn(Role.OWNER, self._voice().speaker, tuple(said)))
        return sent

    def _send(self, chat: int, text: str) -> bool:
        """Whether it went through; people may have blocked the bot."""
        parts = [text[start : start + _LONGEST] for start in range(0, len(text), _LONGEST)]
        return all(self._try("sendMessage", chat_id=chat, text=part) for part in parts)

    def _try(self, method: str, **parameters: Any) -> bool:
        try:
            self._api.call(method, **parameters)
        except DataError as error:
            log.info("%s", error)
            return False
        return True

    def _tell_owner(self, text: str, **parameters: Any) -> int:
        return self._api.call("sendMessage", chat_id=self._owner, text=text[:_LONGEST], **parameters)["message_id"]

    def _status(self) -> str:
        mode = "you approve each reply" if self._drafting else "it answers by itself"
        return f"The twin is {'on' if self._state.on else 'off'}; {mode}; {len(self._allowed)} people may write to it."

    def _save(self) -> None:
        partial = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        partial.write_text(json.dumps(asdict(self._state)), encoding="utf-8")
        partial.replace(self._file)


def _text(message: dict[str, Any]) -> str:
    return message.get("text") or message.get("caption") or ""


_BUTTONS = (("send", "Send"), ("again", "Another"), ("drop", "Drop"))


def _read(path: Path) -> State:
    try:
        return State(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return State()
    except (ValueError, TypeError):
        raise SettingsError(f"{path}: is not the state of a Telegram bot. Delete it to begin anew.") from None
