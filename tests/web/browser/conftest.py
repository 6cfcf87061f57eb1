"""A real Chromium before `twin serve` as people start it, with the tiny model."""

import os
import re
import shutil
import socket
import subprocess
import sys
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
SCHEMES = {"desktop": "light", "phone": "dark"}
"""What axe sees depends on the size and on the colours: looking at two of the four pairs finds what four would."""
SEVERE = {"serious", "critical"}
RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]
PATIENCE_MS = 240_000
"""How long a page may take before it counts as broken: machines are busy, and waiting for what comes costs nothing."""
TRAINING_MS = 5 * PATIENCE_MS
CHAT = "".join(sample.path().read_text("utf-8").splitlines(keepends=True)[:700]).encode()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(3600))
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="there is no Chromium here: apt-get install chromium"))


class Server:
    """`twin serve` in a process of its own."""

    def __init__(self, home: Path, tiny: TinyGemma) -> None:
        # A second base, so that the pages show the choice.
        self._settings = Settings(home=str(home), base=str(tiny.gguf), bases=str(tiny.gguf.with_name("larger.gguf")))
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

    @property
    def log(self) -> str:
        return self._log.read_text()

    def _reap(self) -> None:
        self.process.wait(240)
        assert self.process.stdout
        self.process.stdout.close()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Looker:
    """Somebody with a browser, who notices what a person would trip over: errors, sideways scrolling, what axe finds."""

    def __init__(self, browser: Browser, server: Server, size: str, pictures: Path) -> None:
        self.server, self.size, self._pictures = server, size, pictures
        self._context = browser.new_context(viewport=SIZES[size], accept_downloads=True)  # pyright: ignore[reportArgumentType]
        self._context.set_default_timeout(PATIENCE_MS)
        self.errors: list[str] = []
        self.expected: str | None = None
        self.page = self.tab()

    def tab(self) -> Page:
        """Another tab of the same browser."""
        page = self._context.new_page()
        page.on("console", lambda told: self.errors.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        return page

    def close(self) -> None:
        self._context.close()

    def open(self, path: str) -> Page:
        self.page.goto(self.server.address + path, wait_until="domcontentloaded")
        return self.page

    def look(self, name: str, page: Page | None = None) -> None:
        """Look at a page as it is: it fits its window, axe finds nothing serious, nothing was complained about."""
        page = page or self.page
        page.wait_for_load_state("domcontentloaded")
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), f"{name} scrolls sideways"
        scheme = SCHEMES[self.size]
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # pyright: ignore[reportArgumentType]
        page.screenshot(path=self._pictures / f"{name}-{self.size}-{scheme}.png", full_page=True)
        found = [
            (one["id"], [node["html"][:120] for node in one["nodes"]][:3])
            for one in Axe().run(page, options={"runOnly": RULES}).response["violations"]
            if one["impact"] in SEVERE
        ]
        assert found == [], f"{name}, {self.size}, {scheme}"
        page.emulate_media(color_scheme="light", reduced_motion="no-preference")
        assert [one for one in self.errors if not self.expected or self.expected not in one] == [], name

    def sign_up(self, email: str) -> None:
        page = self.open("/signup")
        page.fill("[name=email]", email)
        page.fill("[name=password]", PASSWORD)
        page.click("main button")
        expect(page).to_have_url(re.compile("/twins$"))

    def draft(self, name: str, *, looks: bool = False) -> str:
        """From the list of twins to the last step before one is made; the twin's id."""

        def look(at: str) -> None:
            if looks:
                self.look(at)

        page = self.page
        page.click("main button")
        expect(page).to_have_url(re.compile("/chats$"))
        twin = page.url.split("/")[-2]
        look("new-twin-1")
        page.set_input_files("#files", [FilePayload(name=sample.path().name, mimeType="text/plain", buffer=CHAT)])
        expect(page.locator(".upload.ready")).to_contain_text(re.compile(r"6\d\d messages"))
        look("new-twin-1-read")
        page.click("#next")
        page.check("input[value='Nora Quill']")
        look("new-twin-2")
        page.click("main form button")
        page.fill("[name=name]", name)
        page.check("[name=consent]")
        page.locator("[name=budget]").first.check()
        look("new-twin-3")
        return twin

    def create(self) -> None:
        """From there to the training."""
        self.page.click("main form button.large")
        expect(self.page).to_have_url(re.compile("/training$"))


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of every page are put: a folder of the tests, or the one that PICTURES names."""
    folder = Path(os.environ.get("PICTURES") or tmp_path_factory.mktemp("pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, tiny: TinyGemma) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("serve") / "home", tiny)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(params=SIZES)
def looker(browser: Browser, server: Server, pictures: Path, request: pytest.FixtureRequest) -> Iterator[Looker]:
    looking = Looker(browser, server, request.param, pictures)
    yield looking
    looking.close()
