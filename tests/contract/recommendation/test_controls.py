"""Controls on the real ports: kept, checked, launched, seen by the next call, measured by a dry run."""

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import orjson
import pytest
from google.longrunning import operations_pb2
from zhike.controls.v1 import control_service_pb2 as pb
from zhike.controls.v1 import control_service_pb2_grpc
from zhike.type.v1 import import_pb2

from services.chassis.status import error_from_rpc
from tests.contract.recommendation.conftest import TIMEOUT_S, Shop
from tests.contract.recommendation.test_service import POPULAR, ids, stocked

Stub = control_service_pb2_grpc.ControlServiceStub


def content(**action: Any) -> pb.ControlContent:
    placements = action.pop("placements", [POPULAR])
    return pb.ControlContent(
        title=action.pop("title", "a rule"),
        condition=pb.ControlCondition(placements=placements),
        action=pb.ControlAction(**action),
    )


def exclude(*product_ids: str, **rest: Any) -> pb.ControlContent:
    return content(type=pb.ACTION_TYPE_EXCLUDE, target=pb.ControlTarget(product_ids=product_ids), **rest)


def stub_of(shop: Shop) -> Any:
    return Stub(shop.clients.channel("recommendation"))


async def made(shop: Shop, written: pb.ControlContent, *, launch: bool = True, **rest: Any) -> pb.SavedControl:
    stub = stub_of(shop)
    saved = await stub.CreateControl(pb.CreateControlRequest(content=written, actor="mei"), timeout=TIMEOUT_S)
    if launch:
        request = pb.StepControlRequest(id=saved.control.id, step=pb.CONTROL_STEP_LAUNCH, actor="mei", **rest)
        saved = await stub.StepControl(request, timeout=TIMEOUT_S)
    return saved


async def refused(call: Any) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return error_from_rpc(raised.value, service="recommendation").reason


async def test_the_next_call_shows_what_was_launched_and_what_was_paused(shop: Shop) -> None:
    await stocked(shop)
    first = ids(await shop.predict(POPULAR))[0]
    saved = await made(shop, exclude(first))
    assert first not in ids(await shop.predict(POPULAR))
    stub = stub_of(shop)
    stale = pb.StepControlRequest(id=saved.control.id, step=pb.CONTROL_STEP_PAUSE, expected_version=1)
    assert await refused(stub.StepControl(stale, timeout=TIMEOUT_S)) == "CONTROL_VERSION"
    paused = await stub.StepControl(
        pb.StepControlRequest(id=saved.control.id, step=pb.CONTROL_STEP_PAUSE, expected_version=2, actor="li"),
        timeout=TIMEOUT_S,
    )
    assert first in ids(await shop.predict(POPULAR))
    assert [(each.actor, each.step, each.version) for each in paused.history] == [
        ("li", "pause", 3),
        ("mei", "launch", 2),
        ("mei", "create", 1),
    ]
    assert orjson.loads(paused.history[0].before_json) == {"state": "live"}
    assert orjson.loads(paused.history[0].after_json) == {"state": "paused"}


async def test_what_is_unknown_or_contradicts_is_named(shop: Shop) -> None:
    await stocked(shop)
    assert await refused(made(shop, exclude("no-such-product"))) == "CONTROL_PRODUCT_UNKNOWN"
    no_such = content(type=pb.ACTION_TYPE_EXCLUDE, target=pb.ControlTarget(categories=["no such"]))
    assert await refused(made(shop, no_such)) == "CONTROL_TERM_UNKNOWN"
    assert await refused(made(shop, content(type=pb.ACTION_TYPE_REDIRECT, url="/sale"))) == "CONTROL_ACTION_UNKNOWN"
    await made(shop, exclude("p1"))
    pin = content(type=pb.ACTION_TYPE_PIN, pins=[pb.ControlPin(product_id="p1", position=1)])
    draft = await made(shop, pin, launch=False)
    assert [each.kind for each in draft.conflicts] == [pb.CONFLICT_KIND_PIN_EXCLUDED]
    assert await refused(made(shop, pin)) == "CONTROL_CONFLICT"
    assert (await made(shop, pin, despite_conflicts=True)).control.state == pb.CONTROL_STATE_LIVE
    assert "p1" not in ids(await shop.predict(POPULAR))


