"""First paint and weight of the console's pages, cold: ``python -m benchmarks.console_pages [--data DIR] --json``.

Each page is opened in a fresh browser without a cache, signed in as the demo's account of its first role, several times
in turn; first contentful paint and what came over the wire are the browser's own figures. Medians of a page, then the
worst page. ``--data`` names a demo that runs already; otherwise one of 200 households is started and stopped.
The last line of ``--json`` is {pages, paint_ms, paint_ms_worst, paint_worst, cold_bytes_worst, cold_worst,
requests_worst}.
"""

import argparse
import json
import re
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from benchmarks.platform import zhike
from gateway.console.pages import ROOT, Page
from gateway.console.registry import AREAS
from gateway.staff.demo_file import DEMO_STAFF_FILE, read_demo_accounts
from infra.local.plan import free_ports
from infra.local.run_file import read_run_file

ROUNDS = 5
HOUSEHOLDS = 200
PAINT_LIMIT_MS = 800.0
COLD_LIMIT_BYTES = 350_000
ROLES = ("merchandiser", "pr", "desk", "analyst", "admin")
ONLY_LEAD_ON = {"/preferences", "/sign-out", "/password"}
CHROMIUM = ("chromium-headless-shell", "chromium", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
PAINT = """() => new Promise((done) => { const seen = performance.getEntriesByName("first-contentful-paint")[0];
    if (seen) done(seen.startTime); else new PerformanceObserver((list) => {
        const found = list.getEntriesByName("first-contentful-paint")[0]; if (found) done(found.startTime);
    }).observe({ type: "paint", buffered: true }); })"""


@dataclass
class Opened:
    """One page, opened cold."""

    paint_ms: float
    cold_bytes: int
    requests: int


def sign_in(browser: Browser, url: str, role: str, password: str) -> Any:
    """Return the cookies of the demo's account of a role."""
    context = browser.new_context(base_url=url)
    page = context.new_page()
    page.goto(f"{ROOT}/sign-in")
    page.fill("[name=name]", f"demo-{role}")
    page.fill("[name=password]", password)
    page.click("main form button")
    page.wait_for_url(re.compile(r"/console/?$"))
    state = context.storage_state()
    context.close()
    return state


def open_cold(browser: Browser, url: str, state: Any, address: str) -> Opened:
    """Open a page without a cache and read what the browser measured."""
    context = browser.new_context(base_url=url, storage_state=state, viewport={"width": 1440, "height": 900})
    page = context.new_page()
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    sizes: list[int] = []
    network.on("Network.loadingFinished", lambda event: sizes.append(int(event["encodedDataLength"])))
    page.goto(address, wait_until="load")
    paint_ms = float(page.evaluate(PAINT))
    page.wait_for_timeout(150)
    context.close()
    return Opened(paint_ms, sum(sizes), len(sizes))


def address_of(browser: Browser, url: str, state: Any, page: Page) -> str:
    """Return a page's address; one with an id is the first link of that shape on the pages above it."""
    if "{" not in page.path:
        return ROOT + page.path.rstrip("/")
    if page.example:
        return ROOT + page.path.format_map(page.example)
    above = page.path[: page.path.index("/{")]
    shape = re.compile(re.escape(ROOT) + re.sub(r"\\{\w+\\}", "[^/?#]+", re.escape(page.path)))
    fixed = {each.path for area in AREAS for each in area.pages if "{" not in each.path}
    if above not in fixed:
        return ""
    context = browser.new_context(base_url=url, storage_state=state)
    opened = context.new_page()
    opened.goto(ROOT + above)
    links = opened.evaluate("() => [...document.querySelectorAll('main a[href]')].map((a) => a.getAttribute('href'))")
    context.close()
    return next((each for each in links if shape.fullmatch(each) and each[len(ROOT) :] not in fixed), "")


def measure(data: Path, rounds: int) -> dict[str, Any]:
    """Open every page ``rounds`` times."""
    run = read_run_file(data)
    if run is None:
        raise SystemExit(f"nothing runs in {data}")
    passwords = read_demo_accounts(data / DEMO_STAFF_FILE)
    path = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if path is None:
        raise SystemExit("install a headless Chromium (Debian: chromium-headless-shell)")
    opened: dict[str, list[Opened]] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        states = {role: sign_in(browser, run.url, role, passwords[f"demo-{role}"]) for role in ROLES}
        wanted = {}
        for page in (each for area in AREAS for each in area.pages if each.path not in ONLY_LEAD_ON):
            state = states[next((role for role in ROLES if role in page.roles), "admin")] if page.roles else None
            address = address_of(browser, run.url, state, page)
            if address:
                wanted[page.path] = (state, address)
        for _ in range(rounds):
            for name, (state, address) in wanted.items():
                opened.setdefault(name, []).append(open_cold(browser, run.url, state, address))
        browser.close()
    return summed(opened)


def summed(opened: dict[str, list[Opened]]) -> dict[str, Any]:
    """Return medians of each page and the worst of them."""
    paint = {name: statistics.median(each.paint_ms for each in pages) for name, pages in opened.items()}
    weight = {name: max(each.cold_bytes for each in pages) for name, pages in opened.items()}
    for name in sorted(paint, key=paint.__getitem__):
        requests = max(each.requests for each in opened[name])
        print(f"{name:32} {paint[name]:6.0f} ms  {weight[name] / 1000:6.1f} kB  {requests} requests")
    slowest, heaviest = max(paint, key=paint.__getitem__), max(weight, key=weight.__getitem__)
    return {
        "pages": len(opened),
        "paint_ms": round(statistics.median(paint.values())),
        "paint_ms_worst": round(paint[slowest]),
        "paint_worst": slowest,
        "cold_bytes_worst": weight[heaviest],
        "cold_worst": heaviest,
        "requests_worst": max(each.requests for pages in opened.values() for each in pages),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--data", type=Path, help="the data directory of a demo that runs")
    options = parser.parse_args()
    if options.data is not None:
        result = measure(options.data, options.rounds)
    else:
        with tempfile.TemporaryDirectory(prefix="zhike-bench-") as folder:
            data = Path(folder) / "data"
            zhike(data, "up", "--detach", "--demo", "--households", str(HOUSEHOLDS), "--port", str(free_ports(1)[0]))
            try:
                result = measure(data, options.rounds)
            finally:
                zhike(data, "down")
    good = result["paint_ms_worst"] <= PAINT_LIMIT_MS and result["cold_bytes_worst"] <= COLD_LIMIT_BYTES
    if options.json:
        print(json.dumps(result))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
