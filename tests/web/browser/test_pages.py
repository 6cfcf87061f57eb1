"""Pages in a real Chromium: those that anybody sees, and everything without scripts."""

import time

from playwright.sync_api import Browser, expect
from tests.web.browser.conftest import PATIENCE_MS, Looker, Server
from tests.web.conftest import PASSWORD

from twin import sample


def test_pages_without_an_account(looker: Looker) -> None:
    paths = {"front": "/", "login": "/login", "signup": "/signup", "privacy": "/privacy", "forgotten": "/forgotten"}
    for name, path in paths.items():
        looker.open(path)
        looker.look(name)
    looker.page.click("button[value=es]")
    expect(looker.page.locator("html")).to_have_attribute("lang", "es")
    expect(looker.page.locator("h1")).not_to_contain_text("Forgotten")


def test_no_page_asks_anybody_else(looker: Looker) -> None:
    asked: set[str] = set()
    looker.page.on("request", lambda request: asked.add(request.url))
    for path in ("/", "/signup", "/privacy"):
        looker.open(path)
    assert len(asked) > 3, "three pages, and what they are made of"
    assert all(url.startswith(looker.server.address) for url in asked)


def test_without_scripts_everything_but_streaming_works(browser: Browser, server: Server) -> None:
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(server.address + "/signup")
    page.fill("[name=email]", "plain@example.org")
    page.fill("[name=password]", PASSWORD)
    page.click("main button")
    page.click("main button")
    page.set_input_files("#files", [str(sample.path())])
    page.get_by_role("button", name="Upload").click()
    until = time.monotonic() + PATIENCE_MS / 1000
    while not page.locator(".upload.ready").count() and time.monotonic() < until:
        time.sleep(0.25)
        page.reload()
    page.click("#next")
    page.click("main form button")
    expect(page.locator("h1")).to_contain_text("Check")
    context.close()