async def test_a_draft_is_previewed_and_measured_without_being_live(shop: Shop) -> None:
    await stocked(shop)
    before = ids(await shop.predict(POPULAR))
    draft = exclude(before[0])
    stub = stub_of(shop)
    request = pb.PreviewControlRequest(content=draft, identifiers=["card:0"], placement=POPULAR, page_size=5)
    preview = await stub.PreviewControl(request, timeout=TIMEOUT_S)
    assert preview.applies
    assert [slot.product_id for slot in preview.before.slots] == before[:5]
    assert [slot.product_id for slot in preview.after.slots] == before[1:6]
    assert [slot.trace.position for slot in preview.after.slots] == [1, 2, 3, 4, 5]
    assert {slot.trace.source for slot in preview.after.slots} == {"popular"}
    operation: operations_pb2.Operation = await stub.DryRunControl(
        pb.DryRunControlRequest(content=draft, sample=10), timeout=TIMEOUT_S
    )
    done = await shop.ended(operation.name)
    progress = import_pb2.ImportProgress()
    done.response.Unpack(progress)
    result = orjson.loads(await shop.process.runtime.artifacts.read(progress.result_file))
    assert (result["unit"], result["looked_at"], result["changed"]) == ("customers", 10, 10)
    assert result["lost"][0]["product_id"] == before[0]
    assert ids(await shop.predict(POPULAR)) == before


async def test_a_scheduled_control_comes_and_goes_by_the_clock(shop: Shop) -> None:
    await stocked(shop)
    first = ids(await shop.predict(POPULAR))[0]
    written = exclude(first)
    written.start_time.FromDatetime(datetime.now(UTC) + timedelta(hours=1))
    draft = await made(shop, written, launch=False)
    stub = stub_of(shop)
    step = pb.StepControlRequest(id=draft.control.id, step=pb.CONTROL_STEP_SCHEDULE)
    assert (await stub.StepControl(step, timeout=TIMEOUT_S)).control.state == pb.CONTROL_STATE_SCHEDULED
    assert first in ids(await shop.predict(POPULAR))
    written.start_time.FromDatetime(datetime.now(UTC) + timedelta(seconds=0.5))
    edit = pb.UpdateControlRequest(id=draft.control.id, content=written, actor="mei")
    assert (await stub.UpdateControl(edit, timeout=TIMEOUT_S)).control.version == 3
    await shop.until(lambda found: first not in ids(found), POPULAR)
    written.end_time.FromDatetime(datetime.now(UTC) + timedelta(seconds=0.5))
    edit = pb.UpdateControlRequest(id=draft.control.id, content=written, actor="mei")
    assert (await stub.UpdateControl(edit, timeout=TIMEOUT_S)).control.version == 4
    await shop.until(lambda found: first in ids(found), POPULAR)
    ended = await stub.GetControl(pb.GetControlRequest(id=draft.control.id), timeout=TIMEOUT_S)
    assert ended.control.state == pb.CONTROL_STATE_ENDED


async def test_a_list_is_paged_and_counts_every_state(shop: Shop) -> None:
    await stocked(shop)
    for number in range(3):
        await made(shop, exclude(f"p{number}", title=f"rule {number}"), launch=number == 0)
    stub = stub_of(shop)
    page = await stub.ListControls(pb.ListControlsRequest(page_size=2), timeout=TIMEOUT_S)
    rest = await stub.ListControls(
        pb.ListControlsRequest(page_size=2, page_token=page.next_page_token), timeout=TIMEOUT_S
    )
    assert [each.content.title for each in (*page.controls, *rest.controls)] == ["rule 2", "rule 1", "rule 0"]
    counts = {each.state: each.count for each in page.counts}
    assert (counts[pb.CONTROL_STATE_DRAFT], counts[pb.CONTROL_STATE_LIVE]) == (2, 1)
    only = await stub.ListControls(pb.ListControlsRequest(states=[pb.CONTROL_STATE_LIVE]), timeout=TIMEOUT_S)
    assert [each.content.title for each in only.controls] == ["rule 0"]
