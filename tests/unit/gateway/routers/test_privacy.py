"""A shopper's own data over REST, and the desk's at their word."""

import pytest

from gateway.principals import Role
from tests.fakes.gateway_privacy import ERASURE_ID, EXPORT_ID, RUNNING_EXPORT_ID
from tests.fakes.gateway_services import ERROR_LINES
from tests.fakes.gateway_shop import Shop, problem_of


async def test_a_shopper_reads_themselves_and_names_nobody_else(shop: Shop) -> None:
    answer = await shop.get("/v1/me", Role.SHOPPER)
    asked = shop.services.last("GetCustomer").id
    assert answer.json()["identifiers"][0]["identifier"] == asked
    await shop.get("/v1/me?id=card:1000231&identifier=card:1000231", Role.SHOPPER)
    assert shop.services.last("GetCustomer").id == asked, "whom a token speaks for stands in the token alone"


async def test_consent_is_the_shoppers_own_word(shop: Shop) -> None:
    answer = await shop.send("PUT", "/v1/me/consents/marketing", Role.SHOPPER, json={"granted": False})
    assert answer.json()["consents"][0]["purpose"] == "personalization"
    asked = shop.services.last("SetConsent")
    assert (asked.purpose, asked.granted, asked.source) == ("marketing", False, "shopper")


@pytest.mark.parametrize(
    ("role", "start", "folder"),
    [(Role.SHOPPER, "/v1/me:export", "/v1/me/exports"), (Role.STAFF, "/v1/customers/c-1:export", "/v1/exports")],
)
async def test_an_archive_is_begun_looked_at_and_downloaded(shop: Shop, role: Role, start: str, folder: str) -> None:
    begun = await shop.post(start, role, json={})
    assert begun.status_code == 202
    assert begun.headers["location"] == f"{folder}/{RUNNING_EXPORT_ID}"
    assert begun.json()["state"] == "running"
    early = await shop.get(f"{folder}/{RUNNING_EXPORT_ID}/archive", role)
    problem_of(early, 409, "EXPORT_NOT_READY")
    assert (await shop.get(f"{folder}/{EXPORT_ID}", role)).json()["files"]
    file = await shop.get(f"{folder}/{EXPORT_ID}/archive", role)
    assert file.content == b"".join(ERROR_LINES)
    assert file.headers["content-type"] == "application/zip"
    assert file.headers["cache-control"] == "private, no-store"


async def test_an_export_is_asked_for_with_the_shoppers_own_names(shop: Shop) -> None:
    await shop.get(f"/v1/me/exports/{EXPORT_ID}", Role.SHOPPER)
    assert list(shop.services.last("GetExport").only_identifiers), "another shopper's is not found"
    await shop.get(f"/v1/exports/{EXPORT_ID}", Role.STAFF)
    assert not shop.services.last("GetExport").only_identifiers


@pytest.mark.parametrize(
    ("role", "path", "by"),
    [(Role.SHOPPER, "/v1/me:erase", "shopper"), (Role.STAFF, "/v1/customers/c-1:erase", "desk")],
)
async def test_an_erasure_needs_its_word_and_answers_a_receipt(shop: Shop, role: Role, path: str, by: str) -> None:
    problem_of(await shop.post(path, role, json={}), 400, "INVALID_ARGUMENT")
    problem_of(await shop.post(path, role, json={"confirm": "yes"}), 400, "INVALID_ARGUMENT")
    problem_of(await shop.post(path, role, json={"confirm": "erase", "id": "card:1"}), 400, "INVALID_ARGUMENT")
    assert shop.services.count("EraseCustomer") == 0
    answer = await shop.post(path, role, json={"confirm": "erase"})
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/erasures/{ERASURE_ID}"
    assert shop.services.last("EraseCustomer").requested_by == by


async def test_a_receipt_needs_no_key_and_an_unknown_one_is_not_found(shop: Shop) -> None:
    receipt = (await shop.get(f"/v1/erasures/{ERASURE_ID}", None)).json()
    assert receipt["services"][0]["counts"] == {"events": 3, "names": 5}
    assert receipt["done_time"] is None
    problem_of(await shop.get("/v1/erasures/nobody", None), 404, "NOT_FOUND")
    problem_of(await shop.get("/v1/erasures/" + "x" * 65, None), 404, "NOT_FOUND")


async def test_receipts_are_listed_for_the_desk(shop: Shop) -> None:
    page = (await shop.get("/v1/erasures?page_size=2", Role.STAFF)).json()
    assert [each["state"] for each in page["erasures"]] == ["logs", "done"]
    problem_of(await shop.get("/v1/erasures?page_size=201", Role.STAFF), 400, "INVALID_ARGUMENT")
