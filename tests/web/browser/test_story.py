"""The whole story in two real browsers at once: from sign-up to talking with oneself, on a desktop and on a phone.

Two accounts make a twin each; both trainings are real, of a tiny model, and the server is killed during the first.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from tests.web.browser.conftest import TRAINING_MS, Looker, Server
from tests.web.conftest import PASSWORD


@pytest.fixture
def ana(browser: Browser, server: Server, pictures: Path) -> Iterator[Looker]:
    looking = Looker(browser, server, "desktop", pictures)
    yield looking
    looking.close()


@pytest.fixture
def eve(browser: Browser, server: Server, pictures: Path) -> Iterator[Looker]:
    looking = Looker(browser, server, "phone", pictures)
    yield looking
    looking.close()


def say(page: Page, text: str) -> Locator:
    """Send a message with the keyboard alone; the reply, when it is complete."""
    replies = page.locator("#thread li.twin")
    before = replies.count()
    page.focus("#text")
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect(replies).to_have_count(before + 1)
    expect(page.locator("#coming")).to_be_hidden()
    return replies.nth(before)


def bubbles(row: Locator) -> list[str]:
    return row.locator(".bubble").all_text_contents()


@pytest.mark.skipif("TWIN_LONG_TESTS" not in os.environ, reason="takes two minutes and more: make test-browser")
def test_from_sign_up_to_talking_with_oneself(ana: Looker, eve: Looker) -> None:
    server = ana.server
    ana.sign_up("ana@example.org")
    ana.look("twins-none")
    anas = ana.draft("Nora", looks=True)
    eve.sign_up("eve@example.org")
    eves = eve.draft("Eve", looks=True)
    # Two trainings at once: the second waits, and says so.
    ana.create()
    run = str(ana.page.locator("#look").get_attribute("data-events"))
    eve.create()
    expect(eve.page.locator("#look h1")).to_contain_text("Eve waits for its turn")
    expect(eve.page.locator("#look")).to_contain_text("Another training is done first")
    eve.look("training-waits")
    a_server_killed_during_training(ana, server, run)
    the_adapter_takes_over_from_the_base(ana, anas)
    ana.look("training-done")
    expect(eve.page.locator("#look[data-over] h1")).to_contain_text("Eve is ready", timeout=TRAINING_MS)
    eve.errors.clear()  # the connection that the killed server dropped
    eve.look("training-done")
    chatting(ana, anas)
    eve.page.click("#look .head a.button")
    say(eve.page, "who has the rope?")
    eve.look("chat")
    nothing_mixes(ana, anas, eve, eves)
    guests(ana, anas, eve)
    for looker, twin in ((ana, anas), (eve, eves)):
        every_page(looker, twin)
    going(eve, eves)
    assert "who has the" not in server.log, "what is said is in no log"


def a_server_killed_during_training(ana: Looker, server: Server, run: str) -> None:
    page = ana.page
    under_way = page.locator(".stages [aria-current=step]")
    expect(under_way).to_contain_text("Learning to write like you", timeout=TRAINING_MS)
    server.kill()
    server.start(server.port)
    # The page that is open goes on by itself; so does one that is loaded anew. It is the same run, not another.
    again = ana.tab()
    again.goto(page.url)
    for shown in (page, again):
        expect(shown.locator("#look h1")).to_contain_text("Nora is growing")
        expect(shown.locator(".stages .done")).not_to_have_count(0)
        assert shown.locator("#look").get_attribute("data-events") == run
    again.close()
    expect(page.locator(".curve")).to_be_visible()
    expect(page.locator(".notes")).to_contain_text("→ Nora Quill: ", timeout=TRAINING_MS)
    ana.errors.clear()  # the connection that the killed server dropped
    ana.look("training")


def the_adapter_takes_over_from_the_base(ana: Looker, twin: str) -> None:
    """While it learns, the base goes on from what was written; the chat says when its own voice takes over."""
    early = ana.tab()
    early.goto(f"{ana.server.address}/twins/{twin}/chat")
    expect(early.locator("#untrained")).to_contain_text("not trained yet")
    say(early, "are you there?")
    ana.look("chat-untrained", early)
    expect(ana.page.locator("#look[data-over] h1")).to_contain_text("Nora is ready", timeout=TRAINING_MS)
    expect(early.locator("#grown")).to_contain_text("from now on it answers in its own voice")
    expect(early.locator("#untrained")).to_have_count(0)
    say(early, "and now?")
    expect(early.locator(".takeover")).to_contain_text("From here on it answers in its own voice")
    early.close()


def chatting(ana: Looker, twin: str) -> None:
    """Everything that can be done with a reply."""
    page = ana.open(f"/twins/{twin}/chat")
    reply = say(page, "who has the string?")
    assert "/conversations/" in page.url
    assert "string" not in page.url
    expect(page.locator("header.with small")).to_contain_text("AI twin")
    # What was opened below a message stays when the next reply comes.
    reply.locator("summary", has_text="I would have said").click()
    reply.locator("textarea").fill("i do, obviously")
    say(page, "are you sure?")
    expect(reply.locator("textarea")).to_have_value("i do, obviously")
    page.get_by_role("button", name="Teach it").first.click()
    expect(page.locator(".corrected")).to_contain_text("i do, obviously")
    expect(page.locator(".waiting")).to_contain_text("1 correction waits")
    page.wait_for_load_state()
    # Edit and resend, without a mouse: another branch; the older one stays.
    page.focus("#text")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("are you really sure?")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    branches = page.locator("#thread li.person .branches")
    expect(branches).to_contain_text("2/2")
    expect(page.locator("#coming")).to_be_hidden()
    expect(page.locator("#thread li.person").last).to_contain_text("are you really sure?")
    ana.look("chat")
    page.get_by_role("button", name="The one before").last.click()
    expect(page.locator("#thread li.person").last).to_contain_text("are you sure?")
    # Try again: another reply beside the first.
    page.wait_for_load_state()
    page.get_by_role("button", name="Try again").last.click()
    expect(page.locator("#thread li.twin .branches")).to_contain_text("2/2")
    expect(page.locator("#coming")).to_be_hidden()
    page.get_by_role("button", name="Like it", exact=True).last.click()
    expect(page.locator("[aria-pressed=true]")).to_have_count(1)
    page.fill("#words", "REALLY")
    page.press("#words", "Enter")
    expect(page.locator(".list a")).to_have_count(1)
    page.locator(".list a").click()
    page.click(".menu summary")
    page.fill("[name=title]", "On string")
    page.get_by_role("button", name="Rename").click()
    expect(page.locator(".list [aria-current]")).to_have_text("On string")


def nothing_mixes(ana: Looker, anas: str, eve: Looker, eves: str) -> None:
    for looker, own, others in ((ana, anas, eves), (eve, eves, anas)):
        for path in ("chat", "training", "likeness", "chats"):
            page = looker.open(f"/twins/{others}/{path}")
            expect(page.locator("h1")).to_contain_text("not yours")
        looker.errors.clear()  # the browser's own words about 404
        page = looker.open("/twins")
        expect(page.locator(".card.twin")).to_have_count(1)
        assert own in page.content()
        assert others not in page.content()
    ana.open(f"/twins/{eves}/chat")
    ana.errors.clear()
    ana.look("not-yours")


def guests(ana: Looker, twin: str, eve: Looker) -> None:
    """A friend talks through a link, and takes a blind test, without an account."""
    page = ana.open(f"/twins/{twin}/share")
    page.get_by_role("button", name="Make a link").click()
    link = page.locator(".link-field").input_value()
    page = ana.open(f"/twins/{twin}/blind-tests")
    page.get_by_role("button", name="New blind test").click()
    expect(page.locator("article[data-state]")).to_be_visible()
    while page.locator("article[data-state=making]").count():
        page.wait_for_timeout(500)
        page.reload()
    ana.look("blind-test-review")
    page.get_by_role("button", name="Open the test").click()
    test = page.locator(".link-field").input_value()
    for path, name in ((link, "guest"), (test, "blind-test-play")):
        eve.page.goto(path)
        eve.look(name)
    for question in eve.page.locator("fieldset").all():
        question.locator("input").first.check()
    eve.page.get_by_role("button", name="That is my guess").click()
    expect(eve.page.locator("h1")).to_contain_text("You were right")
    eve.look("blind-test-thanks")


def every_page(looker: Looker, twin: str) -> None:
    paths = {
        "twins": "/twins",
        "likeness": f"/twins/{twin}/likeness",
        "blind-tests": f"/twins/{twin}/blind-tests",
        "share": f"/twins/{twin}/share",
        "export": f"/twins/{twin}/export",
        "keys": f"/twins/{twin}/keys",
        "chats": f"/twins/{twin}/chats",
        "delete": f"/twins/{twin}/delete",
        "account": "/account",
        "account-delete": "/account/delete",
        "chat-new": f"/twins/{twin}/chat",
    }
    for name, path in paths.items():
        looker.open(path)
        looker.look(name)
    page = looker.open(f"/twins/{twin}/likeness")
    report = page.get_by_role("link", name=re.compile("whole report"))
    looker.open(str(report.get_attribute("href")))
    looker.look("report")
    if looker.open("/admin").locator("table").count():
        looker.look("admin")
    looker.errors.clear()  # the browser's own word about 404, for whoever is no admin


def going(eve: Looker, twin: str) -> None:
    """A twin is deleted, then the account; nothing is left to come back to."""
    page = eve.open(f"/twins/{twin}/export")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download PEFT").click()
    assert download.value.suggested_filename == "twin-peft.zip"
    page = eve.open(f"/twins/{twin}/delete")
    expect(page.locator(".goes")).to_contain_text("1 training")
    page.get_by_role("button", name="Delete it for ever").click()
    expect(page.locator(".told")).to_contain_text("is gone")
    page = eve.open("/account/delete")
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Delete everything for ever").click()
    expect(page.locator(".told")).to_contain_text("Your account is gone")
    eve.open("/login")
    page.fill("[name=email]", "eve@example.org")
    page.fill("[name=password]", PASSWORD)
    page.click("main button")
    expect(page.locator(".problem")).to_be_visible()
