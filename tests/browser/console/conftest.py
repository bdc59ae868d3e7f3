"""The console in a headless browser: on fakes for the frame itself, on the real processes for every page's picture."""

import importlib.util
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from gateway.staff.demo_file import DEMO_STAFF_FILE, read_demo_accounts
from tests.browser.conftest import SIZES, Watch
from tests.fakes.console import NAME_HEADER, ROLES_HEADER
from tests.journeys.platform import Platform

LOCALES = {"zh": "zh-CN", "en": "en-GB"}


def _serving() -> ModuleType:
    """Load serving.py beside this file; the tests' folders are no packages."""
    spec = importlib.util.spec_from_file_location("console_serving", Path(__file__).with_name("serving.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def served() -> Iterator[Any]:
    """Return a console on fakes that listens."""
    with _serving().served_console() as found:
        yield found


@pytest.fixture
def open_page(browser: Browser, served: Any) -> Iterator[Callable[..., Page]]:
    """Return a function that opens pages on fakes; an error, a violation, an outside request fails the test."""
    opened: list[tuple[BrowserContext, Watch]] = []

    def open_it(
        path: str,
        language: str = "en",
        size: str = "desk",
        *,
        roles: str = "admin,pr,desk,merchandiser,analyst",
        scheme: str = "light",
        script: bool = True,
    ) -> Page:
        context = browser.new_context(
            viewport=SIZES[size],
            locale=LOCALES[language],
            base_url=served.url,
            color_scheme=scheme,
            java_script_enabled=script,
            extra_http_headers={ROLES_HEADER: roles, NAME_HEADER: "Lin"} if roles else {},
        )
        opened.append((context, Watch(context, served.url)))
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.goto(f"/console{path}")
        if script:
            ready(page)
        return page

    yield open_it
    faults = []
    for context, watch in opened:
        context.close()
        faults += watch.faults
    assert faults == []


def ready(page: Page) -> None:
    """Wait until the page's script has run."""
    page.wait_for_function("() => document.documentElement.dataset.ready")


@pytest.fixture(scope="session")
def signed_in(browser: Browser, shop: Platform) -> Iterator[Callable[..., tuple[Page, Watch]]]:
    """Return a function that opens a page of the real console as the demo's account of a role."""
    states: dict[str, Any] = {}
    passwords = read_demo_accounts(shop.data / DEMO_STAFF_FILE)
    contexts: list[BrowserContext] = []

    def open_as(role: str, language: str, size: str, scheme: str = "light") -> tuple[Page, Watch]:
        while contexts:
            contexts.pop().close()
        base = shop.url
        if role not in states:
            context = browser.new_context(base_url=base)
            page = context.new_page()
            page.goto("/console/sign-in")
            page.fill("[name=name]", f"demo-{role}")
            page.fill("[name=password]", passwords[f"demo-{role}"])
            page.click("main form button")
            page.wait_for_url(re.compile(r"/console/?$"))
            states[role] = context.storage_state()
            context.close()
        context = browser.new_context(
            viewport=SIZES[size],
            locale=LOCALES[language],
            base_url=base,
            color_scheme=scheme,
            storage_state=states[role],
        )
        context.clear_cookies(name="zhike_console_language")
        contexts.append(context)
        watch = Watch(context, base)
        page = context.new_page()
        page.set_default_timeout(30_000)
        return page, watch

    yield open_as
    for context in contexts:
        context.close()
