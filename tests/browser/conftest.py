"""A headless browser on the demo shop; a page that breaks a promise of ours fails its test by itself."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from tests.conftest import missing
from tests.journeys.conftest import RUNNING_DEPLOYMENT
from tests.journeys.platform import DEMO_HOUSEHOLDS, Platform

CHROMIUM = ("chromium-headless-shell", "chromium", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--hide-scrollbars",
    "--font-render-hinting=none",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
EXPECTED = ("status of 4", "ERR_INTERNET_DISCONNECTED")  # what a page says of a refusal, and offline
PATIENT_MS = 30_000  # for what is expected: the pages are asked of a machine that does much else
expect.set_options(timeout=PATIENT_MS)
SIZES = {"desk": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests start real processes and a browser."""
    for item in items:
        if "browser" in Path(item.fspath).parts:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory, complete_journey: None) -> Iterator[Platform]:
    """Return a deployment with a part of the demo shop."""
    running = os.environ.get(RUNNING_DEPLOYMENT)
    if running:
        yield Platform.running(Path(running))
        return
    platform = Platform.at(tmp_path_factory.mktemp("browser-shop"))
    try:
        platform.up("--demo", "--households", str(DEMO_HOUSEHOLDS))
        yield platform
    finally:
        platform.down()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return a headless Chromium of the system."""
    path = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if path is None:
        missing("a headless Chromium (Debian package chromium-headless-shell)")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


class Watch:
    """What went wrong in a page: errors, violations of the content security policy, requests to other hosts."""

    def __init__(self, context: BrowserContext, own: str) -> None:
        self.faults: list[str] = []
        self._own = own
        context.on("request", self._on_request)
        context.on("page", self.follow)

    def follow(self, page: Page) -> None:
        """Listen to a page."""
        page.on("pageerror", lambda error: self.faults.append(f"page error: {error}"))
        page.on("console", lambda message: self._on_console(message.type, message.text))

    def _on_console(self, kind: str, text: str) -> None:
        if kind == "error" and not any(expected in text for expected in EXPECTED):
            self.faults.append(f"console: {text}")

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith((self._own, "data:", "blob:")):
            self.faults.append(f"a request to another host: {request.url}")


@pytest.fixture(params=list(SIZES))
def size(request: pytest.FixtureRequest) -> str:
    """Return "desk" or "phone"."""
    return str(request.param)


@pytest.fixture(params=["zh", "en"])
def language(request: pytest.FixtureRequest) -> str:
    """Return "zh" or "en"."""
    return str(request.param)


@pytest.fixture
def page(browser: Browser, shop: Platform, language: str, size: str) -> Iterator[Page]:
    """Return a page of a fresh visitor in one language and size."""
    base = f"http://127.0.0.1:{shop.port}"
    context = browser.new_context(viewport=SIZES[size], locale=language, base_url=base, color_scheme="light")  # type: ignore[arg-type]
    watch = Watch(context, base)
    fresh = context.new_page()
    fresh.set_default_timeout(30_000)
    yield fresh
    context.close()
    assert watch.faults == []


@pytest.fixture
def picture(request: pytest.FixtureRequest, language: str, size: str):  # type: ignore[no-untyped-def]
    """Return a function that keeps a screenshot where ZHIKE_SCREENSHOTS says, else nowhere."""
    folder = os.environ.get("ZHIKE_SCREENSHOTS", "")

    def take(page: Page, name: str) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(folder) / f"{name}-{language}-{size}.png")

    return take
