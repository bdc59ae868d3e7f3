"""Administrators' pages: how all stands, dead letters, keys, webhooks, shops."""

import re

import pytest
from zhike.chassis.v1 import system_service_pb2

from gateway.clients import SERVICES
from gateway.console.areas.operations.shops import _without_password
from gateway.console.staffing import StaffRole
from gateway.staff.audit import AuditFilter
from services.chassis.version import software_version
from tests.fakes.console import ConsoleOnFakes
from tests.fakes.gateway_webhooks import SECRET, TARGET

ONES = ("/dead-letters/recommendation/interactions/e-1", f"/webhooks/orders/{TARGET}")


async def actions(console: ConsoleOnFakes) -> set[str]:
    page = await console.shop.parts.staff.audit.page(AuditFilter(), size=50)
    return {entry.action for entry in page.entries}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("path", ONES)
async def test_a_page_of_one_thing_is_whole_and_for_admins_alone(
    console: ConsoleOnFakes, path: str, language: str
) -> None:
    console.language, console.roles = language, (StaffRole.ADMIN,)
    await console.page(path)
    console.roles = tuple(role for role in StaffRole if role is not StaffRole.ADMIN)
    assert (await console.get(path)).status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/dead-letters/nobody/interactions/e-1",
        "/webhooks/search/wht_1",
        "/webhooks/orders/none",
    ],
)
async def test_what_is_not_there_is_404(console: ConsoleOnFakes, path: str) -> None:
    assert (await console.get(path)).status_code == 404


async def test_the_system_page_shows_who_is_away_and_spoils_nothing(console: ConsoleOnFakes) -> None:
    console.services.down = {"search"}
    html = await console.page("/system")
    assert "Not answering" in html
    assert "interactions" in html
    assert "4 / 5" in html


async def test_the_system_page_shows_what_each_service_runs(
    console: ConsoleOnFakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = await console.get("/system?csv=services")
    assert answer.text.splitlines()[0].split(",")[:3] == ["\ufeffService", "State", "Version"]
    assert answer.text.count(",0.0.9,") == len(SERVICES)
    assert '<span class="chip warn">0.0.9</span>' in await console.page("/system")
    same = system_service_pb2.SystemStatus(ready=True, version=software_version())
    monkeypatch.setattr(type(console.services), "_GetSystemStatus", lambda _self, _request: same)
    assert "chip warn" not in await console.page("/system")


async def test_a_rebuild_is_started_with_the_forms_own_id(console: ConsoleOnFakes) -> None:
    fields = {"service": "recommendation", "projection": "interactions"}
    answer = await console.post("/system", "rebuild", fields, submit="s" * 20)
    assert answer.status_code == 303
    assert console.services.last("RebuildProjection").request_id == "s" * 20
    assert "projection.rebuild" in await actions(console)
    assert (await console.post("/system", "rebuild", {**fields, "service": "nobody"})).status_code == 404


async def test_dead_letters_are_listed_without_what_they_say(console: ConsoleOnFakes) -> None:
    html = await console.page("/dead-letters")
    assert "purchase-complete" in html
    assert "card:1" not in html
    assert "card:1" in await console.page("/dead-letters/recommendation/interactions/e-1")
    assert "dead-letter.read" in await actions(console)


async def test_a_letter_and_all_of_a_reader_are_redriven(console: ConsoleOnFakes) -> None:
    fields = {"service": "recommendation", "projection": "interactions"}
    assert (await console.post("/dead-letters", "redrive", fields | {"id": "e-1"})).status_code == 303
    assert list(console.services.last("RedriveDeadLetters").ids) == ["e-1"]
    assert (await console.post("/dead-letters", "redrive", fields)).status_code == 303
    assert list(console.services.last("RedriveDeadLetters").ids) == []


async def made(console: ConsoleOnFakes, path: str, form: str, fields: dict[str, object]) -> str:
    """Send a form and return the next page, where something is said once."""
    answer = await console.post(path, form, fields)
    assert answer.status_code == 303, answer.text
    return (await console.get(answer.headers["location"].removeprefix("/console"))).text


async def test_a_key_is_shown_once_exchanged_and_revoked(console: ConsoleOnFakes) -> None:
    fields = {"name": "till", "kind": "shop", "shop": "main", "channel": "store"}
    said = await made(console, "/api-keys", "new", fields)
    found = re.search(r"sk_till_[\w-]+", said)
    assert found
    assert found[0] not in await console.page("/api-keys")
    assert "sk_till_" in await made(console, "/api-keys", "rotate", {"name": "till"})
    third = await console.post("/api-keys", "rotate", {"name": "till"})
    assert third.status_code in (400, 422)
    await made(console, "/api-keys", "revoke", {"id": "till.1"})
    assert "till.1" not in await console.page("/api-keys")
    assert "till.1" in await console.page("/api-keys?all=yes")
    assert {"key.create", "key.rotate", "key.revoke"} <= await actions(console)
    entries = (await console.shop.parts.staff.audit.page(AuditFilter(), size=50)).entries
    assert found[0] not in str(entries)


@pytest.mark.parametrize(
    "wrong", [{"name": "Till"}, {"name": ""}, {"kind": "operator"}, {"role": "admin"}, {"name": "x" * 41}]
)
async def test_a_key_of_another_form_is_refused(console: ConsoleOnFakes, wrong: dict[str, str]) -> None:
    fields = {"name": "till", "kind": "shop"} | wrong
    assert (await console.post("/api-keys", "new", fields)).status_code in (400, 422)


async def test_a_webhook_is_made_with_its_secret_shown_once(console: ConsoleOnFakes) -> None:
    fields = {"service": "orders", "url": "https://a.example/", "event_types": ["order.delayed"]}
    assert SECRET in await made(console, "/webhooks", "new", fields)
    assert SECRET not in await console.page(f"/webhooks/orders/{TARGET}")
    assert SECRET in await made(console, f"/webhooks/orders/{TARGET}", "rotate", {})
    assert console.services.last("RotateSecret").overlap_s == 86_400


async def test_a_webhook_is_edited_switched_tested_replayed_and_deleted(console: ConsoleOnFakes) -> None:
    path = f"/webhooks/orders/{TARGET}"
    for form, fields in (
        ("edit", {"url": "https://b.example/", "owner": "ERP"}),
        ("disable", {}),
        ("enable", {}),
        ("test", {}),
        ("replay", {"id": "msg_1"}),
        ("replay", {}),
        ("delete", {}),
    ):
        assert (await console.post(path, form, fields)).status_code == 303, form
    assert await actions(console) >= {
        "webhook.edit", "webhook.disable", "webhook.enable", "webhook.test", "webhook.replay", "webhook.delete",
    }  # fmt: skip


async def test_the_shops_page_shows_settings_without_passwords(console: ConsoleOnFakes) -> None:
    html = await console.page("/shops")
    assert "ZHIKE_DEFAULT_SHOP" in html
    assert _without_password("mongodb://u:pass@host:1/db?x=y") == "mongodb://host:1"
    assert _without_password("sqlite") == "sqlite"
    assert _without_password("anything") == "•••"
