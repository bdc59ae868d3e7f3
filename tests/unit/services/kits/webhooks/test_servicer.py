"""The wire: what an operator's routes see, and that no answer but one shows a secret."""

from dataclasses import replace
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from zhike.webhooks.v1 import webhook_service_pb2 as pb

from services.chassis.errors import InvalidArgumentError
from services.chassis.paging import InvalidPageTokenError
from services.kits.webhooks.deliveries import DeliveryState, Outcome
from services.kits.webhooks.servicer import PAGE_LIMIT, WebhookServicer
from services.kits.webhooks.targets import DisableCause
from services.kits.webhooks.wire import delivery_to_pb, target_to_pb
from tests.fakes.webhooks import EVENT_TYPES, WebhookBench

CONTEXT: Any = None


@pytest.fixture
def servicer(bench: WebhookBench) -> WebhookServicer:
    return WebhookServicer(bench.targeting, bench.clock)


async def create(servicer: WebhookServicer, url: str = "https://a.example/", **fields: Any) -> pb.TargetSecret:
    return await servicer.CreateTarget(pb.CreateTargetRequest(url=url, request_id=url, **fields), CONTEXT)


async def test_a_secret_is_shown_when_it_is_made_and_nowhere_else(
    bench: WebhookBench, servicer: WebhookServicer
) -> None:
    made = await create(servicer, owner="ERP", event_types=["order.delayed"])
    rotated = await servicer.RotateSecret(
        pb.RotateSecretRequest(id=made.target.id, overlap_s=3_600, request_id="r"), CONTEXT
    )
    assert made.secret.startswith("whsec_")
    assert rotated.secret.startswith("whsec_")
    others = [
        await servicer.GetTarget(pb.GetTargetRequest(id=made.target.id), CONTEXT),
        await servicer.ListTargets(pb.ListTargetsRequest(), CONTEXT),
        made.target,
        rotated.target,
    ]
    for each in others:
        assert "whsec" not in str(each)
    assert len(rotated.target.secrets) == 2
    assert not rotated.target.secrets[0].HasField("end_time")
    assert rotated.target.secrets[1].HasField("end_time")


async def test_the_list_tells_what_can_be_listened_to(servicer: WebhookServicer) -> None:
    await create(servicer)
    listed = await servicer.ListTargets(pb.ListTargetsRequest(), CONTEXT)
    assert list(listed.event_types) == sorted(EVENT_TYPES)
    assert [each.url for each in listed.targets] == ["https://a.example/"]


async def test_an_update_changes_what_its_mask_names(servicer: WebhookServicer) -> None:
    made = await create(servicer, owner="ERP", event_types=["order.delayed"])
    request = pb.UpdateTargetRequest(
        target=pb.Target(id=made.target.id, state=pb.TARGET_STATE_DISABLED, owner="not named"),
        update_mask=FieldMask(paths=["state", "event_types"]),
    )
    updated = await servicer.UpdateTarget(request, CONTEXT)
    assert (updated.state, updated.disable_cause) == (pb.TARGET_STATE_DISABLED, pb.DISABLE_CAUSE_OPERATOR)
    assert (updated.owner, list(updated.event_types)) == ("ERP", [])
    back = pb.UpdateTargetRequest(
        target=pb.Target(id=made.target.id, state=pb.TARGET_STATE_ENABLED, url="https://b.example/", owner="ops"),
        update_mask=FieldMask(paths=["state", "url", "owner"]),
    )
    assert (await servicer.UpdateTarget(back, CONTEXT)).url == "https://b.example/"


@pytest.mark.parametrize(
    ("target", "paths"), [({}, []), ({}, ["secrets"]), ({}, ["state"]), ({"state": 77}, ["state"])]
)
async def test_an_update_of_nothing_or_of_what_stays_is_refused(
    servicer: WebhookServicer, target: dict[str, Any], paths: list[str]
) -> None:
    made = await create(servicer)
    request = pb.UpdateTargetRequest(target=pb.Target(id=made.target.id, **target), update_mask=FieldMask(paths=paths))
    with pytest.raises(InvalidArgumentError):
        await servicer.UpdateTarget(request, CONTEXT)


