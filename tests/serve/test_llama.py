"""The voice on this machine: the right weights, the right context, and errors of one twin alone."""

import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.llama import Llama
from tests.serve.conftest import CONVERSATION
from tests.tiny import TinyGemma, tiny_adapter, tiny_gemma
from twin.base.adapter import LowRank
from twin.base.models import Base
from twin.convert.gguf import write_adapter
from twin.domain.examples import Role, Turn
from twin.domain.ports import Sampling
from twin.errors import BusyError, DataError, ModelError, NotFoundError, UnavailableError
from twin.serve import llama
from twin.serve.adapters import check
from twin.serve.llama import LlamaChat

OpenChat = Callable[..., LlamaChat]
GREEDY = Sampling(temperature=0, max_tokens=10)


def say(
    chat: LlamaChat, adapter: str | None, turns: Sequence[Turn] = CONVERSATION, sampling: Sampling = GREEDY
) -> list[str]:
    """The messages of a reply."""
    messages: dict[int, str] = {}
    for piece in chat.reply(turns, speaker="Ben", adapter=adapter, sampling=sampling):
        messages[piece.message] = messages.get(piece.message, "") + piece.text
    return [messages[number] for number in sorted(messages)]


def process_of(chat: LlamaChat) -> "subprocess.Popen[str]":
    crew = chat._fleet._crew
    assert crew
    return crew.server._process


def publish(folder: Path, files: Sequence[Path]) -> list[str]:
    for number, file in enumerate(files):
        shutil.copy(file, folder / f"{number}.gguf")
    return [str(number) for number in range(len(files))]


def test_1000_interleaved_requests_each_get_their_own_twin(
    open_chat: OpenChat, published: Path, adapter_files: list[Path]
) -> None:
    adapters: list[str | None] = [None, *publish(published, adapter_files)]
    # Conversations that share their beginnings, so that there is context to confuse.
    conversations = [(*CONVERSATION, Turn(Role.OTHER, "Ana", (text,))) for text in ("hm", "hm?", "the umbrella")]
    conversations += [CONVERSATION, CONVERSATION[:1]]
    alone = {}
    for adapter in adapters:
        with open_chat(slots=1) as chat:
            for number, turns in enumerate(conversations):
                alone[adapter, number] = say(chat, adapter, turns)
    for number in range(len(conversations)):
        assert len({"\n".join(alone[adapter, number]) for adapter in adapters}) > 15

    chat = open_chat(slots=3, waiting=100)
    draw = random.Random(5)
    asked = [(draw.choice(adapters), draw.randrange(len(conversations))) for _ in range(1000)]
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda one: say(chat, one[0], conversations[one[1]]), asked))

    unlike = [(one, reply) for one, reply in zip(asked, replies, strict=True) if reply != alone[one]]
    # Replies computed in one batch may differ in the last digits, and so in a word that was a near tie.
    assert len(unlike) <= 20
    for (adapter, number), reply in unlike:
        turns = (*conversations[number], Turn(Role.OWNER, "Ben", tuple(reply)))
        scores = {other: chat.score(turns, adapter=other) for other in adapters}
        assert max(scores, key=lambda other: scores[other]) == adapter


def test_the_base_speaks_as_if_no_adapter_were_loaded(
    open_chat: OpenChat, published: Path, adapter_files: list[Path]
) -> None:
    untouched = say(open_chat(), None)
    (adapter,) = publish(published, adapter_files[:1])
    chat = open_chat()
    assert say(chat, adapter) != untouched
    assert say(chat, None) == untouched


def test_a_seed_reproduces_a_reply_whatever_came_before(open_chat: OpenChat) -> None:
    chat = open_chat()
    sampling = Sampling(temperature=1.5, max_tokens=10, seed=7)
    first = say(chat, None, sampling=sampling)
    for seed in range(8, 12):
        say(chat, None, sampling=replace(sampling, seed=seed))
    assert say(chat, None, sampling=sampling) == first
    assert len({str(say(chat, None, sampling=replace(sampling, seed=seed))) for seed in range(5)}) > 1
    assert len({str(say(chat, None, sampling=replace(sampling, seed=None))) for _ in range(5)}) > 1


