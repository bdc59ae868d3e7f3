"""Delivery: in order, at least once, under one id, and no target in another's way."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest

from services.chassis.documents.memory import MemoryDocuments
from services.kits.webhooks import lanes
from services.kits.webhooks.deliveries import CLAIM, DeliveryState, Outcome
from services.kits.webhooks.lanes import DOWN_AFTER, LANE_WIDTH, REST_LIMIT_S
from services.kits.webhooks.schedule import TRIES_LIMIT
from services.kits.webhooks.targeting import TargetEdit
from services.kits.webhooks.targets import DisableCause, TargetState
from tests.fakes.crashing_documents import CrashingDocuments, CrashPoint
from tests.fakes.webhooks import WebhookBench, open_bench

SIX_HOURS_S = 6 * 3_600.0


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Let a job run until something holds."""
    async with asyncio.timeout(5):
        while not await holds():  # noqa: ASYNC110 - the job knows nothing of who waits for it
            await asyncio.sleep(0.01)


async def states_of(bench: WebhookBench, target_id: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for each in await bench.all_of(target_id):
        counts[each.state.value] = counts.get(each.state.value, 0) + 1
    return counts


async def test_every_event_reaches_every_target_that_listens(bench: WebhookBench) -> None:
    everything, _ = await bench.target("all.example")
    alerts, _ = await bench.target("alerts.example", "alert.opened")
    assert await bench.publish("e-1", "e-2") == 2
    assert await bench.publish("e-3", event_type="alert.opened") == 2
    await bench.deliver()
    assert len(bench.receivers.ids("all.example")) == 3
    assert len(bench.receivers.ids("alerts.example")) == 1
    assert await states_of(bench, everything) == {"delivered": 3}
    assert await states_of(bench, alerts) == {"delivered": 1}
    assert bench.metric("zhike_webhook_attempts_total", outcome="delivered") == 4
    assert bench.metric("zhike_webhook_ended_total", state="delivered") == 4


async def test_an_event_that_is_published_again_is_not_sent_again(bench: WebhookBench) -> None:
    await bench.target("a.example")
    for _ in range(3):
        await bench.publish("e-1")
        await bench.deliver()
    assert len(bench.receivers.calls) == 1
    assert bench.metric("zhike_webhook_published_total") == 1


async def test_first_tries_begin_in_the_order_of_publishing(bench: WebhookBench) -> None:
    await bench.target("a.example")
    keys = [f"e-{number}" for number in range(50)]
    await bench.publish(*keys[:30])
    await bench.publish(*keys[30:])
    await bench.deliver()
    sent = [call.body.decode().split('"order":"')[1].split('"')[0] for call in bench.receivers.calls]
    assert sent == keys


async def test_no_more_calls_of_one_target_are_under_way_than_its_lane_is_wide(bench: WebhookBench) -> None:
    under_way, most, release = 0, 0, asyncio.Event()

    async def slow(request: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await release.wait()
        under_way -= 1
        return httpx.Response(204)

    bench.receivers.answer["a.example"] = slow
    await bench.target("a.example")
    await bench.publish(*(f"e-{number}" for number in range(20)))
    await bench.dispatcher.look()
    await asyncio.sleep(0.05)
    assert under_way == LANE_WIDTH
    release.set()
    await bench.dispatcher.settle()
    assert most == LANE_WIDTH
    assert len(bench.receivers.calls) == 20


async def test_what_is_published_while_a_slow_call_is_under_way_does_not_wait_for_it(bench: WebhookBench) -> None:
    release = asyncio.Event()

    async def first_is_slow(request: httpx.Request) -> httpx.Response:
        if len(bench.receivers.calls) == 1:
            await release.wait()
        return httpx.Response(204)

    bench.receivers.answer["a.example"] = first_is_slow
    target_id, _ = await bench.target("a.example")
    await bench.publish("e-1")
    await bench.dispatcher.look()
    await asyncio.sleep(0.01)
    await bench.publish("e-2")
    await bench.dispatcher.look()
    await asyncio.sleep(0.05)
    assert await states_of(bench, target_id) == {"sending": 1, "delivered": 1}
    release.set()
    await bench.dispatcher.settle()


async def test_a_target_that_never_answers_holds_up_no_other(
    bench: WebhookBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "DRAIN_S", 0.01)

    async def never(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    bench.receivers.answer["mute.example"] = never
    await bench.target("mute.example")
    quick, _ = await bench.target("quick.example")
    await bench.publish(*(f"e-{number}" for number in range(100)))
    job = asyncio.create_task(bench.dispatcher.run())

    async def quick_is_served() -> bool:
        return await states_of(bench, quick) == {"delivered": 100}

    await until(quick_is_served)
    assert 1 <= len(bench.receivers.ids("mute.example")) <= LANE_WIDTH
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)


async def test_a_failure_is_tried_again_under_the_same_id_and_body_with_a_new_time(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("a.example")
    bench.receivers.answer["a.example"] = 500
    await bench.publish("e-1")
    await bench.deliver()
    bench.receivers.answer["a.example"] = 204
    await bench.pass_time(30)
    first, second = bench.receivers.calls
    assert (first.id, first.body) == (second.id, second.body)
    assert first.headers["webhook-timestamp"] < second.headers["webhook-timestamp"]
    (delivery,) = await bench.all_of(target_id)
    assert [each.outcome for each in delivery.attempts] == [Outcome.BROKEN, Outcome.DELIVERED]


async def test_everything_is_delivered_once_the_target_is_back_after_six_hours(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("a.example")
    bench.receivers.answer["a.example"] = httpx.ConnectError("down")
    begin = bench.clock.now()
    for number in range(60):
        await bench.publish(f"e-{number}")
        await bench.pass_time(360)
    assert bench.clock.now() - begin == timedelta(hours=6)
    assert (await states_of(bench, target_id)).get("delivered") is None
    probes = len(bench.receivers.calls)
    assert probes < 200, "a target that is down is asked now and then, not for each delivery"
    bench.receivers.answer["a.example"] = 204
    await bench.pass_time(REST_LIMIT_S * 1.2 + 30)
    assert await states_of(bench, target_id) == {"delivered": 60}
    received = bench.receivers.calls[probes:]
    assert len({call.id for call in received}) == len(received) == 60


async def test_a_target_that_stays_away_ends_in_dead_letters_that_a_replay_delivers(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("a.example")
    bench.receivers.answer["a.example"] = 500
    await bench.publish("e-1")
    await bench.pass_time(100 * 3_600, step_s=300)
    (dead,) = await bench.all_of(target_id)
    assert (dead.state, dead.tries) == (DeliveryState.DEAD, TRIES_LIMIT)
    assert bench.metric("zhike_webhook_ended_total", state="dead") == 1
    bench.receivers.answer["a.example"] = 204
    replayed = await bench.targeting.replay(target_id, [], request_id="r-1")
    assert (replayed.replayed, replayed.more) == (1, False)
    await bench.deliver()
    (delivered,) = await bench.all_of(target_id)
    assert (delivered.state, delivered.round, delivered.id) == (DeliveryState.DELIVERED, 2, dead.id)
    assert len(set(bench.receivers.ids("a.example"))) == 1


async def test_a_message_that_its_target_refuses_neither_stops_the_others_nor_wears_out_on_them(
    bench: WebhookBench,
) -> None:
    async def refuses_one(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400 if b"poison" in await request.aread() else 204)

    bench.receivers.answer["a.example"] = refuses_one
    target_id, _ = await bench.target("a.example")
    await bench.publish("poison")
    for number in range(30):
        await bench.publish(f"e-{number}")
        await bench.pass_time(1, step_s=1)
    poison = next(each for each in await bench.all_of(target_id) if each.event_key == "poison")
    assert (await states_of(bench, target_id))["delivered"] == 30
    assert poison.tries == 2  # at once and after five seconds; the next in five minutes


async def test_gone_disables_the_target_and_what_waits_stays(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("a.example")
    bench.receivers.answer["a.example"] = 410
    await bench.publish(*(f"e-{number}" for number in range(40)))
    await bench.deliver()
    target = await bench.targets.get(target_id)
    assert (target.state, target.cause) == (TargetState.DISABLED, DisableCause.GONE)
    states = await states_of(bench, target_id)
    assert states["dead"] <= LANE_WIDTH
    assert states["dead"] + states["waiting"] == 40
    assert await bench.publish("later") == 0
    calls = len(bench.receivers.calls)
    await bench.pass_time(3_600)
    assert len(bench.receivers.calls) == calls


async def test_an_enabled_target_takes_up_what_waited(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("a.example")
    await bench.publish("e-1")
    await bench.targeting.edit(target_id, TargetEdit(enabled=False))
    await bench.pass_time(60)
    assert not bench.receivers.calls
    await bench.targeting.edit(target_id, TargetEdit(enabled=True))
    await bench.deliver()
    assert len(bench.receivers.calls) == 1


async def test_throttling_rests_the_whole_target_for_as_long_as_it_asked(bench: WebhookBench) -> None:
    await bench.target("a.example")
    bench.receivers.answer["a.example"] = httpx.Response(429, headers={"retry-after": "600"})
    await bench.publish("e-1")
    await bench.deliver()
    bench.receivers.answer["a.example"] = 204
    await bench.publish("e-2")
    await bench.pass_time(570)
    assert len(bench.receivers.calls) == 1
    await bench.pass_time(60)
    assert len(bench.receivers.calls) == 3


async def test_an_edit_ends_a_rest(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("old.example")
    bench.receivers.answer["old.example"] = 500
    await bench.publish(*(f"e-{number}" for number in range(DOWN_AFTER + 1)))
    await bench.pass_time(60, step_s=1)
    assert bench.metric("zhike_webhook_targets", state="resting") == 1
    await bench.targeting.edit(target_id, TargetEdit(url="https://new.example/hook"))
    await bench.pass_time(3, step_s=1)
    assert await states_of(bench, target_id) == {"delivered": DOWN_AFTER + 1}


async def test_a_resting_target_is_asked_ever_more_rarely_and_at_least_every_few_minutes(bench: WebhookBench) -> None:
    await bench.target("a.example")
    bench.receivers.answer["a.example"] = 500
    await bench.publish(*(f"e-{number}" for number in range(200)))
    await bench.pass_time(3_600, step_s=1)
    times = [call.time for call in bench.receivers.calls]
    gaps = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(times)]
    assert max(gaps) <= REST_LIMIT_S * 1.2 + 2
    assert gaps[-1] > REST_LIMIT_S * 0.7
    assert len(times) < 40


async def test_a_claim_that_lapses_is_taken_up_by_another_replica(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("a.example")
    await bench.publish("e-1")
    (waiting,) = await bench.all_of(target_id)
    assert await bench.deliveries.save(waiting.claimed("somebody who died", bench.clock.now()))
    second = bench.replica("second")
    await second.dispatcher.take_over()
    await second.deliver()
    assert not bench.receivers.calls, "the claimer may live"
    await second.pass_time(CLAIM.total_seconds() + 1, step_s=10)
    assert bench.receivers.ids("a.example") == [waiting.id]
    assert second.metric("zhike_webhook_attempts_total", outcome="interrupted") == 1


async def test_who_holds_the_stores_lock_takes_up_a_dead_claim_at_once(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("a.example")
    await bench.publish("e-1")
    (waiting,) = await bench.all_of(target_id)
    assert await bench.deliveries.save(waiting.claimed("somebody who died", bench.clock.now()))
    second = bench.replica("second", exclusive=True)
    await second.dispatcher.take_over()
    await second.deliver()
    (delivery,) = await bench.all_of(target_id)
    assert (delivery.state, delivery.tries) == (DeliveryState.DELIVERED, 2)
    assert [each.outcome for each in delivery.attempts] == [Outcome.INTERRUPTED, Outcome.DELIVERED]


async def test_two_replicas_at_once_send_each_delivery_once(bench: WebhookBench) -> None:
    """Two holders of the lease (one was paused): claims are compare and set, so neither repeats the other."""

    async def takes_a_moment(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        return httpx.Response(204)

    bench.receivers.answer["a.example"] = takes_a_moment
    target_id, _ = await bench.target("a.example")
    await bench.publish(*(f"e-{number}" for number in range(100)))
    second = bench.replica("second")
    await asyncio.gather(bench.dispatcher.look(), second.dispatcher.look())
    await asyncio.gather(bench.dispatcher.settle(), second.dispatcher.settle())
    assert await states_of(bench, target_id) == {"delivered": 100}
    ids = bench.receivers.ids("a.example")
    assert len(ids) == len(set(ids)) == 100


async def test_a_success_counts_although_another_replica_took_the_claim_over(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("a.example")

    async def outlives_its_claim(request: httpx.Request) -> httpx.Response:
        bench.clock.advance(CLAIM.total_seconds() + 1)
        second = bench.replica("second")
        bench.receivers.answer["a.example"] = 500
        await second.deliver()
        return httpx.Response(204)

    bench.receivers.answer["a.example"] = outlives_its_claim
    await bench.publish("e-1")
    await bench.deliver()
    (delivery,) = await bench.all_of(target_id)
    assert delivery.state is DeliveryState.DELIVERED
    assert len(set(bench.receivers.ids("a.example"))) == 1


@pytest.mark.parametrize("point", list(CrashPoint))
async def test_whichever_write_a_process_dies_at_nothing_is_lost_and_no_id_changes(point: CrashPoint) -> None:
    """Counts the writes of a whole delivery, then dies at each of them in turn."""
    whole = CrashingDocuments(MemoryDocuments())
    bench = await open_bench(whole)
    await bench.target("a.example")
    await bench.publish("e-1", "e-2")
    await bench.deliver()
    assert whole.writes > 4
    for crash_at in range(2, whole.writes + 1):
        inner = MemoryDocuments()
        bench = await open_bench(CrashingDocuments(inner, crash_at=crash_at, point=point))
        await bench.target("a.example")
        died = False
        try:
            await bench.publish("e-1", "e-2")
            await bench.deliver()
        except Exception:
            died = True
        next_life = bench.replica("next", exclusive=True, documents=inner)
        await next_life.publish("e-1", "e-2")  # its reader repeats what its cursor does not know to be done
        await next_life.dispatcher.take_over()
        await next_life.deliver()
        assert died
        ids = bench.receivers.ids("a.example")
        assert len(set(ids)) == 2
        assert await next_life.deliveries.count(DeliveryState.DELIVERED) == 2


async def test_the_job_delivers_what_is_announced_and_what_another_process_published(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("a.example")
    other = bench.replica("publisher")
    job = asyncio.create_task(bench.dispatcher.run())
    await bench.publish("announced")
    await other.publish("seen")

    async def both_are_delivered() -> bool:
        return await states_of(bench, target_id) == {"delivered": 2}

    await until(both_are_delivered)
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)


async def test_a_call_under_way_may_end_when_the_process_stops_and_nothing_new_begins(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("a.example")
    arrived, release = asyncio.Event(), asyncio.Event()

    async def slow(request: httpx.Request) -> httpx.Response:
        arrived.set()
        await release.wait()
        return httpx.Response(204)

    bench.receivers.answer["a.example"] = slow
    await bench.publish(*(f"e-{number}" for number in range(10)))
    job = asyncio.create_task(bench.dispatcher.run())
    await arrived.wait()
    await asyncio.sleep(0.02)
    begun = len(bench.receivers.calls)
    job.cancel()
    await asyncio.sleep(0)
    release.set()
    await asyncio.gather(job, return_exceptions=True)
    assert await states_of(bench, target_id) == {"delivered": begun, "waiting": 10 - begun}
    assert bench.metric("zhike_webhook_targets", state="resting") == 0


async def test_a_call_that_does_not_end_is_cut_and_its_claim_taken_up(
    bench: WebhookBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "DRAIN_S", 0.01)

    async def never(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    target_id, _ = await bench.target("a.example")
    bench.receivers.answer["a.example"] = never
    await bench.publish("e-1")
    job = asyncio.create_task(bench.dispatcher.run())

    async def it_is_sending() -> bool:
        return await states_of(bench, target_id) == {"sending": 1}

    await until(it_is_sending)
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)
    bench.receivers.answer["a.example"] = 204
    await bench.dispatcher.take_over()
    await bench.deliver()
    assert await states_of(bench, target_id) == {"delivered": 1}


async def test_a_store_that_is_away_ends_the_job_and_the_next_run_repeats_what_was_under_way() -> None:
    inner = MemoryDocuments()
    bench = await open_bench(CrashingDocuments(inner, crash_at=4, point=CrashPoint.BEFORE, once=True))
    target_id, _ = await bench.target("a.example")
    await bench.publish("e-1")
    with pytest.raises(Exception, match="died"):
        async with asyncio.timeout(5):
            await bench.dispatcher.run()
    job = asyncio.create_task(bench.dispatcher.run())

    async def it_is_delivered() -> bool:
        return await states_of(bench, target_id) == {"delivered": 1}

    await until(it_is_delivered)
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)
    assert len(set(bench.receivers.ids("a.example"))) == 1
    assert len(bench.receivers.calls) == 2
