"""A diary through the command: what asking Gemini would cost, the agreement, and examples in the person's own words."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

pytest.importorskip("google.genai")

from tests.cli.conftest import Twin, lines
from tests.gemini_server import Gemini
from tests.tiny import TinyGemma

from twin.cli.invocation import Invocation
from twin.domain.examples import Role
from twin.domain.jsonl import read_examples
from twin.domain.runs import AGREEMENT, Run, RunState
from twin.pipeline import keys

DAYS = [f"Day {n}. Otto came by with the {n}th jar of plums, and we sat on the stairs until dark." for n in range(15)]


@pytest.fixture
def gemini(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gemini]:
    server = Gemini()
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
    monkeypatch.setenv("TWIN_GEMINI", "key:secret-key")
    yield server
    server.close()


@pytest.fixture
def made(twin: Twin, tmp_path: Path, tiny: TinyGemma) -> None:
    chat, diary = tmp_path / "kitchen.txt", tmp_path / "diary.md"
    chat.write_text(lines("Mira Holt", "Otto", 30), "utf-8")
    diary.write_text("---\nauthor: Mira Holt\n---\n\n" + "\n\n".join(DAYS), "utf-8")
    created = twin("create", "me", "--speaker", "Mira Holt", "--base", tiny.gguf, chat, diary)
    assert created.status == 0, created.err


@pytest.mark.usefixtures("made")
def test_a_dry_run_says_what_it_would_cost_and_sends_nothing(twin: Twin, gemini: Gemini) -> None:
    told = twin("run", "me", "--dry-run")
    assert told.status == 0, told.err
    assert "15 passages" in told.err
    assert "gemini-2.5-flash would be sent 2 requests of about" in told.err
    assert "$0.00" in told.err
    assert gemini.paths == []


@pytest.mark.usefixtures("made", "gemini")
def test_other_words_are_no_agreement(twin: Twin, gemini: Gemini) -> None:
    for words in ("yes", AGREEMENT.upper()):
        refused = twin("run", "me", "--gemini", words)
        assert refused.status == 2
        assert AGREEMENT in refused.err
    assert gemini.paths == []


@pytest.mark.usefixtures("made")
def test_without_anybody_to_ask_it_says_what_to_set(twin: Twin) -> None:
    refused = twin("run", "me", "--dry-run")
    assert refused.status == 2
    assert "TWIN_GEMINI" in refused.err


@pytest.mark.usefixtures("made")
def test_the_diary_becomes_examples_in_the_persons_own_words(twin: Twin, gemini: Gemini, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    invocation = Invocation()
    me = invocation.twin("me")
    options = {"gemini": AGREEMENT}
    run = Run("r1", me.id, RunState.QUEUED, created_at=now, updated_at=now, options=options)
    invocation.platform.records.save(run)
    for stage in ("ingest", "prepare"):
        done = twin("stage", stage, "r1")
        assert done.status == 0, done.err
    invocation.platform.objects.get(keys.run(run) + keys.EXAMPLES, tmp_path / "examples.jsonl")
    invocation.close()
    written = [one for one in read_examples(tmp_path / "examples.jsonl") if one.source.startswith("text:")]
    assert len(written) == len(DAYS)
    for example, day in zip(written, DAYS, strict=True):
        asked, reply = example.turns
        assert asked.role is Role.OTHER
        assert asked.messages[0].startswith("how is the tree")
        assert reply.messages[0].replace(asked.name, "Otto") == day, "every word but other people's names"
    sent = str(gemini.bodies)
    assert "jar of plums" in sent
    assert "Otto" not in sent, "what Gemini is shown is what is trained on"
    assert "stairs" not in str(gemini.headers)
    assert twin("run", "me", "--dry-run").err.count(" 0 requests") == 1, "what was answered is not sent again"