def test_leaving_stops_the_work(open_chat: OpenChat) -> None:
    chat = open_chat(slots=1, context=2048)
    long = Sampling(temperature=1, max_tokens=1500, seed=1)
    began = time.monotonic()
    assert list(chat.reply(CONVERSATION, speaker="Ben", adapter=None, sampling=long))
    whole = time.monotonic() - began

    def after_leaving() -> float:
        """How long the only slot is still busy."""
        reply = chat.reply(CONVERSATION, speaker="Ben", adapter=None, sampling=long)
        next(reply)
        reply.close()  # pyright: ignore[reportAttributeAccessIssue]
        began = time.monotonic()
        say(chat, None)
        return time.monotonic() - began

    # The fastest of some, for other programs are at work too.
    assert min(after_leaving() for _ in range(5)) < max(0.1, whole / 2)


def test_a_reply_ends_at_its_deadline(open_chat: OpenChat) -> None:
    chat = open_chat(context=2048)
    say(chat, None)
    reply = chat.reply(
        CONVERSATION, speaker="Ben", adapter=None, sampling=replace(GREEDY, max_tokens=1500), deadline_s=0.0
    )
    with pytest.raises(UnavailableError):
        list(reply)
    assert say(chat, None)


def test_replies_go_on_while_others_are_published(
    open_chat: OpenChat, published: Path, adapter_files: list[Path]
) -> None:
    publish(published, adapter_files[:1])
    chat = open_chat()
    expected = say(chat, "0")
    stop = threading.Event()
    replies: list[list[str]] = []

    def talk() -> None:
        while not stop.is_set():
            replies.append(say(chat, "0"))

    with ThreadPoolExecutor(2) as pool:
        talks = [pool.submit(talk) for _ in range(2)]
        for number in range(1, 8):
            shutil.copy(adapter_files[number], published / f"{number}.gguf")
            chat.load(str(number))
            assert say(chat, str(number))
        stop.set()
        for one in talks:
            one.result()
    assert len(replies) > 1
    assert all(reply == expected for reply in replies)


def test_a_reply_under_way_outlives_the_change(open_chat: OpenChat, published: Path, adapter_files: list[Path]) -> None:
    publish(published, adapter_files[:2])
    chat = open_chat()
    expected = say(chat, "0")
    reply = chat.reply(CONVERSATION, speaker="Ben", adapter="0", sampling=GREEDY)
    pieces = [next(reply)]
    say(chat, "1")
    pieces += reply
    assert "".join(piece.text for piece in pieces) == "".join(expected)


def _truncated(file: Path, _: Path) -> bytes:
    return file.read_bytes()[:-500]


def _noise(_: Path, __: Path) -> bytes:
    return random.Random(1).randbytes(40_000)


def _empty(_: Path, __: Path) -> bytes:
    return b""


def _not_finite(_: Path, folder: Path) -> bytes:
    adapter = tiny_adapter(seed=1)
    name, (a, b) = next(iter(adapter.weights.items()))
    weights = dict(adapter.weights) | {name: LowRank(a, np.full_like(b, np.nan))}
    write_adapter(replace(adapter, weights=weights), folder / "nan.gguf")
    return (folder / "nan.gguf").read_bytes()


def _other_layers(_: Path, folder: Path) -> bytes:
    write_adapter(tiny_adapter(seed=1, layers=(1, 2)), folder / "other.gguf")
    return (folder / "other.gguf").read_bytes()


def _other_shape(_: Path, folder: Path) -> bytes:
    adapter = tiny_adapter(seed=1)
    weights = {name: LowRank(a[:, :-8], b) for name, (a, b) in adapter.weights.items()}
    write_adapter(replace(adapter, weights=weights), folder / "shape.gguf")
    return (folder / "shape.gguf").read_bytes()


def _a_whole_model(_: Path, folder: Path) -> bytes:
    return tiny_gemma(folder / "whole").gguf.read_bytes()


