"""The API, asked by OpenAI's own client over the loopback."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import waitress
from flask import Flask
from tests.tiny import TinyGemma, tiny_adapters
from waitress import wasyncore

from twin.backends.local.database import Database
from twin.base.models import Base
from twin.domain.examples import Role, Turn
from twin.domain.ports import Sampling
from twin.domain.twins import Twin
from twin.errors import NotFoundError
from twin.serve.llama import LlamaChat
from twin.serve.voice import Voice, messages
from twin.web.api import BODY, Api, blueprint
from twin.web.asked import chat_request
from twin.web.keys import PREFIX, Keys

NOW = datetime(2024, 5, 1, tzinfo=UTC)
BEN = Twin("t-ben", "u1", "ben", ("Ben",), "tiny", NOW, run_id="0")
EVE = Twin("t-eve", "u2", "eve", ("Eve",), "tiny", NOW, run_id="1")
HELLO: Any = [{"role": "user", "content": "see you tonight at the bus"}]


class World:
    """A server with two twins, and what tests change about it."""

    def __init__(self, tiny: TinyGemma, folder: Path) -> None:
        self.database = Database(f"sqlite:///{folder / 'web.db'}")
        self.keys = Keys(self.database)
        self.clients = ExitStack()
        self.files = tiny_adapters(folder, 2)
        self.twins = {twin.id: twin for twin in (BEN, EVE)}
        base = Base("tiny", tiny.gguf)
        self.model = LlamaChat(base, locate=self._file, threads=1, context=1024, slots=2, waiting=1)
        self.sampling = Sampling(temperature=0, max_tokens=12)
        self.count = lambda text: len(base.vocabulary.encode(text))
        app = Flask("test")
        app.register_blueprint(blueprint(Api(self.keys, self._twin, self._voice, self.count)))
        self.server = waitress.create_server(app, host="127.0.0.1", port=0, threads=8)
        self.address = f"http://127.0.0.1:{self.server.effective_port}/v1"  # pyright: ignore[reportAttributeAccessIssue]
        self._stop = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def client(self, twin: Twin = BEN, *, per_minute: int = 1000) -> openai.OpenAI:
        _, secret = self.keys.make(twin.id, label="test", now=NOW, per_minute=per_minute)
        return self.clients.enter_context(openai.OpenAI(base_url=self.address, api_key=secret, max_retries=0))

    def close(self) -> None:
        self._stop = True
        self._thread.join()
        self.server.task_dispatcher.shutdown()
        wasyncore.close_all(self.server._map, ignore_all=True)  # connections that clients keep
        self.model.close()
        self.database.close()

    def _run(self) -> None:
        while not self._stop:
            wasyncore.loop(timeout=0.05, map=self.server._map, count=1)

    def _file(self, adapter: str) -> Path:
        return self.files[int(adapter)]

    def _twin(self, twin_id: str) -> Twin:
        if twin_id not in self.twins:
            raise NotFoundError("There is no such twin.")
        return self.twins[twin_id]

    def _voice(self, twin: Twin) -> Voice:
        return Voice(self.model, twin.speakers[0], twin.run_id, sampling=self.sampling)


@pytest.fixture(scope="module")
def whole(tiny: TinyGemma, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tiny, tmp_path_factory.mktemp("api"))
    yield world
    world.close()


@pytest.fixture
def world(whole: World) -> Iterator[World]:
    whole.twins = {twin.id: twin for twin in (BEN, EVE)}
    whole.sampling = Sampling(temperature=0, max_tokens=12)
    with whole.clients:
        yield whole


def ask(client: openai.OpenAI, **options: Any) -> Any:
    return client.chat.completions.create(**{"model": "ben", "messages": HELLO} | options)


def test_a_key_lists_its_own_twin(world: World) -> None:
    (model,) = world.client().models.list().data
    assert (model.id, model.created, model.object) == ("ben", int(NOW.timestamp()), "model")
    assert world.client(EVE).models.retrieve("eve").id == "eve"
    with pytest.raises(openai.NotFoundError):
        world.client(EVE).models.retrieve("ben")


def test_a_chat_completion(world: World) -> None:
    answer = ask(world.client())
    (choice,) = answer.choices
    assert answer.object == "chat.completion"
    assert choice.message.role == "assistant"
    assert choice.message.content
    assert answer.usage.completion_tokens == world.count(choice.message.content)
    assert answer.usage.prompt_tokens == world.count(HELLO[0]["content"])
    assert choice.finish_reason == ("length" if answer.usage.completion_tokens >= 12 else "stop")
    assert ask(world.client(EVE), model="eve").choices[0].message.content != choice.message.content


def test_a_stream_says_the_same_in_pieces(world: World) -> None:
    client = world.client()
    chunks = list(ask(client, stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1])
    whole = ask(client)
    assert text == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks[1:-2]] == [None] * (len(chunks) - 3)
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason
    assert chunks[-1].usage == whole.usage
    assert len(chunks) > 5


def test_pieces_come_while_the_model_still_writes(world: World) -> None:
    world.sampling = Sampling(temperature=1.2, max_tokens=300)
    while True:  # random replies may be short
        times = []
        for _ in ask(world.client(), stream=True):
            times.append(time.monotonic())  # noqa: PERF401
        if len(times) > 50:
            break
    assert len({round(moment, 3) for moment in times}) > 20


def test_a_conversation_becomes_turns(world: World) -> None:
    parts = [{"type": "text", "text": "bring"}, {"type": "text", "text": "umbrellas"}]
    said = [
        {"role": "system", "content": "It is winter in Porto."},
        *HELLO,
        {"role": "user", "content": "hello?"},
        {"role": "assistant", "content": "okay\n\nsee you"},
        {"role": "assistant", "content": None},
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "name": "Ana", "content": parts},
    ]
    asked = chat_request({"model": "ben", "messages": said}, world._voice(BEN))
    assert asked.setting == "It is winter in Porto.\n\nBe brief."
    assert asked.turns == (
        Turn(Role.OTHER, "Friend", ("see you tonight at the bus", "hello?")),
        Turn(Role.OWNER, "Ben", ("okay", "see you")),
        Turn(Role.OTHER, "Ana", ("bring\numbrellas",)),
    )
    reply = world._voice(BEN).reply(asked.turns, setting=asked.setting)
    text = ask(world.client(), messages=said).choices[0].message.content
    assert "\n".join(messages(reply.pieces)) == text.strip()


def test_seed_temperature_stop_and_length(world: World) -> None:
    client = world.client()
    cat = [{"role": "user", "content": "did you feed the cat"}]
    drawn = [ask(client, messages=cat, temperature=1.5, seed=n).choices[0].message.content for n in (1, 1, 2, 3)]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) > 1
    text = ask(client).choices[0].message.content
    assert len(text) > 4
    for stream in (False, True):
        answer = ask(client, stop=[text[2:4], "never"], stream=stream)
        shown = (
            "".join(chunk.choices[0].delta.content or "" for chunk in answer)
            if stream
            else answer.choices[0].message.content
        )
        assert shown == text[: text.find(text[2:4])]
    short = ask(client, max_tokens=1, temperature=0)
    assert text.startswith(short.choices[0].message.content)
    assert len(short.choices[0].message.content) < len(text)
    assert ask(client, max_completion_tokens=1, temperature=0).choices == short.choices
    assert ask(client, max_tokens=100_000).choices[0].message.content.startswith(text)


def test_a_text_completion(world: World) -> None:
    client = world.client()
    answer = client.completions.create(model="ben", prompt=HELLO[0]["content"])
    assert answer.object == "text_completion"
    assert answer.choices[0].text == ask(client).choices[0].message.content
    chunks = list(client.completions.create(model="t-ben", prompt=HELLO[0]["content"], stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks) == answer.choices[0].text


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "system", "content": "be kind"}]}, "messages"),
        ({"messages": [{"role": "wizard", "content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": ["user"], "content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, "messages[0].content"),
        ({"messages": [7]}, "messages[0]"),
        ({"temperature": 3}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": True}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"seed": "x"}, "seed"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"stop": [1]}, "stop"),
        ({"n": 2}, "n"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"model": 5}, "model"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_refused_by_name(world: World, options: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(world.client(), **options)
    assert caught.value.param == param
    assert caught.value.type == "invalid_request_error"


def test_what_asks_for_nothing_special_is_answered(world: World) -> None:
    plain = ask(world.client()).choices
    assert ask(world.client(), n=1, frequency_penalty=0, response_format={"type": "text"}, user="x").choices == plain


def test_errors_before_the_first_word_have_a_status(world: World) -> None:
    client = world.client()
    with pytest.raises(openai.NotFoundError) as missing:
        ask(client, model="eve")
    assert missing.value.code == "model_not_found"
    long: Any = [{"role": "user", "content": "tomatoes " * 1000}]
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError, match="tokens long"):
            ask(client, messages=long, stream=stream)
    world.twins.clear()
    with pytest.raises(openai.NotFoundError):
        ask(client)
    world.twins[BEN.id] = replace(BEN, run_id="9")


def test_a_body_that_is_no_request(world: World) -> None:
    _, secret = world.keys.make(BEN.id, label="raw", now=NOW)
    head = {"Authorization": f"Bearer {secret}"}
    for content, status in ((b"{", 400), (b"[]", 400), (b'"hi"', 400), (b" " * (BODY + 1), 413)):
        answer = httpx.post(world.address + "/chat/completions", content=content, headers=head)
        assert answer.status_code == status
        assert answer.json()["error"]["message"]
    assert httpx.get(world.address + "/chat/completions", headers=head).status_code == 405


def test_a_key_is_needed_and_can_be_revoked(world: World) -> None:
    key, secret = world.keys.make(BEN.id, label="phone", now=NOW)
    client = world.clients.enter_context(openai.OpenAI(base_url=world.address, api_key=secret, max_retries=0))
    assert client.models.list().data
    for other in (PREFIX + "x" * 43, "none", secret[:-1]):
        answer = httpx.get(world.address + "/models", headers={"Authorization": f"Bearer {other}"})
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "invalid_api_key"
    assert httpx.get(world.address + "/models").status_code == 401
    with pytest.raises(NotFoundError):
        world.keys.revoke(key.id, twin_id=EVE.id, now=NOW)
    world.keys.revoke(key.id, twin_id=BEN.id, now=NOW)
    with pytest.raises(openai.AuthenticationError):
        client.models.list()


def test_keys_are_hashed_and_go_with_their_twin(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'keys.db'}")
    keys = Keys(database)
    key, secret = keys.make(BEN.id, label="phone", now=NOW)
    other, _ = keys.make(EVE.id, label="laptop", now=NOW)
    assert keys.find(secret) == key
    assert keys.listed(BEN.id) == [key]
    keys.forget(BEN.id)
    assert keys.find(secret) is None
    assert Keys(database).listed(EVE.id) == [other]
    database.close()
    for file in tmp_path.iterdir():
        assert secret.removeprefix(PREFIX).encode() not in file.read_bytes()


def test_too_often_is_told_with_the_time_to_wait(world: World) -> None:
    client = world.client(per_minute=2)
    assert client.models.list().data
    assert client.models.list().data
    with pytest.raises(openai.RateLimitError) as caught:
        client.models.list()
    assert 1 <= int(caught.value.response.headers["Retry-After"]) <= 60
    assert world.client(per_minute=2).models.list().data


def test_a_busy_twin_is_told_before_the_stream_begins(world: World) -> None:
    world.sampling = Sampling(temperature=1.2, max_tokens=300)
    outcomes: list[int] = []
    waits: list[int] = []

    def talk() -> None:
        try:
            list(ask(world.client(), stream=True))
            outcomes.append(200)
        except openai.RateLimitError as error:
            waits.append(int(error.response.headers["Retry-After"]))
            outcomes.append(error.status_code)

    crowd = [threading.Thread(target=talk) for _ in range(8)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert set(outcomes) <= {200, 429}
    assert all(wait >= 1 for wait in waits)
    assert outcomes.count(200) >= 3


def test_leaving_a_stream_frees_the_model(world: World) -> None:
    world.sampling = Sampling(temperature=1.2, max_tokens=500)
    for _ in range(6):
        stream = ask(world.client(), stream=True)
        next(iter(stream))
        stream.close()
    crew = world.model._fleet._crew
    assert crew
    crew.server._queue.drain()
    world.sampling = Sampling(temperature=0, max_tokens=4)
    assert ask(world.client()).choices
