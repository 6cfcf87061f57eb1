"""Gemini as the other side, on the wire: a local server that speaks the Gemini API."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("google.genai")

from google.genai import Client
from google.oauth2.credentials import Credentials

from twin.errors import SettingsError, UnavailableError
from twin.prepare.augment import Document, Passage, augment, passages
from twin.prepare.gemini import AGREEMENT, GeminiOtherSide, connect

PAGES = Document(
    "letters",
    "\n\n".join(
        f"Dear Olga, this is letter number {n}, and the plum tree is still standing after the storm." for n in range(6)
    ),
)

Answer = Callable[[list[str]], tuple[int, dict[str, Any]]]


def whole(text: str, finish: str = "STOP") -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": finish, "index": 0}
    return {"candidates": [candidate], "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 20}}


def good(shown: list[str]) -> tuple[int, dict[str, Any]]:
    openings = [
        {"passage": number, "first_words": " ".join(text.split()[:5]), "message": f"how is the tree, {number}?"}
        for number, text in enumerate(shown, 1)
    ]
    return 200, whole(json.dumps({"openings": openings}))


def failure(code: int, status: str, **details: Any) -> tuple[int, dict[str, Any]]:
    return code, {"error": {"code": code, "message": "no", "status": status, "details": [details] if details else []}}


class Gemini:
    """The server. `answers` are used up in order; the last one stays."""

    def __init__(self) -> None:
        self.answers: list[Answer] = [good]
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.paths.append(self.path)
                outer.headers.append({name.lower(): value for name, value in self.headers.items()})
                outer.bodies.append(body)
                if self.path.endswith(":countTokens"):
                    code, answer = 200, {"totalTokens": 321}
                else:
                    text = body["contents"][0]["parts"][0]["text"]
                    shown = re.split(r"(?:^|\n\n)\[\d+\]\n", text)[1:]
                    answer_with = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                    code, answer = answer_with(shown)
                content = json.dumps(answer).encode()
                self.send_response(code)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Gemini, Client]]:
    server = Gemini()
    client = connect(api_key="secret-key", base_url=server.url)
    yield server, client
    client.close()
    server.server.shutdown()
    server.server.server_close()


@pytest.fixture
def gemini(served: tuple[Gemini, Client]) -> Gemini:
    server = served[0]
    server.answers = [good]
    for seen in (server.paths, server.headers, server.bodies):
        seen.clear()
    return server


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def side(gemini: Gemini, served: tuple[Gemini, Client], tmp_path: Path, waits: list[float]) -> GeminiOtherSide:
    return GeminiOtherSide(served[1], AGREEMENT, tmp_path / "cache", sleep=waits.append)


def cut() -> list[Passage]:
    return passages(PAGES)


def test_openings_come_from_gemini_and_replies_from_the_person(gemini: Gemini, side: GeminiOtherSide) -> None:
    made = augment([PAGES], owner="Ida", other_sides=[side])
    assert made.origins == {"gemini": 6, "plain": 0}
    assert [example.turns[1].messages[0] for example in made.examples] == [passage.text for passage in cut()]
    assert made.examples[2].turns[0].messages == ("how is the tree, 3?",)
    assert gemini.paths == ["/v1beta/models/gemini-2.5-flash:generateContent"]
    assert gemini.headers[0]["x-goog-api-key"] == "secret-key"
    config = gemini.bodies[0]["generationConfig"]
    assert config["responseMimeType"] == "application/json"
    assert set(config["responseSchema"]["properties"]) == {"openings"}


def test_the_same_on_vertex(gemini: Gemini, tmp_path: Path) -> None:
    credentials = Credentials(token="a-token")
    client = connect(project="my-project", location="europe-west4", base_url=gemini.url, credentials=credentials)
    side = GeminiOtherSide(client, AGREEMENT, tmp_path)
    assert all(side.openings(cut()))
    assert (
        side.estimate([*cut(), *passages(Document("new", "Something else entirely."))], count=True).input_tokens == 321
    )
    where = "/v1beta1/projects/my-project/locations/europe-west4/publishers/google/models/gemini-2.5-flash"
    assert gemini.paths == [f"{where}:generateContent", f"{where}:countTokens"]
    assert gemini.headers[0]["authorization"] == "Bearer a-token"
    client.close()


def test_nothing_is_sent_without_the_agreement_in_words(
    gemini: Gemini, served: tuple[Gemini, Client], tmp_path: Path
) -> None:
    for words in ("", "yes", "true", AGREEMENT.upper()):
        with pytest.raises(SettingsError, match="agreement"):
            GeminiOtherSide(served[1], words, tmp_path)
    assert gemini.paths == []


def test_no_key_says_what_to_do() -> None:
    with pytest.raises(SettingsError, match="key or a Google Cloud project"):
        connect()


def test_answers_are_kept_by_content(gemini: Gemini, side: GeminiOtherSide) -> None:
    first = list(side.openings(cut()))
    assert list(side.openings(cut())) == first
    assert len(gemini.paths) == 1
    assert side.account == {"asked": 6, "cached": 6}
    more = [*cut(), *passages(Document("new", "A letter that is new, and longer than the others were."))]
    list(side.openings(more))
    assert "new, and longer" in gemini.bodies[1]["contents"][0]["parts"][0]["text"]
    assert "plum tree" not in gemini.bodies[1]["contents"][0]["parts"][0]["text"]


def test_quota_is_waited_out_for_as_long_as_it_says(gemini: Gemini, side: GeminiOtherSide, waits: list[float]) -> None:
    told = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17s"}
    gemini.answers = [
        lambda _: failure(429, "RESOURCE_EXHAUSTED", **told),
        lambda _: failure(503, "UNAVAILABLE"),
        lambda _: failure(503, "UNAVAILABLE"),
        good,
    ]
    assert all(side.openings(cut()))
    assert waits[0] == 17
    assert 2 <= waits[1] <= 6 <= 4 + waits[2]
    assert len(gemini.paths) == 4


def test_used_up_quota_ends_with_one_sentence_and_keeps_what_was_answered(
    gemini: Gemini, side: GeminiOtherSide, waits: list[float], tmp_path: Path
) -> None:
    long = passages(
        Document(
            "d",
            "\n\n".join(f"Letter {n} about the storm and the plum tree in our garden, as promised." for n in range(30)),
        )
    )
    gemini.answers = [good, lambda _: failure(429, "RESOURCE_EXHAUSTED")]
    with pytest.raises(UnavailableError, match="quota"):
        list(side.openings(long))
    assert len(waits) == 4
    assert len(list((tmp_path / "cache").rglob("*.json"))) == 12
    gemini.answers = [good]
    assert all(side.openings(long))
    assert side.account["cached"] == 12


@pytest.mark.parametrize(("code", "status", "words"), [(403, "PERMISSION_DENIED", "key"), (404, "NOT_FOUND", "model")])
def test_a_wrong_key_or_model_is_not_tried_again(
    gemini: Gemini, side: GeminiOtherSide, code: int, status: str, words: str
) -> None:
    gemini.answers = [lambda _: failure(code, status)]
    with pytest.raises(SettingsError, match=words) as raised:
        list(side.openings(cut()))
    assert len(gemini.paths) == 1
    assert "plum" not in str(raised.value)
    assert "secret-key" not in str(raised.value)


def test_no_server_is_unavailable(tmp_path: Path, waits: list[float]) -> None:
    client = connect(api_key="k", base_url="http://127.0.0.1:9")
    side = GeminiOtherSide(client, AGREEMENT, tmp_path, attempts=2, sleep=waits.append)
    with pytest.raises(UnavailableError, match="does not answer"):
        list(side.openings(cut()))
    assert len(waits) == 1
    client.close()


def refusing(passage: str, how: dict[str, Any]) -> Answer:
    return lambda shown: (200, how) if any(passage in text for text in shown) else good(shown)


@pytest.mark.parametrize(
    ("how", "outcome"),
    [
        ({"promptFeedback": {"blockReason": "SAFETY"}}, "refused"),
        (whole("", "SAFETY"), "refused"),
        (whole("", "PROHIBITED_CONTENT"), "refused"),
        (whole('{"openings": [{"passage": 1, "fir', "MAX_TOKENS"), "cut off"),
        (whole('{"openings": [{"passage": 1, "fir'), "malformed"),
        (whole("I'd rather chat."), "malformed"),
        (whole('{"openings": [{"passage": "one"}]}'), "malformed"),
        (whole('{"openings": []}'), "missing"),
        ({}, "malformed"),
    ],
)
def test_one_bad_passage_does_not_take_the_others_with_it(
    gemini: Gemini, side: GeminiOtherSide, how: dict[str, Any], outcome: str
) -> None:
    gemini.answers = [refusing("number 4,", how)]
    found = list(side.openings(cut()))
    if outcome == "missing":  # a whole answer that leaves passages out is not asked again
        assert side.account[outcome] == 6
        return
    assert [opening is None for opening in found] == [False] * 4 + [True, False]
    assert side.account[outcome] == 1
    made = augment([PAGES], owner="Ida", other_sides=[side])
    assert made.origins == {"gemini": 5, "plain": 1}


def test_a_passage_that_is_not_quoted_verbatim_is_refused(gemini: Gemini, side: GeminiOtherSide) -> None:
    def altered(shown: list[str]) -> tuple[int, dict[str, Any]]:
        quotes = [
            "Dear Olga, this is letter",
            "Dear olga, this is",
            "Hello Olga",
            "",
            "this is letter number",
            "Dear Olga, this is…",
        ]
        openings = [{"passage": n, "first_words": q, "message": "well?"} for n, q in enumerate(quotes, 1)]
        return 200, whole(json.dumps({"openings": openings}))

    gemini.answers = [altered]
    found = list(side.openings(cut()))
    assert [opening is not None for opening in found] == [True, False, False, False, False, True]
    assert side.account["not verbatim"] == 4


def test_a_dry_run_sends_nothing(gemini: Gemini, side: GeminiOtherSide) -> None:
    estimate = side.estimate(cut(), prices=(1.0, 10.0))
    assert gemini.paths == []
    assert (estimate.passages, estimate.requests, estimate.counted) == (6, 1, False)
    assert 200 < estimate.input_tokens < 500
    assert estimate.dollars == pytest.approx((estimate.input_tokens + 10 * estimate.output_tokens) / 1e6)
    counted = side.estimate(cut(), count=True)
    assert gemini.paths == ["/v1beta/models/gemini-2.5-flash:countTokens"]
    assert (counted.input_tokens, counted.counted) == (321, True)
    list(side.openings(cut()))
    assert side.estimate(cut()).dollars == 0