@pytest.mark.parametrize(
    "spoil", [_truncated, _noise, _empty, _not_finite, _other_layers, _other_shape, _a_whole_model]
)
def test_a_broken_adapter_is_its_own_error(
    open_chat: OpenChat,
    published: Path,
    adapter_files: list[Path],
    tmp_path: Path,
    spoil: Callable[[Path, Path], bytes],
) -> None:
    publish(published, adapter_files[:2])
    chat = open_chat()
    expected = say(chat, "0")
    (published / "broken.gguf").write_bytes(spoil(adapter_files[2], tmp_path))
    chat.load("broken", "1")
    for _ in range(2):
        with pytest.raises(ModelError):
            say(chat, "broken")
        assert say(chat, "0") == expected
    assert say(chat, "1") != expected
    shutil.copy(adapter_files[2], published / "broken.gguf")
    assert say(chat, "broken") not in ([], expected)


def test_what_only_llama_cpp_refuses_is_found_by_trying(
    open_chat: OpenChat, published: Path, adapter_files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(published, adapter_files[:2])
    (published / "broken.gguf").write_bytes(_truncated(adapter_files[2], published))
    monkeypatch.setattr(llama, "check", lambda path, base: None)
    chat = open_chat()
    chat.load("0", "broken", "1")
    assert say(chat, "0") != say(chat, "1")
    with pytest.raises(ModelError):
        say(chat, "broken")


def test_any_broken_byte_is_a_model_error(adapter_files: list[Path], base: Base, tmp_path: Path) -> None:
    whole = adapter_files[0].read_bytes()
    chance = random.Random(1)
    sound = 0
    for number in range(300):
        content = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            content[chance.randrange(3000)] = chance.choice([0, 1, 127, 255])
        file = tmp_path / f"{number}.gguf"
        file.write_bytes(content)
        try:
            check(file, base.model)
            sound += 1
        except ModelError:
            pass
        file.unlink()
    assert 0 < sound < 100


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_while_loading_is_told_and_leaves_no_one_waiting(
    open_chat: OpenChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RecursionError

    monkeypatch.setattr(llama, "LlamaServer", fail)
    chat = open_chat()
    for _ in range(2):
        with pytest.raises(ModelError, match="RecursionError"):
            say(chat, None)
    monkeypatch.undo()
    assert say(chat, None)


def test_a_deleted_adapter_falls_silent_at_once(
    open_chat: OpenChat, published: Path, adapter_files: list[Path]
) -> None:
    publish(published, adapter_files[:2])
    chat = open_chat()
    say(chat, "0")
    (published / "0.gguf").unlink()
    with pytest.raises(NotFoundError):
        say(chat, "0")
    with pytest.raises(NotFoundError):
        say(chat, "never")
    assert say(chat, "1")


def test_a_replaced_adapter_speaks_with_its_new_weights(
    open_chat: OpenChat, published: Path, adapter_files: list[Path]
) -> None:
    publish(published, adapter_files[:2])
    chat = open_chat()
    other = say(chat, "1")
    assert say(chat, "0") != other
    shutil.copy(adapter_files[1], published / "new")
    (published / "new").replace(published / "0.gguf")
    assert say(chat, "0") == other


def test_adapters_that_are_not_used_are_dropped(
    open_chat: OpenChat, published: Path, adapter_files: list[Path]
) -> None:
    adapters = publish(published, adapter_files[:6])
    chat = open_chat(adapters=2)
    first = [say(chat, adapter) for adapter in adapters]
    assert len(chat._fleet._crew.adapters) <= 2  # pyright: ignore[reportPrivateUsage, reportOptionalMemberAccess]
    assert [say(chat, adapter) for adapter in adapters] == first


def test_a_base_that_cannot_be_loaded_is_an_error_for_whoever_asks(tmp_path: Path, tiny: TinyGemma) -> None:
    broken = tmp_path / "base.gguf"
    broken.write_bytes(tiny.gguf.read_bytes()[:-4000])
    with LlamaChat(Base("broken", broken), locate=Path, threads=1, context=256) as chat:
        for _ in range(2):
            with pytest.raises(ModelError):
                say(chat, None)


def test_too_many_waiting_is_busy(open_chat: OpenChat) -> None:
    chat = open_chat(slots=1, waiting=1, context=2048)
    say(chat, None)
    slow = Sampling(temperature=1, max_tokens=1500, seed=3)
    held = chat.reply(CONVERSATION, speaker="Ben", adapter=None, sampling=slow)
    next(held)
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(say, chat, None) for _ in range(4)]
        while not any(one.done() for one in waiting):
            time.sleep(0.001)
        held.close()  # pyright: ignore[reportAttributeAccessIssue]
        errors = [one.exception() for one in waiting]
    busy = [error for error in errors if error]
    assert busy
    assert all(isinstance(error, BusyError) and error.retry_after >= 1 for error in busy)


def test_a_long_conversation_loses_its_oldest_turns(open_chat: OpenChat) -> None:
    chat = open_chat()
    turns = [Turn(Role.OTHER, "Ana", (f"this is message number {number}",)) for number in range(100)]
    assert say(chat, None, turns)
    with pytest.raises(DataError, match="tokens long"):
        say(chat, None, [Turn(Role.OTHER, "Ana", ("bus " * 500,))])
    with pytest.raises(DataError, match="max_tokens"):
        say(chat, None, sampling=replace(GREEDY, max_tokens=250))


def test_score_is_what_the_model_gives_each_token(
    open_chat: OpenChat, published: Path, adapter_files: list[Path], base: Base
) -> None:
    (adapter,) = publish(published, adapter_files[:1])
    chat = open_chat()
    last = Turn(Role.OWNER, "Ben", ("okay 😅", "i will be there"))
    template, vocabulary = base.template, base.vocabulary
    tokens, _ = template.tokens(template.prompt(CONVERSATION, speaker="Ben"), vocabulary)
    target = [token for segment in template.reply(last) for token in vocabulary.encode(segment.text)]
    exact = Llama(base.path, [adapter_files[0]])
    expected = 0.0
    for index, token in enumerate(target):
        told = exact.log_probabilities([*tokens, *target[:index]], words=len(vocabulary), adapter=0)
        expected += float(told[token])
    assert chat.score([*CONVERSATION, last], adapter=adapter) == pytest.approx(expected, rel=0.01)


def test_a_server_that_dies_is_replaced(open_chat: OpenChat) -> None:
    chat = open_chat(context=2048)
    expected = say(chat, None)
    while True:  # random replies may be over before the server is
        long = Sampling(temperature=1, max_tokens=1500)
        reply = chat.reply(CONVERSATION, speaker="Ben", adapter=None, sampling=long)
        next(reply)
        process_of(chat).kill()
        try:
            list(reply)
        except UnavailableError:
            break
    assert say(chat, None) == expected


def test_an_idle_old_server_ends(open_chat: OpenChat, published: Path, adapter_files: list[Path]) -> None:
    publish(published, adapter_files[:1])
    chat = open_chat()
    say(chat, None)
    first = process_of(chat)
    say(chat, "0")
    assert process_of(chat) is not first
    assert first.wait(10) == 0


def test_the_server_does_not_outlive_a_killed_program(base: Base, tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from twin.base.models import Base\n"
        "from twin.serve.llama import LlamaChat\n"
        "chat = LlamaChat(Base('tiny', Path(sys.argv[1])), locate=Path, threads=1, context=256); chat.load()\n"
        "while not chat._fleet._crew: time.sleep(0.01)\n"
        "print(chat._fleet._crew.server._process.pid, flush=True); time.sleep(60)\n"
    )
    program = subprocess.Popen([sys.executable, "-c", code, str(base.path)], stdout=subprocess.PIPE, text=True)
    with program:
        assert program.stdout is not None
        child = int(program.stdout.readline())
        program.kill()
    until = time.monotonic() + 10
    while Path(f"/proc/{child}/exe").exists() and time.monotonic() < until:
        time.sleep(0.01)
    assert not Path(f"/proc/{child}/exe").exists()
