"""Controls over REST: written under a version, stepped, previewed, measured; nobody but staff and operators."""

from typing import Any

import pytest
from zhike.controls.v1 import control_service_pb2 as pb

from gateway.principals import Role
from gateway.schemas.controls import ControlConflicts, ControlPreview, Controls, SavedControl
from tests.fakes.gateway_controls import CONTROL_ID
from tests.fakes.gateway_shop import Shop, problem_of

ALL = "/v1/controls/recommendation"
ONE = f"{ALL}/{CONTROL_ID}"
PIN = {
    "title": "Cheese first",
    "condition": {"placements": ["popular"], "segments": ["regular"]},
    "action": {"type": "pin", "pins": [{"product_id": "p3", "position": 1}]},
    "start_time": "2026-12-01T00:00:00Z",
    "note": "for the week",
}


async def test_a_draft_is_written_by_who_asks(shop: Shop) -> None:
    answer = await shop.post(ALL, Role.STAFF, json=PIN, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.headers["etag"]) == (201, '"v1"')
    assert answer.headers["location"] == f"{ALL}/{CONTROL_ID}"
    SavedControl.model_validate(answer.json())
    asked = shop.services.last("CreateControl")
    assert asked.content.action.pins[0].product_id == "p3"
    assert asked.content.start_time.seconds
    assert asked.request_id


async def test_an_edit_names_the_version_that_it_saw(shop: Shop) -> None:
    answer = await shop.client.put(ONE, headers=shop.headers(Role.STAFF) | {"If-Match": '"v3"'}, json=PIN)
    assert (answer.status_code, answer.headers["etag"]) == (200, '"v4"')
    stale = await shop.client.put(ONE, headers=shop.headers(Role.STAFF) | {"If-Match": '"v2"'}, json=PIN)
    problem_of(stale, 412, "CONTROL_VERSION")


@pytest.mark.parametrize("step", ["schedule", "launch", "pause", "archive"])
async def test_a_step_is_taken(shop: Shop, step: str) -> None:
    answer = await shop.post(f"{ONE}:{step}", Role.STAFF, json={"despite_conflicts": True})
    assert answer.status_code == 200
    asked = shop.services.last("StepControl")
    assert (asked.step, asked.despite_conflicts) == (pb.ControlStep.Value(f"CONTROL_STEP_{step.upper()}"), True)


async def test_lists_checks_and_previews_have_their_forms(shop: Shop) -> None:
    listed = await shop.get(ALL, Role.STAFF, params={"state": ["draft", "live"], "action": "pin"})
    Controls.model_validate(listed.json())
    assert list(shop.services.last("ListControls").states) == [pb.CONTROL_STATE_DRAFT, pb.CONTROL_STATE_LIVE]
    problem_of(await shop.get(ALL, Role.STAFF, params={"state": "asleep"}), 400, "INVALID_ARGUMENT")
    checked = await shop.post(f"{ALL}:check", Role.STAFF, json={"content": PIN})
    assert ControlConflicts.model_validate(checked.json()).conflicts[0].kind == "pin-excluded"
    looked = await shop.post(f"{ALL}:preview", Role.STAFF, json={"id": CONTROL_ID, "identifiers": ["card:1000231"]})
    found = ControlPreview.model_validate(looked.json())
    assert found.after.slots[0].trace.origin == "pinned"
    run = await shop.post(f"{ALL}:dryRun", Role.STAFF, json={"id": CONTROL_ID, "sample": 10})
    assert (run.status_code, run.headers["location"]) == (202, "/v1/operations/recommendation.dry")
    problem_of(await shop.get(f"{ALL}/dry-runs/recommendation.none", Role.STAFF), 404, "NOT_FOUND")
    problem_of(await shop.get(f"{ALL}/dry-runs/knowledge.other", Role.STAFF), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    "body",
    [
        {**PIN, "version": 7},
        {**PIN, "title": ""},
        {**PIN, "title": "x" * 121},
        {**PIN, "action": {"type": "delete"}},
        {**PIN, "action": {"type": "pin", "pins": [{"product_id": "p", "position": 51}]}},
        {**PIN, "condition": {"queries": ["q"] * 101}},
    ],
)
async def test_a_body_takes_nothing_else(shop: Shop, body: dict[str, Any]) -> None:
    assert (await shop.post(ALL, Role.STAFF, json=body)).status_code == 400


@pytest.mark.parametrize("role", [Role.PUBLISHABLE, Role.SHOPPER, Role.SHOP, Role.LOAD])
async def test_controls_are_not_the_storefronts(shop: Shop, role: Role) -> None:
    assert (await shop.get(ALL, role)).status_code == 403
    assert (await shop.post(f"{ONE}:launch", role, json={})).status_code == 403


async def test_there_are_no_controls_elsewhere(shop: Shop) -> None:
    problem_of(await shop.get("/v1/controls/orders", Role.STAFF), 404, "NOT_FOUND")
    problem_of(await shop.get(f"{ALL}/ctl_9", Role.STAFF), 404, "NOT_FOUND")
