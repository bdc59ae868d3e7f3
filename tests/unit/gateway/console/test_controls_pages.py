"""The pages of Controls: list, form, detail, preview; hostile text stays text, stale edits keep what was typed."""

import pytest
from google.longrunning import operations_pb2
from zhike.controls.v1 import control_service_pb2 as pb

from gateway.staff.members import StaffRole
from tests.fakes.console import ConsoleOnFakes, fields_of
from tests.fakes.gateway_controls import CONTROL_ID

ONE = f"/controls/recommendation/{CONTROL_ID}"


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(
    "path", ["/controls", "/controls/new", ONE, f"{ONE}/edit", f"{ONE}/preview", "/controls?service=search"]
)
async def test_each_page_answers_in_both_languages(console: ConsoleOnFakes, path: str, language: str) -> None:
    console.language = language
    html = await console.page(path)
    assert "<i>Cheese" not in html
    assert "<u>p1" not in html


async def test_a_form_becomes_a_draft(console: ConsoleOnFakes) -> None:
    fields = fields_of(await console.page("/controls/new"), "write") | {"service": "recommendation", "channels": "web"}
    fields |= {
        "title": "Cheese",
        "action": "pin",
        "pins": "p3 1\np4 2",
        "placements": "popular",
        "start_time": "2026-12-01T08:00",
    }
    answer = await console.post("/controls/new", "write", fields)
    assert answer.status_code == 303
    asked = console.services.last("CreateControl")
    assert [(pin.product_id, pin.position) for pin in asked.content.action.pins] == [("p3", 1), ("p4", 2)]
    assert asked.content.action.strength == 0
    assert asked.content.start_time.ToJsonString() == "2026-12-01T00:00:00Z"
    assert asked.actor == "Lin"


async def test_a_pin_without_a_place_is_told_beside_its_field(console: ConsoleOnFakes) -> None:
    fields = fields_of(await console.page("/controls/new"), "write") | {"service": "recommendation", "channels": "web"}
    answer = await console.post("/controls/new", "write", fields | {"title": "x", "action": "pin", "pins": "p3"})
    assert answer.status_code == 422
    assert "Write a product id" in answer.text


async def test_a_stale_edit_keeps_what_was_typed(console: ConsoleOnFakes) -> None:
    fields = fields_of(await console.page(f"{ONE}/edit"), "write")
    assert fields["title"] == "<i>Cheese</i> first"
    answer = await console.post(
        f"{ONE}/edit",
        "write",
        fields | {"title": "mine", "_version": "2", "action": "pin", "pins": "p3 1", "channels": "web"},
    )
    assert answer.status_code == 412
    assert 'value="mine"' in answer.text


async def test_launching_against_a_contradiction_insists(console: ConsoleOnFakes) -> None:
    await console.page(ONE)
    answer = await console.post(ONE, "step", {"step": "launch", "version": "3", "insist": "true"})
    assert answer.status_code == 303
    asked = console.services.last("StepControl")
    assert (asked.step, asked.expected_version, asked.despite_conflicts) == (pb.CONTROL_STEP_LAUNCH, 3, True)


async def test_an_analyst_reads_and_does_nothing(console: ConsoleOnFakes) -> None:
    console.roles = (StaffRole.ANALYST,)
    assert "Launch" not in await console.page(ONE)
    answer = await console.post(ONE, "step", {"step": "launch", "version": "3"})
    assert answer.status_code == 403


async def test_a_dry_run_that_goes_on_is_told(console: ConsoleOnFakes) -> None:
    console.services.operations["recommendation.dry"] = operations_pb2.Operation(name="recommendation.dry")
    html = await console.page(f"{ONE}/preview?run=recommendation.dry")
    assert "still being measured" in html
