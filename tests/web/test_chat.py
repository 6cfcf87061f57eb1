"""Conversations: streams, branches, corrections, search."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.web.conftest import House, Person

from twin.domain.examples import Role, Split
from twin.domain.jsonl import read_examples
from twin.domain.runs import RunState
from twin.domain.twins import Twin
from twin.pipeline import keys
from twin.serve import memory
from twin.web import talk
from twin.web.store.conversations import ChatMessage, Said, branch

STREAM = "text/event-stream"


@pytest.fixture
def ana(house: House) -> Person:
    return house.ana()


@pytest.fixture
def twin(house: House, ana: Person) -> Twin:
    return house.twin("ana@example.org")


def begin(ana: Person, twin: Twin, text: str = "where are you") -> str:
    """A conversation with one message and its reply; its id."""
    location = ana.post(f"/twins/{twin.id}/chat", {"text": text}).headers["Location"]
    return location.split("/")[-1].partition("#")[0]


def told(text: str) -> Iterator[tuple[str, dict[str, object]]]:
    for kind, data in re.findall(r"event: (\w+)\ndata: (.*)\n\n", text):
        yield kind, json.loads(data)


def seen(house: House, conversation: str) -> list[ChatMessage]:
    store = house.site.store.conversations
    found = store.get(conversation)
    assert found
    return [one.message for one in branch(store.messages(conversation), found.leaf)]


def test_a_reply_streams_in_pieces(house: House, ana: Person, twin: Twin) -> None:
    answer = ana.post(f"/twins/{twin.id}/chat", {"text": "<b>hi</b> & you"}, status=200, accept=STREAM)
    assert answer.mimetype == STREAM
    events = list(told(answer.text))
    kinds = [kind for kind, _ in events]
    assert (kinds[0], kinds[-1]) == ("thread", "thread")
    assert kinds.count("piece") > 1
    first, last = events[0][1], events[-1][1]
    assert (first["over"], last["over"]) == (False, True)
    assert "&lt;b&gt;hi&lt;/b&gt; &amp; you" in str(first["html"])
    asked, said = seen(house, str(last["address"]).split("/")[-1])
    pieces: dict[int, str] = {}
    for kind, data in events:
        if kind == "piece":
            pieces[int(str(data["message"]))] = pieces.get(int(str(data["message"])), "") + str(data["text"])
    assert said.bubbles == tuple(text.strip() for text in pieces.values() if text.strip())
    assert (asked.role, said.role, said.parent) == (Said.PERSON, Said.TWIN, asked.id)


def test_the_words_stand_in_no_address(ana: Person, twin: Twin) -> None:
    location = ana.post(f"/twins/{twin.id}/chat", {"text": "secret plans"}).headers["Location"]
    assert "secret" not in location
    page = ana.get(location.partition("#")[0])
    assert not re.search(r'(?:href|action|src)="[^"]*secret', page)
    assert "AI twin: a model that writes like this person" in page


def test_a_changed_message_begins_a_branch(house: House, ana: Person, twin: Twin) -> None:
    talk_id = begin(ana, twin)
    asked, said = seen(house, talk_id)
    ana.post(f"/conversations/{talk_id}/messages", {"text": "and then?"})
    ana.post(f"/conversations/{talk_id}/messages", {"text": "where is he", "instead_of": asked.id})
    other = seen(house, talk_id)
    assert [one.bubbles for one in other if one.role is Said.PERSON] == [("where is he",)]
    page = ana.get(f"/conversations/{talk_id}")
    assert "2/2" in page
    ana.post(f"/conversations/{talk_id}/branch", {"message": asked.id})
    assert [one.id for one in seen(house, talk_id)][:2] == [asked.id, said.id]
    assert len(seen(house, talk_id)) == 4
    assert len(house.site.store.conversations.messages(talk_id)) == 6


def test_another_reply_keeps_the_first(house: House, ana: Person, twin: Twin) -> None:
    talk_id = begin(ana, twin)
    _, said = seen(house, talk_id)
    ana.post(f"/conversations/{talk_id}/again", {"message": said.id})
    _, again = seen(house, talk_id)
    assert again.id != said.id
    assert again.parent == said.parent
    assert "2/2" in ana.get(f"/conversations/{talk_id}")


def test_a_stopped_reply_keeps_what_was_said(house: House, ana: Person, twin: Twin) -> None:
    store = house.site.store.conversations
    found = store.begin(twin.id, "local", title="t", now=house.clock())
    asked = store.say(found, Said.PERSON, ["go on"], parent=None, now=house.clock())
    assert asked
    pieces = talk.reply(house.site, twin, found, asked)
    first = next(piece.text for piece in pieces if piece.text.strip())
    ana.post(f"/conversations/{found.id}/stop")
    assert len(list(pieces)) <= 1
    *_, said = seen(house, found.id)
    assert said.role is Said.TWIN
    assert "".join(said.bubbles).startswith(first.strip())


def test_a_closed_tab_keeps_what_was_said(house: House, twin: Twin) -> None:
    store = house.site.store.conversations
    found = store.begin(twin.id, "local", title="t", now=house.clock())
    asked = store.say(found, Said.PERSON, ["go on"], parent=None, now=house.clock())
    assert asked
    pieces = talk.reply(house.site, twin, found, asked)
    next(piece for piece in pieces if piece.text.strip())
    pieces.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert len(seen(house, found.id)) == 2


def test_a_correction_reaches_the_next_training(house: House, ana: Person, twin: Twin) -> None:
    talk_id = begin(ana, twin, "who has the string")
    _, said = seen(house, talk_id)
    ana.post(f"/messages/{said.id}/correction", {"text": "i do\nobviously"})
    page = ana.get(f"/conversations/{talk_id}")
    assert "1 correction waits for the next training." in page
    assert "i do\nobviously" in page
    ana.post(f"/twins/{twin.id}/training", {"budget": "120"})
    (run,) = [one for one in house.platform.records.runs(twin.id) if not one.state.final]
    assert run.options == {"budget_s": "120"}
    file = house.platform.folder / "objects" / keys.corrections(twin.id)
    (example,) = read_examples(file)
    assert [(turn.role, turn.messages) for turn in example.turns] == [
        (Role.OTHER, ("who has the string",)),
        (Role.OWNER, ("i do", "obviously")),
    ]
    assert (example.context, example.split) == (1, Split.TRAIN)
    assert house.site.store.corrections.waiting(twin.id) == 0


def test_corrections_go_with_their_conversation(house: House, ana: Person, twin: Twin) -> None:
    kept, gone = begin(ana, twin, "who has the string"), begin(ana, twin, "where is the marmalade")
    for talk_id in (kept, gone):
        _, said = seen(house, talk_id)
        ana.post(f"/messages/{said.id}/correction", {"text": f"i do, {talk_id}"})
    ana.post(f"/conversations/{gone}/delete")
    file = house.platform.folder / "objects" / keys.corrections(twin.id)
    assert [example.turns[-1].messages for example in read_examples(file)] == [(f"i do, {kept}",)]
    ana.post(f"/conversations/{kept}/delete")
    assert not file.exists()
    assert house.site.store.corrections.of_twin(twin.id) == []


def test_thumbs_can_be_taken_back(house: House, ana: Person, twin: Twin) -> None:
    talk_id = begin(ana, twin)
    _, said = seen(house, talk_id)
    ratings: list[int] = []
    for rating in ("up", "down", "down"):
        ana.post(f"/messages/{said.id}/rating", {"rating": rating})
        ratings.append(seen(house, talk_id)[1].rating)
    assert ratings == [1, -1, 0]


def test_search_finds_words_in_any_branch(ana: Person, twin: Twin) -> None:
    begin(ana, twin, "about the tomatoes")
    begin(ana, twin, "¿cómo está la Señora?")
    page = ana.post(f"/twins/{twin.id}/search", {"words": "TOMATO"}, status=200).text
    assert "about the tomatoes" in page
    assert "Señora" not in page
    assert "Señora" in ana.post(f"/twins/{twin.id}/search", {"words": "señora"}, status=200).text
    assert "Nothing found" in ana.post(f"/twins/{twin.id}/search", {"words": "%"}, status=200).text
    begin(ana, twin, "habló con Ángel")
    assert "Ángel" in ana.post(f"/twins/{twin.id}/search", {"words": "ángel"}, status=200).text


def test_a_title_that_was_changed_during_a_reply_stays(house: House, ana: Person, twin: Twin) -> None:
    conversations = house.site.store.conversations
    before = conversations.get(begin(ana, twin, "about beans"))
    assert before
    ana.post(f"/conversations/{before.id}/rename", {"title": "On beans"})
    conversations.say(before, Said.TWIN, ["yes"], parent=before.leaf, now=house.clock())
    after = conversations.get(before.id)
    assert after
    assert after.title == "On beans"


def test_a_conversation_is_renamed_and_deleted(house: House, ana: Person, twin: Twin) -> None:
    talk_id = begin(ana, twin)
    ana.post(f"/conversations/{talk_id}/rename", {"title": "On beans"})
    assert "On beans" in ana.get(f"/conversations/{talk_id}")
    ana.post(f"/conversations/{talk_id}/delete")
    ana.get(f"/conversations/{talk_id}", status=404)
    assert not house.site.store.conversations.messages(talk_id)


def test_what_cannot_be_said_is_refused(ana: Person, twin: Twin) -> None:
    for text in ("", "   ", "x" * 4001):
        ana.post(f"/twins/{twin.id}/chat", {"text": text}, status=400)


def test_a_broken_adapter_is_a_sentence(house: House, ana: Person, twin: Twin) -> None:
    run = house.platform.records.run(twin.run_id or "")
    broken = house.platform.scratch / "broken"
    broken.write_bytes(b"no adapter")
    house.platform.objects.put(keys.run(run) + keys.ADAPTER_GGUF, broken)
    answer = ana.post(f"/twins/{twin.id}/chat", {"text": "hi"}, status=200, accept=STREAM)
    events = list(told(answer.text))
    assert [kind for kind, _ in events] == ["thread", "failed", "thread"]
    assert "GGUF" in str(events[1][1]["sentence"])
    assert "Ask for a reply" in str(events[2][1]["html"])


def test_an_untrained_twin_does_not_chat(house: House, ana: Person, twin: Twin) -> None:
    house.platform.records.save(replace(twin, run_id=None))
    ana.get(f"/twins/{twin.id}/chat", status=302)
    ana.post(f"/twins/{twin.id}/chat", {"text": "hi"}, status=409)


def test_a_share_is_used_up(house: House, ana: Person, twin: Twin) -> None:
    ana.post(f"/twins/{twin.id}/share", {"days": "1", "replies": "50"})
    (share,) = house.site.store.invitations.shares(twin.id)
    guest = house.person()
    path = guest.post(f"/s/{share.token}", {"text": "hello"}).headers["Location"].partition("#")[0]
    page = guest.get(path)
    assert "I would have said" not in page
    assert "Blind test" not in page
    for _ in range(49):
        assert house.site.store.invitations.use(share.token)
    refused = guest.post(f"{path}/messages", {"text": "more"}, status=400)
    assert "used up" in refused.text


def test_the_page_says_when_the_adapter_takes_over(house: House, ana: Person, twin: Twin) -> None:
    store = house.site.store.conversations
    talk_id = begin(ana, twin)
    found = store.get(talk_id)
    assert found
    assert seen(house, talk_id)[-1].adapter == twin.run_id
    assert "takeover" not in ana.get(f"/conversations/{talk_id}")
    # Before the training the base had answered; after it, another version was chosen.
    first = store.say(found, Said.PERSON, ["hi"], parent=None, now=house.clock())
    assert first
    early = store.say(found, Said.TWIN, ["yo"], parent=first.id, adapter="", now=house.clock())
    assert early
    ana.post(f"/conversations/{talk_id}/messages", {"text": "and now?"})
    page = ana.get(f"/conversations/{talk_id}")
    assert page.count("in its own voice: the training is done") == 1
    assert page.index("yo</p>") < page.index("in its own voice") < page.index(f"m-{seen(house, talk_id)[-1].id}")
    house.version(twin)
    ana.post(f"/conversations/{talk_id}/messages", {"text": "and now?"})
    assert ana.get(f"/conversations/{talk_id}").count("another version of it answers") == 1


def test_a_twin_in_training_follows_its_run(house: House, ana: Person, twin: Twin) -> None:
    run = house.platform.records.run(twin.run_id or "")
    past = house.platform.scratch / "memory.db"
    memory.write(past, [])
    house.platform.objects.put(keys.run(run) + keys.MEMORY, past)
    house.platform.records.save(replace(twin, run_id=None))
    house.platform.records.save(replace(run, state=RunState.RUNNING))
    page = ana.get(f"/twins/{twin.id}/chat")
    assert "not trained yet" in page
    assert f"/runs/{run.id}/events" in page
    house.platform.records.save(replace(run, state=RunState.DONE))
    answer = ana.browser.get(f"/twins/{twin.id}/runs/{run.id}/events")
    assert 'event: over\ndata: "done"' in answer.text
    house.platform.records.save(twin)
    assert "not trained yet" not in ana.get(f"/twins/{twin.id}/chat")
