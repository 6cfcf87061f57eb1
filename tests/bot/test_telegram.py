"""The Telegram bot, against a server that speaks the Bot API."""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bot.bot_server import TOKEN, BotServer
from tests.tiny import TinyGemma
from twin.base.models import Base
from twin.bot.bot_api import BotApi
from twin.bot.telegram import TelegramBot
from twin.domain.ports import Sampling
from twin.errors import DataError, SettingsError, TwinError, UnavailableError
from twin.serve.llama import LlamaChat
from twin.serve.voice import Voice

OWNER, ANA, STRANGER = 1, 2, 3


@pytest.fixture(scope="module")
def model(tiny: TinyGemma) -> Iterator[LlamaChat]:
    with LlamaChat(Base("tiny", tiny.gguf), locate=Path, threads=1, context=512, slots=2) as model:
        yield model


@pytest.fixture
def server() -> Iterator[BotServer]:
    server = BotServer()
    yield server
    server.close()


@pytest.fixture
def start(server: BotServer, model: LlamaChat, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Starts a bot, of which there is one at a time; ends it after the test."""
    stop = threading.Event()
    threads: list[threading.Thread] = []
    api = BotApi(TOKEN, base_url=server.address, sleep=lambda _: None)

    def end() -> None:
        stop.set()
        for thread in threads:
            thread.join()
        stop.clear()

    def start_one(*, drafts: bool = False, voice: Callable[[], Voice] | None = None, owner: int | None = OWNER) -> None:
        end()
        speaking = voice or (lambda: Voice(model, "Ben", None, sampling=Sampling(temperature=0, max_tokens=12)))
        bot = TelegramBot(
            api,
            speaking,
            owner=owner,
            allowed=["@User2", ""],
            drafts=drafts,
            state=tmp_path / "bot.json",
            poll_s=0,
            away_s=0,
        )
        threads[:] = [threading.Thread(target=bot.run, args=(stop,))]
        threads[0].start()

    yield start_one
    end()
    api.__exit__(None, None, None)


def settle(server: BotServer, chat: int, count: int) -> list[str]:
    """What was sent to somebody, once it is so many messages."""
    server.wait(lambda: len(server.texts(chat)) >= count)
    return server.texts(chat)


def test_it_says_what_it_is_and_answers_whoever_may_write(server: BotServer, start: Callable[..., None]) -> None:
    start()
    server.write(ANA, "did you water", "the tomatoes")
    first, *reply = settle(server, ANA, 2)
    assert "AI twin of Ben" in first
    assert all(reply)
    assert ("sendChatAction", {"chat_id": ANA, "action": "typing"}) in server.calls
    before = len(server.texts(ANA))
    server.write(ANA, "okay, see you")
    assert not any("AI twin" in text for text in settle(server, ANA, before + 1)[1:])


def test_strangers_and_groups_are_not_answered(server: BotServer, start: Callable[..., None]) -> None:
    start()
    server.write(STRANGER, "/start", "hello?", "who are you")
    server.write(9, "i have no name", **{"from": {"id": 9}})
    server.write(ANA, "hi all", chat={"id": -5, "type": "group"})
    server.write(ANA, "hello")
    settle(server, ANA, 2)
    (told,) = server.texts(STRANGER)
    assert str(STRANGER) in told
    assert server.texts(-5) == server.texts(9) == []


def test_the_owner_switches_it_off_and_that_lasts(server: BotServer, start: Callable[..., None]) -> None:
    start()
    settle(server, OWNER, 1)
    server.write(OWNER, "/off")
    assert "off" in settle(server, OWNER, 2)[1]
    server.write(ANA, "hello?")
    server.wait(server.idle)
    start()
    server.write(ANA, "/on", "anybody there?")
    server.write(OWNER, "/status")
    assert "is off" in settle(server, OWNER, 4)[3]
    assert server.texts(ANA) == []
    server.write(OWNER, "/on")
    settle(server, OWNER, 5)
    server.write(ANA, "now?")
    assert len(settle(server, ANA, 2)) >= 2


def drafted(server: BotServer, number: int) -> dict[str, Any]:
    """The owner's message with the draft, and its buttons by name."""

    def with_buttons() -> list[dict[str, Any]]:
        return [message for message in server.sent if "reply_markup" in message]

    server.wait(lambda: len(with_buttons()) > number)
    message = with_buttons()[number]
    (row,) = message["reply_markup"]["inline_keyboard"]
    return message | {button["text"]: button["callback_data"] for button in row}


def test_drafts_are_sent_once_approved(server: BotServer, start: Callable[..., None]) -> None:
    start(drafts=True)
    server.write(ANA, "did you water the tomatoes")
    draft = drafted(server, 0)
    assert "Ana: did you water the tomatoes" in draft["text"]
    assert len(server.texts(ANA)) == 1  # that it is an AI
    server.press(STRANGER, draft["Send"])
    server.wait(server.idle)
    assert len(server.texts(ANA)) == 1
    server.press(OWNER, draft["Send"])
    assert draft["text"].endswith("Draft:\n" + "\n".join(settle(server, ANA, 2)[1:]))
    server.press(OWNER, draft["Send"])
    server.wait(lambda: ("answerCallbackQuery", {"callback_query_id": "q", "text": "It is gone."}) in server.calls)
    assert len(server.texts(ANA)) == 2


def test_a_draft_that_could_not_be_sent_can_be_sent_again(
    server: BotServer, start: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    start(drafts=True)
    server.write(ANA, "did you water the tomatoes")
    draft = drafted(server, 0)
    call, away = BotApi.call, threading.Event()

    def patched(self: BotApi, method: str, **parameters: Any) -> Any:
        if method == "sendMessage" and parameters["chat_id"] == ANA and not away.is_set():
            away.set()
            raise UnavailableError("Telegram does not answer.")
        return call(self, method, **parameters)

    monkeypatch.setattr(BotApi, "call", patched)
    server.press(OWNER, draft["Send"])
    assert away.wait(20)
    server.press(OWNER, draft["Send"])
    assert draft["text"].endswith("Draft:\n" + "\n".join(settle(server, ANA, 2)[1:]))


def test_an_outage_over_one_message_loses_no_other(
    server: BotServer, start: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    call = BotApi.call

    def patched(self: BotApi, method: str, **parameters: Any) -> Any:
        if method == "sendMessage" and parameters["chat_id"] == STRANGER:
            raise UnavailableError("Telegram does not answer.")
        return call(self, method, **parameters)

    monkeypatch.setattr(BotApi, "call", patched)
    server.write(STRANGER, "/start")
    server.write(ANA, "did you water the tomatoes")
    start()
    assert len(settle(server, ANA, 2)) >= 2


def test_drafts_can_be_dropped_drawn_again_or_replaced(server: BotServer, start: Callable[..., None]) -> None:
    start(drafts=True)
    server.write(ANA, "did you water the tomatoes")
    server.press(OWNER, drafted(server, 0)["Another"])
    again = drafted(server, 1)
    server.press(OWNER, again["Drop"])
    server.wait(lambda: "Not sent." in server.texts(OWNER))
    assert len(server.texts(ANA)) == 1
    server.write(ANA, "well?")
    shown = drafted(server, 2)
    server.write(ANA, "hello??")
    newest = drafted(server, 3)
    assert "They wrote again." in server.texts(OWNER)
    server.write(OWNER, "yes, this morning", reply_to_message={"message_id": newest["message_id"]})
    assert settle(server, ANA, 2)[1:] == ["yes, this morning"]
    assert shown["message_id"] != newest["message_id"]


def test_the_owner_talks_without_drafts(server: BotServer, start: Callable[..., None]) -> None:
    start(drafts=True)
    settle(server, OWNER, 1)
    server.write(OWNER, "how do you do")
    texts = settle(server, OWNER, 3)
    assert "AI twin" in texts[1]
    assert not any("reply_markup" in message for message in server.sent)


def test_a_failing_twin_is_told_to_its_owner_only(
    server: BotServer, start: Callable[..., None], model: LlamaChat
) -> None:
    class Failing:
        def reply(self, *_: Any, **__: Any) -> Iterator[Any]:
            raise UnavailableError("The model is still being loaded.")
            yield

    start(voice=lambda: Voice(Failing(), "Ben", None))  # pyright: ignore[reportArgumentType]
    server.write(ANA, "hello")
    assert "still being loaded" in settle(server, OWNER, 2)[1]
    assert len(server.texts(ANA)) == 1


def test_telegrams_troubles_are_waited_out(server: BotServer, start: Callable[..., None]) -> None:
    too_many = {"ok": False, "error_code": 429, "parameters": {"retry_after": 3}}
    server.trouble = [(502, b"<html>"), (429, too_many), (500, {"ok": False, "error_code": 500}), (200, [])]
    start()
    server.write(ANA, "hello")
    assert len(settle(server, ANA, 2)) >= 2
    server.blocked.add(ANA)
    server.write(ANA, "bye")
    server.write(OWNER, "/status")
    assert "is on" in settle(server, OWNER, 2)[1]


def test_a_network_that_is_away_for_long_ends_nothing(server: BotServer, start: Callable[..., None]) -> None:
    start()
    settle(server, OWNER, 1)
    server.trouble = [(500, b"no")] * 25
    server.write(ANA, "hello")
    assert len(settle(server, ANA, 2)) >= 2


def test_without_an_owner_it_only_tells_ids(server: BotServer, start: Callable[..., None]) -> None:
    start(owner=None)
    server.write(ANA, "hello")
    server.write(ANA, "/start")
    assert f"Your id is {ANA}." in settle(server, ANA, 1)[0]
    assert server.texts(OWNER) == []


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ([(401, {"ok": False, "error_code": 401})], SettingsError),
        ([(409, {"ok": False, "error_code": 409})], SettingsError),
        ([(400, {"ok": False, "error_code": 400})], DataError),
        ([(500, b"no")] * 9, UnavailableError),
    ],
)
def test_what_cannot_be_waited_out_is_a_sentence(
    server: BotServer, answers: list[tuple[int, Any]], kind: type[TwinError]
) -> None:
    server.trouble = answers
    with BotApi(TOKEN, base_url=server.address, sleep=lambda _: None) as api, pytest.raises(kind):
        api.call("getMe")


def test_an_owner_who_cannot_be_written_to_is_told_what_to_do(
    server: BotServer, model: LlamaChat, tmp_path: Path
) -> None:
    server.blocked.add(OWNER)
    with BotApi(TOKEN, base_url=server.address, sleep=lambda _: None) as api:
        bot = TelegramBot(
            api, lambda: Voice(model, "Ben", None), owner=OWNER, allowed=[], drafts=True, state=tmp_path / "s.json"
        )
        with pytest.raises(SettingsError, match="/start"):
            bot.run(threading.Event())
    (tmp_path / "s.json").write_text("[]")
    with pytest.raises(SettingsError, match="Delete it"):
        TelegramBot(
            api, lambda: Voice(model, "Ben", None), owner=OWNER, allowed=[], drafts=True, state=tmp_path / "s.json"
        )


def test_nothing_private_is_logged_or_written(
    server: BotServer, start: Callable[..., None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    start()
    server.write(ANA, "the tomatoes are secret")
    settle(server, ANA, 2)
    assert "tomatoes" not in caplog.text
    assert TOKEN not in caplog.text
    state = (tmp_path / "bot.json").read_text()
    assert set(json.loads(state)) == {"offset", "on", "greeted"}
    assert "tomatoes" not in state
