"""Gemini as the other side, on the wire: a local server that speaks the Gemini API."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("google.genai")

from google.genai import Client
from google.oauth2.credentials import Credentials
from tests.gemini_server import Answer, Gemini, failure, good, whole

from twin.domain.runs import AGREEMENT
from twin.errors import SettingsError, UnavailableError
from twin.prepare.augment import Document, Passage, augment, passages
from twin.prepare.gemini import GeminiOtherSide, connect, connect_to

PAGES = Document(
    "letters",
    "\n\n".join(
        f"Dear Olga, this is letter number {n}, and the plum tree is still standing after the storm." for n in range(6)
    ),
)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Gemini, Client]]:
    server = Gemini()
    client = connect(api_key="secret-key", base_url=server.url)
    yield server, client
    client.close()
    server.close()


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


PRICES = (1.0, 10.0)
"""Dollars per million tokens in and out."""


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
        side.estimate(
            [*cut(), *passages(Document("new", "Something else entirely."))], prices=PRICES, count=True
        ).input_tokens
        == 321
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
    estimate = side.estimate(cut(), prices=PRICES)
    assert gemini.paths == []
    assert (estimate.passages, estimate.requests, estimate.counted) == (6, 1, False)
    assert 200 < estimate.input_tokens < 500
    assert estimate.dollars == pytest.approx((estimate.input_tokens + 10 * estimate.output_tokens) / 1e6)
    counted = side.estimate(cut(), prices=PRICES, count=True)
    assert gemini.paths == ["/v1beta/models/gemini-2.5-flash:countTokens"]
    assert (counted.input_tokens, counted.counted) == (321, True)
    list(side.openings(cut()))
    assert side.estimate(cut(), prices=PRICES).dollars == 0


@pytest.mark.parametrize("address", ["", "key:", "vertex:project", "my-secret-key"])
def test_an_address_of_nobody_says_what_to_set(address: str) -> None:
    with pytest.raises(SettingsError, match="key:KEY or vertex:PROJECT/REGION") as raised:
        connect_to(address)
    assert "my-secret" not in str(raised.value)
