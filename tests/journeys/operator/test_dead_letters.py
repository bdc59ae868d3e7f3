"""A reader meets events that it cannot apply: the operator sees them, mends the cause, and has them applied after all.

The poison is real: two documents of knowledge are damaged on the disk while nothing runs, so that whatever event
touches them fails, in a log of its own (user-events) and in another service's (products).
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import httpx

from services.chassis.documents.port import Collection
from services.chassis.documents.sqlite import SqliteDocuments
from services.knowledge.domain.identifiers import own_customer_id
from services.knowledge.store.collections import ACTIVITY, OWN_LABEL
from tests.journeys.callers import Caller, an_event, eventually, fresh
from tests.journeys.platform import Platform

PRODUCT = {"id": "p-own", "title": {"en": "Milk"}, "tags": ["own-label"], "available_quantity": 9}
LOGIN, HEALTHY = "login:poisoned", "login:healthy"


def _changed(platform: Platform, collection: Collection, key: str, change: Mapping[str, Any]) -> dict[str, Any]:
    """Change a document of knowledge on the disk, where nothing runs; return what was there."""

    async def work() -> dict[str, Any]:
        documents = SqliteDocuments.open(platform.data / "knowledge" / "documents.sqlite")
        try:
            await documents.declare(collection)
            stored = await documents.get(collection, key)
            assert stored is not None, f"{collection.name} has no {key}"
            body = {**stored.body, **change}
            await documents.replace(collection, key, body, expected_revision=stored.revision)
            return {name: stored.body[name] for name in change}
        finally:
            await documents.close()

    return asyncio.run(work())


def _readers(operator: Caller) -> list[tuple[str, dict[str, Any]]]:
    """Return the readers by projection; one of several logs has several."""
    system = operator.get("/v1/system")
    return [
        (f"{service['service']}/{reader['projection']}", reader)
        for service in system["services"]
        for reader in service.get("readers", [])
    ]


def _check_waiting(operator: Caller, **expected: int) -> None:
    """Wait until so many dead letters wait by projection of knowledge, with every reader at its head."""

    def look() -> bool:
        readers = _readers(operator)
        waiting = {name: reader["dead_letters"] for name, reader in readers if reader["dead_letters"]}
        wanted = {f"knowledge/{name.replace('_', '-')}": count for name, count in expected.items()}
        assert waiting == wanted and not any(reader["lag_events"] for _, reader in readers), readers
        return True

    eventually(look, "other dead letters wait", limit_s=30)


def _purchase(number: str, login: str) -> dict[str, Any]:
    line = {"id": "p-own", "quantity": 1, "price": {"amount": "3.99", "currency": "USD"}}
    order = {"number": number, "total": {"amount": "3.99", "currency": "USD"}, "kind": "sale"}
    return an_event("purchase-complete", identifiers=[login], products=[line], order=order)


def _touch(operator: Caller) -> None:
    """Write what the damaged documents cannot take, and as much that touches none of them."""
    bad = [_purchase("J-1", LOGIN), _purchase("J-2", LOGIN)]
    operator.tell(*bad, _purchase("J-3", HEALTHY), an_event("home-page-view", identifiers=[HEALTHY]))
    for price in ("4.99", "5.99"):
        operator.patch("p-own", price={"amount": price, "currency": "USD"})


def _letters_are_listed_and_fail_again(platform: Platform, operator: Caller) -> list[str]:
    status = platform.zhike("status")
    assert "4 events could not be applied" in status.stderr, status.stdout + status.stderr
    listed = platform.zhike("dead-letters", "list")
    assert listed.returncode == 0 and LOGIN not in listed.stdout, listed.stdout
    for words in ("knowledge/shopping", "knowledge/own-label", "user-events 0/", "products 0/", "TypeError"):
        assert words in listed.stdout, listed.stdout
    named = platform.zhike("dead-letters", "list", "shopping", "--payload", "--json")
    letters = json.loads(named.stdout)["dead_letters"]
    assert [letter["event"]["subject"] for letter in letters] == [LOGIN, LOGIN]
    assert {letter["event"]["payload"]["order"]["number"] for letter in letters} == {"J-1", "J-2"}
    ids = [letter["id"] for letter in sorted(letters, key=lambda letter: letter["seq"])]

    again = platform.zhike("dead-letters", "redrive", "knowledge/shopping", ids[0])
    assert again.returncode == 1 and "1 still dead letters" in again.stdout, again.stdout + again.stderr
    page = operator.get("/v1/system/knowledge/dead-letters", projection="shopping")
    tried = {letter["id"]: (letter["tries"], letter["redrives"]) for letter in page["dead_letters"]}
    assert tried == {ids[0]: (10, 1), ids[1]: (5, 0)}
    _check_waiting(operator, shopping=2, own_label=2)
    return ids


def _letters_are_redriven_once(platform: Platform, operator: Caller, ids: list[str]) -> None:
    path = "/v1/system/knowledge/projections/shopping/dead-letters:redrive"
    key = {"Idempotency-Key": fresh("redrive-")}
    first = operator.post(path, {"ids": ids}, headers=key)
    assert operator.post(path, {"ids": ids}, headers=key)["id"] == first["id"]
    progress = operator.finished(first["id"])["progress"]
    assert (progress["accepted"], progress["rejected"]) == (2, 0), progress
    reused = operator.send("POST", path, json={"ids": ids[:1]}, headers=key)
    assert (reused.status_code, reused.json()["reason"]) == (httpx.codes.UNPROCESSABLE_ENTITY, "REQUEST_ID_REUSED")
    more = operator.finished(operator.post(path, {"ids": ids})["id"])["progress"]
    assert (more["accepted"], more["duplicate"]) == (0, 2)
    done = platform.zhike("dead-letters", "redrive", "own-label", "--all")
    assert done.returncode == 0 and "2 applied" in done.stdout, done.stdout + done.stderr
    _check_waiting(operator)
    assert "No dead letters wait" in platform.zhike("dead-letters", "list").stderr


def test_what_a_reader_could_not_apply_is_seen_mended_and_counted_once(empty_shop: Platform) -> None:
    platform, activity = empty_shop, own_customer_id(LOGIN)
    with platform.operator() as client:
        operator = Caller(client)
        operator.bring("products", [PRODUCT])
        operator.tell(an_event("home-page-view", identifiers=[LOGIN]))
        eventually(lambda: operator.customer(LOGIN), "the visit is not seen")
        _check_waiting(operator)
        platform.down()
        seen = _changed(platform, ACTIVITY, activity, {"first_us": "damaged"})
        label = _changed(platform, OWN_LABEL, "p-own", {"version": "damaged"})
        platform.up()
        _touch(operator)
        _check_waiting(operator, shopping=2, own_label=2)
        assert operator.customer(HEALTHY)["interactions_by_channel"] == {"web": 2}
        ids = _letters_are_listed_and_fail_again(platform, operator)

        platform.down()
        _changed(platform, ACTIVITY, activity, seen)
        _changed(platform, OWN_LABEL, "p-own", label)
        platform.up()
        _check_waiting(operator, shopping=2, own_label=2)
        assert operator.customer(LOGIN)["interactions_by_channel"] == {"web": 1}
        _letters_are_redriven_once(platform, operator, ids)
        customer = operator.customer(LOGIN)
        assert customer["interactions_by_channel"] == {"web": 3}
        assert customer["purchases"]["orders"] == 2
        assert operator.get("/v1/products/p-own")["price"]["amount"] == "5.99"
        rebuilt = platform.zhike("rebuild", "knowledge/shopping")
        assert rebuilt.returncode == 0, rebuilt.stderr
        assert operator.customer(LOGIN)["profile_hash"] == customer["profile_hash"]
