"""A disk that is full under one process: writes are refused by name, reads go on, nothing acknowledged is lost.

The disk is full for one process only: the size that its files may reach is lowered from outside and lifted again.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psutil
import pytest

from infra.faults.injector import full_disk
from tests.journeys.callers import Caller, Shop, an_event, eventually, fresh, problem_of
from tests.journeys.platform import Platform

LARGE_ROWS = 4_000
PIPE_FULL_OF_LINES = 1_500  # of 200 bytes and more: what a pipe holds of them is 64 KiB
REASONS = {"STORE_UNAVAILABLE", "ARTIFACTS_UNAVAILABLE", "SERVICE_UNAVAILABLE"}


@contextmanager
def _full_disk(platform: Platform, service: str) -> Iterator[None]:
    run = platform.run_file()
    assert run is not None
    process = psutil.Process(run.pids[service])
    with full_disk(process):
        yield
    assert process.is_running(), "the process outlives a full disk"


def _degraded(caller: Caller, process: str) -> dict[str, str]:
    return dict(caller.get("/readyz")["degraded"].get(process, {}))


def _check_refused(answer: httpx.Response) -> None:
    problem = problem_of(answer)
    assert problem["status"] == 503
    assert problem["reason"] in REASONS
    assert int(answer.headers["retry-after"]) >= 1
    assert "sqlite" not in problem["detail"].lower(), "how it is stored is no business of the caller"


def test_events_are_refused_while_the_disk_is_full_and_taken_after(shop: Shop, demo_shop: Platform) -> None:
    backend, desk, login = shop.backend(), shop.desk, fresh("login:j")
    product = backend.found("milk", page_size=1, filter="in_stock:true")[0]
    kept = [an_event("add-to-cart", product, identifiers=[login]) for _ in range(3)]
    backend.tell(*kept)
    backend.claim(login, claims=[{"field": "name", "value": "王小明"}])
    refused = [an_event("add-to-cart", product, identifiers=[login]) for _ in range(3)]
    with _full_disk(demo_shop, "knowledge"):
        for _ in range(3):
            _check_refused(backend.send("POST", "/v1/events", json={"events": refused}))
        claim = {"identifiers": [{"identifier": login, "verified": True}], "source": "journey"}
        _check_refused(backend.send("POST", "/v1/customers:claims", json=claim))
        _check_refused(_upload(backend, "customers", LARGE_ROWS))
        assert desk.customer(login)["facts"][0]["value"] == "王小明"
        assert backend.found("milk")
        # A file that may not grow is an I/O error to SQLite, a disk without room is SQLITE_FULL.
        assert _degraded(backend, "knowledge") == {"document-writes": "SQLITE_IOERR_WRITE"}
        eventually(lambda: backend.cart(identifier=login) == {product: 3}, "what was acknowledged is not in the cart")
    eventually(lambda: not _degraded(backend, "knowledge"), "it does not notice that the disk has room again")
    assert backend.verdicts(*refused)["stored"] == 3, "of what was refused nothing was kept"
    assert backend.verdicts(*kept)["duplicate"] == 3, "what was acknowledged is there"
    eventually(lambda: backend.cart(identifier=login) == {product: 6}, "the cart does not go on")


def test_edits_are_refused_while_the_disk_is_full_and_taken_after(shop: Shop, demo_shop: Platform) -> None:
    backend, product, word = shop.backend(), fresh("p-"), fresh("lamp")
    backend.bring("products", [{"id": product, "title": {"en": word}, "available_quantity": 5}])
    change = {"available_quantity": 7}
    with _full_disk(demo_shop, "search"):
        _check_refused(backend.send("PATCH", f"/v1/products/{product}", json=change))
        _check_refused(_upload(backend, "products", LARGE_ROWS))
        assert backend.get(f"/v1/products/{product}")["available_quantity"] == 5
        assert backend.found(word) == [product]
        assert backend.slots("popular")
    assert backend.patch(product, **change)["available_quantity"] == 7
    withdrawn = backend.patch(product, withdrawn=True)
    assert withdrawn["withdrawn"] is True
    eventually(lambda: product not in backend.found(word), "the index does not go on")


@pytest.mark.parametrize("service", ["recommendation", "gateway"])
def test_who_keeps_copies_answers_on_while_the_disk_is_full(shop: Shop, demo_shop: Platform, service: str) -> None:
    browser = shop.browser()
    product = shop.backend("load").found("milk", page_size=1, filter="in_stock:true")[0]
    with _full_disk(demo_shop, service):
        browser.tell(an_event("add-to-cart", product))
        eventually(lambda: browser.cart() == {product: 1}, "the cart stays empty")
        assert browser.slots("recommended-for-you")
        if service == "gateway":
            key: dict[str, Any] = {"name": fresh("full-"), "kind": "publishable"}
            _check_refused(shop.operator.send("POST", "/v1/keys", json=key))
    if service == "gateway":
        assert shop.operator.post("/v1/keys", key)["key"], "of what was refused nothing was kept"


def test_a_disk_that_takes_no_log_lines_stops_nobody(shop: Shop, demo_shop: Platform) -> None:
    run = demo_shop.run_file()
    assert run is not None
    supervisor, load = psutil.Process(run.supervisor_pid), shop.backend("load")
    with full_disk(supervisor):
        for _ in range(PIPE_FULL_OF_LINES):
            assert load.send("GET", "/v1/suggest", params={"q": "c"}).is_success
    log = demo_shop.data / "logs" / "gateway.log"
    said = lambda: b"not kept" in log.read_bytes()  # noqa: E731
    eventually(lambda: load.send("GET", "/v1/suggest").is_success and said(), "nobody says that lines were lost")


def _upload(backend: Caller, resource: str, rows: int) -> httpx.Response:
    content = "".join(json.dumps({"id": f"p-{number}", "title": "灯"}) + "\n" for number in range(rows))
    return backend.send(
        "POST",
        f"/v1/{resource}:import",
        content=content.encode(),
        headers={"Content-Type": "application/x-ndjson"},
    )
