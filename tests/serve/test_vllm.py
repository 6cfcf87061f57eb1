"""The voice on a vLLM server: the same words as here, and faults that end in a sentence."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serve import vllm_server
from tests.serve.conftest import CONVERSATION
from twin.base.models import Base
from twin.domain.ports import Sampling
from twin.errors import BusyError, ModelError, NotFoundError, SettingsError, UnavailableError
from twin.serve.llama import LlamaChat
from twin.serve.server import LlamaServer
from twin.serve.vllm import VllmChat

GREEDY = Sampling(temperature=0, max_tokens=10)
KEY = "t1/runs/{}/adapter"


def locate(adapter: str) -> str:
    if adapter == "deleted":
        raise NotFoundError("There is no run deleted.")
    return KEY.format(adapter)


@pytest.fixture(scope="module")
def llama(base: Base, adapter_files: list[Path]) -> Iterator[LlamaServer]:
    server = LlamaServer(base.path, adapter_files[:2], threads=1, context=256, slots=4, waiting=8)
    yield server
    server.close()


@pytest.fixture
def server(llama: LlamaServer, base: Base) -> Iterator[vllm_server.VllmServer]:
    names = {base.name: None, locate("0"): 0, locate("1"): 1}
    with vllm_server.serving(llama, names, letter=base.vocabulary.encode("a")[0]) as server:
        yield server


@pytest.fixture
def chat(server: vllm_server.VllmServer, base: Base) -> Iterator[VllmChat]:
    chat = VllmChat(server.url, base, locate=locate, context=256)
    yield chat
    chat.close()


def say(chat: Any, adapter: str | None, *, sampling: Sampling = GREEDY, deadline_s: float = 20) -> str:
    pieces = chat.reply(CONVERSATION, speaker="Ben", adapter=adapter, sampling=sampling, deadline_s=deadline_s)
    return "|".join(f"{piece.message}{piece.text}" for piece in pieces)


def test_words_and_likelihoods_are_those_of_llama_cpp(
    chat: VllmChat, open_chat: Callable[..., LlamaChat], published: Path, adapter_files: list[Path]
) -> None:
    for number in (0, 1):
        shutil.copy(adapter_files[number], published / f"{number}.gguf")
    here = open_chat()
    said = {adapter: say(chat, adapter) for adapter in (None, "0", "1")}
    assert said == {adapter: say(here, adapter) for adapter in (None, "0", "1")}
    assert len(set(said.values())) == 3
    for adapter in (None, "0"):
        ours = chat.score(CONVERSATION, adapter=adapter)
        assert ours == pytest.approx(here.score(CONVERSATION, adapter=adapter), abs=1e-2)


def test_adapters_are_asked_for_by_their_key(chat: VllmChat, server: vllm_server.VllmServer) -> None:
    say(chat, "1", sampling=Sampling(temperature=0.7, max_tokens=5, seed=3))
    (request,) = server.requests
    assert request["model"] == "t1/runs/1/adapter"
    assert all(isinstance(token, int) for token in request["prompt"])
    assert {name: request[name] for name in ("temperature", "max_tokens", "seed", "stream")} == {
        "temperature": 0.7,
        "max_tokens": 5,
        "seed": 3,
        "stream": True,
    }


def test_a_server_that_fetches_adapters_itself_is_told_where(
    chat: VllmChat, server: vllm_server.VllmServer, base: Base
) -> None:
    fetching = VllmChat(server.url, base, locate=locate, bucket="gs://twin-example", context=256)
    assert say(fetching, "1") == say(chat, "1")
    assert say(fetching, None) == say(chat, None)
    fetching.close()
    asked = server.requests[0]
    assert (asked["model"], asked["dynamic-lora"]) == (base.name, "gs://twin-example/t1/runs/1/adapter")


def test_a_deleted_twin_is_silent_at_once(chat: VllmChat, server: vllm_server.VllmServer) -> None:
    with pytest.raises(NotFoundError):
        say(chat, "deleted")
    assert server.requests == []


def test_closing_a_reply_stops_it(chat: VllmChat) -> None:
    pieces = chat.reply(CONVERSATION, speaker="Ben", adapter=None, sampling=Sampling(max_tokens=100, seed=1))
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert say(chat, None)


@pytest.mark.parametrize("fault", [502, 503, 504, "reset"])
def test_a_server_that_wakes_up_is_waited_for(chat: VllmChat, server: vllm_server.VllmServer, fault: int | str) -> None:
    server.plan = [fault, fault]
    assert say(chat, "0")
    assert len(server.requests) == 3


def test_a_server_that_does_not_wake_up_in_time(chat: VllmChat, server: vllm_server.VllmServer) -> None:
    server.plan = [503] * 10_000
    with pytest.raises(UnavailableError, match="waking up"):
        say(chat, "0", deadline_s=1.5)
    assert len(server.requests) < 30


def test_nobody_is_there_at_all(base: Base) -> None:
    chat = VllmChat("http://127.0.0.1:9", base, locate=locate, context=256)
    chat.load("0")
    with pytest.raises(UnavailableError, match="waking up"):
        say(chat, None, deadline_s=1)
    chat.close()


def test_a_reply_that_breaks_off_is_not_said_twice(chat: VllmChat, server: vllm_server.VllmServer) -> None:
    server.plan = ["broken"]
    pieces = chat.reply(CONVERSATION, speaker="Ben", adapter="0", sampling=Sampling(max_tokens=50, seed=5))
    with pytest.raises(UnavailableError, match="broke off"):
        list(pieces)
    assert len(server.requests) == 1


def test_a_slow_server_meets_the_deadline(chat: VllmChat, server: vllm_server.VllmServer) -> None:
    server.plan = ["slow"]
    with pytest.raises(UnavailableError):
        say(chat, "0", deadline_s=0.5)


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [(429, BusyError, "too much to do"), (403, SettingsError, "roles/run.invoker"), (400, ModelError, "status 400")],
)
def test_refusals_are_sentences_that_quote_nothing(
    chat: VllmChat, server: vllm_server.VllmServer, status: int, error: type[Exception], says: str
) -> None:
    server.plan = [status]
    with pytest.raises(error, match=says) as raised:
        say(chat, "0")
    assert "quoting" not in str(raised.value)
    assert getattr(raised.value, "retry_after", 7) == 7


def test_an_adapter_that_is_not_there_concerns_this_twin_alone(chat: VllmChat) -> None:
    with pytest.raises(ModelError, match="does not find this twin's adapter"):
        say(chat, "unknown")
    assert say(chat, "0")


def test_the_key_is_presented(server: vllm_server.VllmServer, base: Base) -> None:
    server.key = "secret"
    chat = VllmChat(server.url, base, locate=locate, token=lambda: "secret", context=256)
    assert say(chat, None)
    chat.close()
    chat = VllmChat(server.url, base, locate=locate, token=lambda: "wrong", context=256)
    with pytest.raises(SettingsError, match="refuses the key"):
        say(chat, None)
    chat.close()
