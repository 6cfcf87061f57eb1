"""The whole story in a real Chromium: sign up, upload, train, chat; every page looked at by axe on two sizes."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FilePayload, Page, expect, sync_playwright
from tests.tiny import TinyGemma
from tests.web.conftest import PASSWORD

from twin import sample
from twin.settings import Settings

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
SEVERE = {"serious", "critical"}
PICTURES = os.environ.get("PICTURES")
"""A folder: pictures of every page are put there."""

patient = pytest.mark.skipif(
    "TWIN_LONG_TESTS" not in os.environ,
    reason="takes minutes, and longer than its deadlines on a busy machine; make test-browser",
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here: apt-get install chromium"),
]


class Server:
    """`twin serve` as people start it, with the tiny model, in a process of its own."""

    def __init__(self, home: Path, tiny: TinyGemma) -> None:
        self._settings = Settings(home=str(home), base=str(tiny.gguf))
        self._log = home.parent / "server.log"
        self.start()

    def start(self, port: int = 0) -> None:
        self.port = port or _free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        others = {name: value for name, value in os.environ.items() if not name.startswith("TWIN_")}
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "twin", "serve", "--port", str(self.port)],
                env={**others, **self._settings.variables(), "KERAS_BACKEND": "jax"},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert self.address in line, (line, self._log.read_text())

    def kill(self) -> None:
        """As a power cut does."""
        self.process.kill()
        self._reap()

    def stop(self) -> None:
        self.process.terminate()
        self._reap()

    def _reap(self) -> None:
        self.process.wait(30)
        assert self.process.stdout
        self.process.stdout.close()


def _free_port() -> int:
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny: TinyGemma) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("serve") / "home", tiny)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


class Looker:
    """Opens pages, and fails on what a person would trip over: errors, sideways scrolling, what axe finds."""

    def __init__(self, browser: Browser, server: Server, size: str) -> None:
        self.server, self.size = server, size
        self._context = browser.new_context(viewport=SIZES[size])  # pyright: ignore[reportArgumentType]
        self.page: Page = self._context.new_page()
        self.errors: list[str] = []
        self.page.on("console", lambda told: self.errors.append(told.text) if told.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.set_default_timeout(20_000)

    def close(self) -> None:
        self._context.close()

    def open(self, path: str) -> Page:
        self.page.goto(self.server.address + path, wait_until="domcontentloaded")
        return self.page

    def look(self, name: str) -> None:
        page = self.page
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), f"{name} scrolls sideways"
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            if PICTURES:
                Path(PICTURES).mkdir(parents=True, exist_ok=True)
                page.screenshot(path=Path(PICTURES) / f"{name}-{self.size}-{scheme}.png")
            found = [
                (one["id"], [node["html"][:120] for node in one["nodes"]][:3])
                for one in Axe()
                .run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]})
                .response["violations"]
                if one["impact"] in SEVERE
            ]
            assert found == [], f"{name}, {self.size}, {scheme}"
        page.emulate_media(color_scheme="light", reduced_motion="no-preference")
        assert self.errors == [], name


@pytest.fixture(params=SIZES)
def looker(browser: Browser, server: Server, request: pytest.FixtureRequest) -> Iterator[Looker]:
    looking = Looker(browser, server, request.param)
    yield looking
    looking.close()


def sign_up(looker: Looker, email: str) -> None:
    page = looker.open("/signup")
    page.fill("[name=email]", email)
    page.fill("[name=password]", PASSWORD)
    page.click("main button")
    expect(page).to_have_url(re.compile("/twins$"))


def create(page: Page, name: str) -> str:
    """From the list of twins to a run; the twin's id."""
    page.click("main button")
    twin = page.url.split("/")[-2]
    part = "".join(sample.path().read_text("utf-8").splitlines(keepends=True)[:700]).encode()
    page.set_input_files("#files", [FilePayload(name=sample.path().name, mimeType="text/plain", buffer=part)])
    expect(page.locator(".upload.ready")).to_contain_text(re.compile(r"6\d\d messages"), timeout=40_000)
    page.click("#next")
    page.check("input[value='Nora Quill']")
    page.click("main form button")
    page.fill("[name=name]", name)
    page.check("[name=consent]")
    page.locator("[name=budget]").first.check()
    page.click("main form button.large")
    expect(page).to_have_url(re.compile("/training$"))
    return twin


def test_pages_without_an_account(looker: Looker) -> None:
    for name, path in {
        "front": "/",
        "login": "/login",
        "signup": "/signup",
        "privacy": "/privacy",
        "forgotten": "/forgotten",
    }.items():
        looker.open(path)
        looker.look(name)
    looker.page.click("button[value=es]")
    expect(looker.page.locator("html")).to_have_attribute("lang", "es")
    expect(looker.page.locator("h1")).not_to_contain_text("Forgotten")


