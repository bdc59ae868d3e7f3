"""The desk's pages for a customer's own data, in both languages."""

from collections.abc import AsyncIterator

import pytest
from zhike.knowledge.v1 import customer_pb2

from gateway.console.staffing import StaffRole
from gateway.staff.audit import AuditFilter
from tests.fakes.console import ConsoleOnFakes, fields_of, open_console
from tests.fakes.gateway_privacy import ERASURE_ID, EXPORT_ID, RUNNING_EXPORT_ID, ExportMissingError

DATA = "/privacy/card:1000231"


@pytest.fixture(params=["en", "zh"])
async def console(request: pytest.FixtureRequest) -> AsyncIterator[ConsoleOnFakes]:
    opened = await open_console(language=request.param)
    opened.roles = (StaffRole.DESK,)
    async with opened.client, opened.shop.client:
        yield opened


@pytest.mark.parametrize("path", ["/erasures", f"/erasures/{ERASURE_ID}", DATA, f"{DATA}?export={EXPORT_ID}"])
async def test_every_page_answers_in_words_that_exist(console: ConsoleOnFakes, path: str) -> None:
    await console.page(path)


async def test_an_archive_is_asked_for_shown_and_downloaded(console: ConsoleOnFakes) -> None:
    page = await console.page(DATA)
    begun = await console.post(DATA, "export", fields_of(page, "export"))
    assert begun.headers["location"] == f"/console/privacy/card%3A1000231?export={RUNNING_EXPORT_ID}"
    ready = await console.page(f"{DATA}?export={EXPORT_ID}")
    assert "download=1" in ready
    file = await console.get(f"{DATA}?export={EXPORT_ID}&download=1")
    assert file.headers["content-type"] == "application/zip"
    assert 'filename="customer-data.zip"' in file.headers["content-disposition"]


async def test_an_erasure_needs_its_word_and_leads_to_the_receipt(console: ConsoleOnFakes) -> None:
    fields = fields_of(await console.page(DATA), "erase")
    without = await console.post(DATA, "erase", {**fields, "confirm": "yes"})
    assert without.headers["location"].endswith("/privacy/card%3A1000231")
    assert console.services.count("EraseCustomer") == 0
    fields = fields_of(await console.page(DATA), "erase")
    done = await console.post(DATA, "erase", {**fields, "confirm": "erase"})
    assert done.headers["location"] == f"/console/erasures/{ERASURE_ID}"
    assert console.services.last("EraseCustomer").requested_by == "desk"
    trail = (await console.shop.parts.staff.audit.page(AuditFilter(kind="erasure"), size=10)).entries
    assert [entry.action for entry in trail] == ["customer.erase"]
    assert "1000231" not in str(trail)


async def test_a_consent_is_kept_as_it_is_said(console: ConsoleOnFakes) -> None:
    fields = {"purpose": "personalization", "granted": "no"}
    await console.post(DATA, "consent", fields)
    asked = console.services.last("SetConsent")
    assert (asked.purpose, asked.granted, asked.source) == ("personalization", False, "desk")


async def test_who_is_not_of_the_desk_sees_receipts_and_no_customer(console: ConsoleOnFakes) -> None:
    console.roles = (StaffRole.ADMIN,)
    assert (await console.get("/erasures")).status_code == 200
    assert (await console.get(DATA)).status_code == 403


async def test_an_export_is_shown_and_downloaded_as_its_own_customers_alone(console: ConsoleOnFakes) -> None:
    await console.get(f"{DATA}?export={EXPORT_ID}&download=1")
    assert list(console.services.last("GetExport").only_identifiers) == ["card:1000231"]
    console.services.asked.clear()
    for rest in ("", "&download=1"):
        foreign = await console.get(f"/privacy/login:stranger?export={EXPORT_ID}{rest}")
        assert foreign.status_code == 404
    assert console.services.count("ReadArtifact") == 0
    trail = (await console.shop.parts.staff.audit.page(AuditFilter(kind="customer"), size=10)).entries
    assert [(entry.action, entry.thing) for entry in trail] == [("customer.export.download", "customer:c-1")]


async def test_who_has_no_name_has_no_archive(console: ConsoleOnFakes) -> None:
    setattr(console.services, "_GetCustomer", lambda _: customer_pb2.Customer(id="c-1"))  # noqa: B010
    await console.page(f"{DATA}?export={EXPORT_ID}")
    assert console.services.count("GetExport") == 0


async def test_an_archive_that_is_gone_is_a_page_and_not_half_a_file(console: ConsoleOnFakes) -> None:
    console.services.failures["ReadArtifact"] = ExportMissingError("it expired", resource="export")
    gone = await console.get(f"{DATA}?export={EXPORT_ID}&download=1")
    assert gone.status_code == 404
    assert gone.headers["content-type"].startswith("text/html")
