"""Nothing grows without end: what waited too long, what ended long ago, targets with too much."""

from datetime import timedelta

from services.kits.webhooks.deliveries import DeliveryState
from services.kits.webhooks.targeting import TargetEdit
from services.kits.webhooks.targets import DisableCause, TargetState
from services.kits.webhooks.tidying import OVERDUE_LIMIT, Keeping
from tests.fakes.webhooks import WebhookBench, open_bench

SECOND = timedelta(seconds=1)


async def test_what_has_been_due_for_too_long_is_dead_and_can_be_replayed(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("a.example")
    await bench.publish("e-1")
    await bench.targeting.edit(target_id, TargetEdit(enabled=False))
    bench.clock.advance((OVERDUE_LIMIT - SECOND).total_seconds())
    await bench.tidying.tidy()
    assert (await bench.all_of(target_id))[0].state is DeliveryState.WAITING
    bench.clock.advance(2)
    await bench.tidying.tidy()
    assert (await bench.all_of(target_id))[0].state is DeliveryState.DEAD
    assert bench.metric("zhike_webhook_ended_total", state="dead") == 1
    await bench.targeting.edit(target_id, TargetEdit(enabled=True))
    assert (await bench.targeting.replay(target_id, [], request_id="r")).replayed == 1
    await bench.deliver()
    assert len(bench.receivers.calls) == 1


async def test_ended_deliveries_are_kept_for_their_time_and_not_longer() -> None:
    keeping = Keeping(delivered=timedelta(hours=1), dead=timedelta(hours=2), cancelled=timedelta(minutes=1))
    bench = await open_bench(keeping=keeping)
    target_id, _ = await bench.target("a.example")
    await bench.publish(*(f"e-{number}" for number in range(250)))
    await bench.deliver()
    await bench.publish("dead")
    for each in await bench.deliveries.oldest(target_id, DeliveryState.WAITING, 10):
        await bench.deliveries.save(each.dead(bench.clock.now()))
    bench.clock.advance(3_599)
    await bench.tidying.tidy()
    assert len(await bench.all_of(target_id)) == 251
    bench.clock.advance(1)
    await bench.tidying.tidy()
    assert [each.event_key for each in await bench.all_of(target_id)] == ["dead"]
    bench.clock.advance(3_600)
    await bench.tidying.tidy()
    assert await bench.all_of(target_id) == []


async def test_one_delivery_past_the_backlog_disables_its_target_and_loses_nothing() -> None:
    bench = await open_bench(backlog_limit=3)
    target_id, _ = await bench.target("a.example")
    await bench.publish("e-1", "e-2", "e-3")
    await bench.tidying.tidy()
    assert (await bench.targets.get(target_id)).is_enabled
    await bench.publish("e-4")
    await bench.tidying.tidy()
    target = await bench.targets.get(target_id)
    assert (target.state, target.cause) == (TargetState.DISABLED, DisableCause.BACKLOG)
    assert await bench.deliveries.count(DeliveryState.WAITING, target_id) == 4
    await bench.targeting.edit(target_id, TargetEdit(enabled=True))
    await bench.deliver()
    assert await bench.deliveries.count(DeliveryState.DELIVERED) == 4


async def test_the_gauges_say_how_things_stand(bench: WebhookBench) -> None:
    await bench.target("a.example")
    disabled, _ = await bench.target("b.example")
    bench.receivers.answer["a.example"] = 500
    await bench.publish("e-1", "e-2", "e-3", "e-4", "e-5")
    await bench.targeting.edit(disabled, TargetEdit(enabled=False))
    await bench.deliver()
    bench.clock.advance(3)
    await bench.dispatcher.look()
    await bench.tidying.measure()
    assert bench.metric("zhike_webhook_targets", state="enabled") == 1
    assert bench.metric("zhike_webhook_targets", state="disabled") == 1
    assert bench.metric("zhike_webhook_targets", state="resting") == 1
    assert bench.metric("zhike_webhook_waiting_deliveries") == 10
    assert bench.metric("zhike_webhook_late_seconds") == 3  # of the enabled one; a disabled one is late on purpose


async def test_a_pass_over_nothing_changes_nothing(bench: WebhookBench) -> None:
    await bench.tidying.tidy()
    await bench.tidying.measure()
    assert bench.metric("zhike_webhook_waiting_deliveries") == 0
    assert bench.metric("zhike_webhook_late_seconds") == 0
