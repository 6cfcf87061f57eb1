"""Uploads in a real browser: broken off at 60 %, by a closed tab and by a lost connection, they go on from there."""

import os
import time
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, Route, expect
from tests.web.browser.conftest import CHAT, Looker

PIECE = 4 << 20


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chat of five pieces; most of it is a picture, which is quickly skipped."""
    path = tmp_path_factory.mktemp("exports") / "WhatsApp Chat - Saturday crew.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("_chat.txt", CHAT)
        archive.writestr("IMG-20250101-WA0001.jpg", bytes(5 * PIECE - 2 * len(CHAT)))
    assert 4 * PIECE < path.stat().st_size <= 5 * PIECE
    return path


def offset(request: Request) -> int:
    """Where the piece begins that a request sends; -1 for another request."""
    return int(request.headers["upload-offset"]) if request.method == "PATCH" else -1


def offsets(page: Page) -> list[int]:
    """Where the pieces begin that a page sends, as it sends them."""
    sent: list[int] = []

    def note(request: Request) -> None:
        if offset(request) >= 0:
            sent.append(offset(request))

    page.on("request", note)
    return sent


@pytest.mark.skipif("TWIN_LONG_TESTS" not in os.environ, reason="hangs after other pages' tests: make test-browser")
def test_an_upload_broken_off_at_60_percent_goes_on_from_there(looker: Looker, large: Path) -> None:
    looker.sign_up(f"{looker.size}{time.time()}@example.org")
    page = looker.page
    page.click("main button")
    address = page.url
    first = offsets(page)

    def until_60(route: Route) -> None:
        if offset(route.request) >= 3 * PIECE:  # of five: 60 % is there
            route.abort("connectionreset")
        else:
            route.continue_()

    looker.expected = "ERR_CONNECTION_RESET"  # the browser's own word about it, which may come at any time
    page.route("**/uploads/**", until_60)
    page.set_input_files("#files", [str(large)])
    expect(page.locator("#sending")).to_contain_text("The connection was lost")
    looker.look("upload-broken")
    assert first[:3] == [0, PIECE, 2 * PIECE]

    # Another day: the tab is gone, the same file is chosen again, and another piece is lost.
    again = looker.tab()
    page.close()
    second = offsets(again)
    lost: list[str] = []

    def once(route: Route) -> None:
        if offset(route.request) == 4 * PIECE and not lost:
            lost.append(route.request.url)
            route.abort("connectionreset")
        else:
            route.continue_()

    again.goto(address)
    expect(again.locator(".upload")).to_contain_text("not complete")
    again.route("**/uploads/**", once)
    again.set_input_files("#files", [str(large)])
    expect(again.locator(".upload.ready")).to_contain_text("messages")
    assert lost
    assert second == [3 * PIECE, 4 * PIECE, 4 * PIECE], "what was there already is not sent again"