async def test_deliveries_are_listed_with_their_log_and_only_when_asked_with_their_body(
    bench: WebhookBench, servicer: WebhookServicer
) -> None:
    made = await create(servicer)
    bench.receivers.answer["a.example"] = 500
    await bench.publish("e-1", "e-2")
    await bench.deliver()
    request = pb.ListDeliveriesRequest(id=made.target.id, page_size=1)
    page = await servicer.ListDeliveries(request, CONTEXT)
    (delivery,) = page.deliveries
    assert (delivery.state, delivery.tries) == (pb.DELIVERY_STATE_WAITING, 1)
    assert delivery.HasField("next_try_time")
    assert not delivery.HasField("end_time")
    assert (delivery.attempts[0].outcome, delivery.attempts[0].status) == (pb.ATTEMPT_OUTCOME_BROKEN, 500)
    assert delivery.body_json == b""
    request.page_token = page.next_page_token
    request.with_body = True
    second = await servicer.ListDeliveries(request, CONTEXT)
    assert second.deliveries[0].body_json.startswith(b'{"type":"order.delayed"')
    assert second.next_page_token == ""


async def test_a_page_of_another_target_or_state_and_an_unknown_state_are_refused(
    bench: WebhookBench, servicer: WebhookServicer
) -> None:
    made, other = await create(servicer), await create(servicer, "https://b.example/")
    await bench.publish("e-1", "e-2")
    page = await servicer.ListDeliveries(pb.ListDeliveriesRequest(id=made.target.id, page_size=1), CONTEXT)
    for changed in ({"id": other.target.id}, {"id": made.target.id, "state": pb.DELIVERY_STATE_DEAD}):
        with pytest.raises(InvalidPageTokenError):
            await servicer.ListDeliveries(pb.ListDeliveriesRequest(page_token=page.next_page_token, **changed), CONTEXT)
    with pytest.raises(InvalidArgumentError):
        await servicer.ListDeliveries(pb.ListDeliveriesRequest(id=made.target.id, state=99), CONTEXT)  # type: ignore[arg-type]


async def test_one_delivery_past_the_page_bound_is_on_the_next(bench: WebhookBench, servicer: WebhookServicer) -> None:
    made = await create(servicer)
    await bench.publish(*(f"e-{number}" for number in range(PAGE_LIMIT + 1)))
    request = pb.ListDeliveriesRequest(id=made.target.id, page_size=PAGE_LIMIT + 1)
    page = await servicer.ListDeliveries(request, CONTEXT)
    assert len(page.deliveries) == PAGE_LIMIT
    request.with_body = True
    assert len((await servicer.ListDeliveries(request, CONTEXT)).deliveries) == 20


async def test_test_replay_and_delete_over_the_wire(bench: WebhookBench, servicer: WebhookServicer) -> None:
    made = await create(servicer)
    test = await servicer.SendTest(pb.SendTestRequest(id=made.target.id, request_id="t"), CONTEXT)
    await bench.deliver()
    replayed = await servicer.ReplayDeliveries(
        pb.ReplayDeliveriesRequest(id=made.target.id, delivery_ids=[test.id], request_id="r"), CONTEXT
    )
    assert (replayed.replayed, replayed.more) == (1, False)
    await bench.deliver()
    assert bench.receivers.ids("a.example") == [test.id] * 2
    listed = await servicer.ListDeliveries(pb.ListDeliveriesRequest(id=made.target.id), CONTEXT)
    assert listed.deliveries[0].replays == 1
    await servicer.DeleteTarget(pb.DeleteTargetRequest(id=made.target.id), CONTEXT)
    assert not (await servicer.ListTargets(pb.ListTargetsRequest(), CONTEXT)).targets


async def test_every_state_outcome_and_cause_has_its_word_on_the_wire(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("a.example")
    await bench.publish("e-1")
    (delivery,) = await bench.all_of(target_id)
    target = await bench.targets.get(target_id)
    assert len({delivery_to_pb(replace(delivery, state=each)).state for each in DeliveryState}) == len(DeliveryState)
    assert (
        len({target_to_pb(replace(target, cause=each), bench.clock.now()).disable_cause for each in DisableCause}) == 4
    )
    assert set(pb.AttemptOutcome.keys()) == {
        "ATTEMPT_OUTCOME_UNSPECIFIED",
        *(f"ATTEMPT_OUTCOME_{each.name}" for each in Outcome),
    }
