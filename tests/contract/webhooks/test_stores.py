"""Deliveries, claims and kept ids on every document store."""

import asyncio
from random import Random

import httpx

from services.chassis.documents.port import DocumentStore
from services.chassis.metrics import Metrics
from services.kits.webhooks.deliveries import DeliveryState
from services.kits.webhooks.inbound import InboundWebhooks
from services.kits.webhooks.metrics import WEBHOOK_METRICS
from services.kits.webhooks.signing import signed_headers
from services.kits.webhooks.signing_secrets import new_secret
from services.kits.webhooks.targeting import TargetEdit
from tests.fakes.clock import ManualClock
from tests.fakes.webhooks import WebhookBench, open_bench


async def test_a_life_of_deliveries(documents: DocumentStore) -> None:
    bench = await open_bench(documents)
    target_id, _ = await bench.target("a.example")
    other_id, _ = await bench.target("b.example", "alert.opened")
    assert await bench.publish(*(f"e-{number}" for number in range(30))) == 30
    assert await bench.publish("e-29", "e-30") == 1
    await bench.deliver()
    sent = [call.body.decode().split('"order":"')[1].split('"')[0] for call in bench.receivers.calls]
    assert sorted(sent) == sorted(f"e-{number}" for number in range(31))
    assert max(abs(place - int(key[2:])) for place, key in enumerate(sent)) < 4  # as wide as a lane
    assert await bench.deliveries.count(DeliveryState.DELIVERED, target_id) == 31
    assert await bench.all_of(other_id) == []
    page, after = await bench.deliveries.of_target(target_id, DeliveryState.DELIVERED, limit=20)
    rest, end = await bench.deliveries.of_target(target_id, DeliveryState.DELIVERED, after=after, limit=20)
    assert len({each.id for each in (*page, *rest)}) == 31
    assert end is None


async def test_two_replicas_claim_each_delivery_once(documents: DocumentStore) -> None:
    bench = await open_bench(documents)
    await bench.target("a.example")

    async def takes_a_moment(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.001)
        return httpx.Response(204)

    bench.receivers.answer["a.example"] = takes_a_moment
    await bench.publish(*(f"e-{number}" for number in range(60)))
    replicas: list[WebhookBench] = [bench, bench.replica("second"), bench.replica("third")]
    await asyncio.gather(*(each.dispatcher.look() for each in replicas))
    await asyncio.gather(*(each.dispatcher.settle() for each in replicas))
    ids = bench.receivers.ids("a.example")
    assert len(ids) == len(set(ids)) == 60


async def test_an_outage_a_replay_and_tidying(documents: DocumentStore) -> None:
    bench = await open_bench(documents)
    target_id, _ = await bench.target("a.example")
    bench.receivers.answer["a.example"] = 503
    await bench.publish(*(f"e-{number}" for number in range(6)))
    await bench.pass_time(3_600, step_s=60)
    assert await bench.deliveries.count(DeliveryState.DELIVERED) == 0
    bench.receivers.answer["a.example"] = 204
    await bench.pass_time(600, step_s=60)
    assert await bench.deliveries.count(DeliveryState.DELIVERED) == 6
    assert (await bench.targeting.replay(target_id, [(await bench.all_of(target_id))[0].id], request_id="r")).replayed
    await bench.targeting.edit(target_id, TargetEdit(enabled=False))
    bench.clock.advance(100 * 86_400)
    await bench.tidying.tidy()
    assert await bench.deliveries.count(DeliveryState.DELIVERED) == 0
    assert await bench.deliveries.count(DeliveryState.DEAD) == 1
    await bench.targeting.delete(target_id)


async def test_an_inbound_call_is_kept_once(documents: DocumentStore) -> None:
    clock, secret = ManualClock(), new_secret(Random(1).randbytes)
    inbound = InboundWebhooks(documents, clock, metrics=Metrics((WEBHOOK_METRICS,)), kept_limit=5)
    await inbound.declare()
    duplicates = []
    for number in range(8):
        for _ in range(2):
            clock.advance(1)
            headers = signed_headers(f"m-{number}", b"{}", [secret], clock.now())
            async with inbound.admitted("sf", [secret], headers, b"{}") as call:
                duplicates.append(call.duplicate)
    assert duplicates == [False, True] * 8
    clock.advance(3_600)
    await inbound.tidy()
    headers = signed_headers("m-0", b"{}", [secret], clock.now())
    async with inbound.admitted("sf", [secret], headers, b"{}") as call:
        assert not call.duplicate  # past the bound, so let go