@patient
@pytest.mark.timeout(480)
def test_from_sign_up_to_talking_with_oneself(browser: Browser, server: Server) -> None:
    looker = Looker(browser, server, "desktop")
    page = looker.page
    sign_up(looker, "ana@example.org")
    looker.look("no-twins")
    twin = create(page, "Nora")
    looker.look("training-begins")
    # The server dies and comes back: the page that is open goes on by itself, and so does the run.
    expect(page.locator(".stages .done").first).to_be_visible(timeout=60_000)
    server.kill()
    server.start(server.port)
    # Somebody else's training waits for its turn, and says so.
    other = Looker(browser, server, "phone")
    sign_up(other, "eve@example.org")
    create(other.page, "Eve")
    expect(other.page.locator("#look")).to_contain_text(re.compile("waits for its turn|is growing"))
    other.look("training-waits")
    expect(page.locator("#look h1")).to_contain_text("is ready", timeout=300_000)
    looker.errors.clear()  # the connection that the killed server dropped
    looker.look("training-done")
    page.click("#look .head a.button")
    page.fill("#text", "who has the string?")
    page.keyboard.press("Enter")
    expect(page.locator("#thread li.twin .bubble").first).to_be_visible(timeout=40_000)
    expect(page.locator("#thread li.twin .acts").first).to_be_visible(timeout=40_000)
    assert "/conversations/" in page.url
    page.locator("#thread li.twin summary", has_text="I would have said").click()
    page.fill("#thread li.twin textarea", "i do, obviously")
    page.get_by_role("button", name="Teach it").click()
    expect(page.locator(".corrected")).to_contain_text("i do, obviously")
    expect(page.locator(".waiting")).to_contain_text("1 correction waits")
    looker.look("chat")
    page.focus("#text")
    page.keyboard.press("ArrowUp")  # changes the last message, without a mouse
    page.fill("li.person textarea", "who has the rope?")
    page.locator("li.person").get_by_role("button", name="Send instead").click()
    expect(page.locator("#thread .branches")).to_contain_text("2/2", timeout=40_000)
    looks = {
        "twins": "/twins",
        "likeness": f"/twins/{twin}/likeness",
        "blind-tests": f"/twins/{twin}/blind-tests",
        "share": f"/twins/{twin}/share",
        "export": f"/twins/{twin}/export",
        "keys": f"/twins/{twin}/keys",
        "chats": f"/twins/{twin}/chats",
        "delete": f"/twins/{twin}/delete",
        "account": "/account",
        "admin": "/admin",
        "new-chat": f"/twins/{twin}/chat",
    }
    for size, box in SIZES.items():
        page.set_viewport_size(box)  # pyright: ignore[reportArgumentType]
        looker.size = size
        for name, path in looks.items():
            looker.open(path)
            looker.look(name)
    other.open(f"/twins/{twin}/chat")
    expect(other.page.locator("h1")).to_contain_text("not yours")
    other.close()
    looker.close()


@patient
def test_an_upload_goes_on_after_the_connection_was_lost(looker: Looker, tmp_path: Path) -> None:
    sign_up(looker, f"{looker.size}{time.time()}@example.org")
    page = looker.page
    page.click("main button")
    large = tmp_path / "WhatsApp Chat with Saturday crew.txt"
    large.write_bytes(sample.path().read_bytes() * 80)
    sent: list[int] = []
    page.on(
        "request",
        lambda request: sent.append(int(request.headers["upload-offset"])) if request.method == "PATCH" else None,
    )
    broken: list[str] = []

    def once(route: object) -> None:
        if len(sent) >= 2 and not broken:
            broken.append("lost")
            route.abort("connectionreset")  # pyright: ignore[reportAttributeAccessIssue]
        else:
            route.continue_()  # pyright: ignore[reportAttributeAccessIssue]

    page.route("**/uploads/**", once)
    page.set_input_files("#files", [str(large)])
    expect(page.locator(".upload")).to_be_visible(timeout=60_000)
    assert broken
    assert sent == sorted(sent)
    assert len(set(sent)) == -(-large.stat().st_size // (4 << 20))
    expect(page.locator(".upload.ready")).to_be_visible(timeout=60_000)


def test_without_scripts_everything_but_streaming_works(browser: Browser, server: Server) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto(server.address + "/signup")
    page.fill("[name=email]", "plain@example.org")
    page.fill("[name=password]", PASSWORD)
    page.click("main button")
    page.click("main button")
    page.set_input_files("#files", [str(sample.path())])
    page.get_by_role("button", name="Upload").click()
    for _ in range(60):
        if page.locator(".upload.ready").count():
            break
        time.sleep(0.25)
        page.reload()
    page.click("#next")
    page.click("main form button")
    expect(page.locator("h1")).to_contain_text("Check")
    context.close()
