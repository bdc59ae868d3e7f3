"""Alerts over a store: replicas meet at one alert, persons and clock lose nothing, a crash is resumed."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.chassis.documents.port import StoreUnavailableError
from services.reputation.domain.alerts import Alert, AlertState, EntryKind, folded
from services.reputation.domain.errors import (
    AlertNotFoundError,
    AlertStateError,
    SilenceNotFoundError,
    SilenceTakenError,
    TooManyError,
    VersionMismatchError,
)
from services.reputation.domain.levels import Level
from services.reputation.domain.silences import SILENCES_LIMIT, Matcher, Silence
from services.reputation.usecases.alerts import (
    AlertDesk,
    Deed,
    acknowledge_alert,
    close_alert,
    comment_alert,
    create_silence,
    expire_silence,
    get_alert,
    get_silence,
    list_alerts,
    list_silences,
    mitigate_alert,
    observe,
    reopen_alert,
    resolve_alert,
    settle,
    tick_alerts,
)
from tests.fakes.crashing_documents import CrashingDocuments, CrashPoint
from tests.strategies.alerts import FEED, OTHER, PRODUCT, START, Burst, Step, Wait, lives
from tests.strategies.alerts import Deed as DrawnDeed
from tests.unit.services.reputation.alert_world import AlertWorld, make_alert_world
from tests.unit.services.reputation.domain.alert_builders import sighting

SILENCE = Silence("sil-1", (Matcher("brand", "acme"),), "launch", "li", START, START + timedelta(hours=2))
SHOP = "main"


@pytest.fixture
async def world() -> AsyncIterator[AlertWorld]:
    made = await make_alert_world()
    yield made
    await made.log.close()


async def raised(desk: AlertDesk, level: Level = Level.I) -> Alert:
    return await observe(desk, sighting(level))


async def test_an_alert_goes_through_its_life_and_leaves_every_step_in_the_log(world: AlertWorld) -> None:
    desk = world.desk()
    alert = await raised(desk)
    deed = Deed(alert.id, "li", "working on it")
    await acknowledge_alert(desk, deed, owner="wang")
    await mitigate_alert(desk, deed)
    await resolve_alert(desk, deed)
    done = await close_alert(desk, deed)
    assert done.life.state is AlertState.CLOSED
    assert await get_alert(desk, alert.id) == done
    events = await world.relayed()
    assert [event.payload["entry"]["number"] for event in events] == [entry.number for entry in done.history]
    assert {event.type for event in events} == {f"alert-{entry.kind}" for entry in done.history}
    assert events[-1].payload["alert"]["life"]["state"] == "closed"
    assert "history" not in events[-1].payload["alert"]
    assert (await reopen_alert(desk, deed)).life.number == 2


async def test_replicas_that_see_one_trouble_raise_one_alert(world: AlertWorld) -> None:
    seen = await asyncio.gather(*(observe(world.desk(), sighting(Level.II)) for _ in range(5)))
    assert len({alert.id for alert in seen}) == 1
    assert [event.type for event in await world.relayed()] == ["alert-raised", "alert-notified"]


async def test_persons_and_evaluation_at_once_lose_nothing(world: AlertWorld) -> None:
    desk = world.desk()
    alert = await raised(desk, Level.III)
    await asyncio.gather(
        acknowledge_alert(desk, Deed(alert.id, "li"), owner="li"),
        observe(world.desk(), sighting(Level.II, at=START + timedelta(minutes=5))),
        acknowledge_alert(world.desk(), Deed(alert.id, "li"), owner="li"),
        tick_alerts(world.desk()),
    )
    kept = await get_alert(desk, alert.id)
    assert (kept.life.state, kept.life.level) == (AlertState.ACKNOWLEDGED, Level.II)
    assert kept.last_time == START + timedelta(minutes=5)
    assert [entry.kind for entry in kept.history].count(EntryKind.ACKNOWLEDGED) == 1


async def test_what_changes_nothing_is_not_saved(world: AlertWorld) -> None:
    desk = world.desk()
    alert = await raised(desk)
    assert await raised(desk) == alert
    assert (await tick_alerts(desk))[0].version == alert.version


async def test_a_step_on_what_was_not_read_is_refused(world: AlertWorld) -> None:
    desk = world.desk()
    alert = await raised(desk)
    with pytest.raises(VersionMismatchError):
        await resolve_alert(desk, Deed(alert.id, "li", "over", expected_version=alert.version + 1))
    assert (await resolve_alert(desk, Deed(alert.id, "li", "over", expected_version=alert.version))).life.state == (
        "resolved"
    )
    with pytest.raises(AlertNotFoundError):
        await mitigate_alert(desk, Deed("", "li"))


async def test_comments_of_many_at_once_are_all_kept_and_each_once(world: AlertWorld) -> None:
    desk = world.desk()
    alert = await raised(desk)
    await asyncio.gather(
        *(
            comment_alert(world.desk(), Deed(alert.id, f"p{place % 3}", "seen"), request=f"r{place % 3}")
            for place in range(6)
        )
    )
    kept = await get_alert(desk, alert.id)
    said = [entry for entry in kept.history if entry.kind is EntryKind.COMMENTED]
    assert sorted((entry.actor, entry.request) for entry in said) == [("p0", "r0"), ("p1", "r1"), ("p2", "r2")]
    assert kept.life == alert.life
    assert [event.type for event in await world.relayed()].count("alert-commented") == 3


async def test_the_clock_escalates_and_a_hand_stops_it(world: AlertWorld) -> None:
    desk = world.desk()
    alert = await raised(desk)
    world.clock.advance(6 * 60)
    await tick_alerts(desk)
    await tick_alerts(desk)
    causes = [str(entry.cause) for _, entry in world.saved if entry.kind is EntryKind.NOTIFIED]
    assert causes == ["1/raised", "1/escalation-11"]
    await acknowledge_alert(desk, Deed(alert.id, "li"), owner="")
    world.clock.advance(24 * 3_600)
    assert len(await tick_alerts(desk)) == 1
    assert len([entry for _, entry in world.saved if entry.kind is EntryKind.NOTIFIED]) == 3  # and the news of it


async def test_a_silence_withholds_until_it_is_expired(world: AlertWorld) -> None:
    desk = world.desk()
    await create_silence(desk, SILENCE)
    alert = await raised(desk)
    assert [each.by for each in alert.life.withheld] == ["silence:sil-1"]
    await tick_alerts(desk)
    assert (await get_alert(desk, alert.id)).life.paged_time is None
    world.clock.advance(60)
    assert (await expire_silence(desk, "sil-1")).ends_time == world.clock.now()
    await tick_alerts(desk)
    assert (await get_alert(desk, alert.id)).life.paged_time == world.clock.now()


async def test_a_brands_alert_inhibits_its_products_until_it_is_resolved(world: AlertWorld) -> None:
    desk = world.desk()
    brand = await raised(desk, Level.II)
    product = await observe(desk, sighting(Level.III, group=PRODUCT))
    assert [each.by for each in product.life.withheld] == [f"alert:{brand.id}"]
    await resolve_alert(desk, Deed(brand.id, "li", "over"))
    await tick_alerts(desk)
    assert not (await get_alert(desk, product.id)).life.withheld


async def test_silences_are_kept_once_listed_and_bounded(world: AlertWorld) -> None:
    desk = world.desk()
    assert await create_silence(desk, SILENCE) == await create_silence(desk, SILENCE)
    with pytest.raises(SilenceTakenError):
        await create_silence(desk, replace(SILENCE, reason="another"))
    for number in range(SILENCES_LIMIT - 1):
        await create_silence(desk, replace(SILENCE, id=f"more-{number:03}"))
    with pytest.raises(TooManyError):
        await create_silence(desk, replace(SILENCE, id="one-more"))
    assert await create_silence(desk, SILENCE) == SILENCE  # a repeat is no new one
    page, after = await list_silences(desk, after=None, limit=150)
    rest, end = await list_silences(desk, after=after, limit=150)
    assert (len(page), len(rest), end) == (150, SILENCES_LIMIT - 150, None)
    await expire_silence(desk, "more-000")
    assert (await create_silence(desk, replace(SILENCE, id="one-more"))).id == "one-more"
    assert (await get_silence(desk, "sil-1")).reason == "launch"
    with pytest.raises(SilenceNotFoundError):
        await expire_silence(desk, "nobody")


async def test_alerts_are_listed_by_shop_and_state(world: AlertWorld) -> None:
    desk = world.desk()
    first = await raised(desk)
    world.clock.advance(60)
    second = await observe(desk, sighting(Level.IV, group=OTHER))
    assert [each.id for each in (await list_alerts(desk, SHOP, None, after=None, limit=9))[0]] == [second.id, first.id]
    await resolve_alert(desk, Deed(first.id, "li", "over"))
    opened, _ = await list_alerts(desk, SHOP, AlertState.OPEN, after=None, limit=9)
    assert [each.id for each in opened] == [second.id]
    live, _ = await list_alerts(desk, SHOP, None, live=True, after=None, limit=9)
    assert [each.id for each in live] == [second.id]
    assert await list_alerts(desk, "elsewhere", None, after=None, limit=9) == ((), None)


async def test_trouble_that_ends_by_itself_is_settled(world: AlertWorld) -> None:
    desk = world.desk()
    assert await settle(desk, FEED, "it speaks again") is None
    alert = await observe(desk, sighting(Level.IV, group=FEED, reopens_while_held=True))
    assert (await settle(desk, FEED, "it speaks again")) is not None
    assert (await get_alert(desk, alert.id)).life.state is AlertState.RESOLVED


async def test_an_alert_that_a_later_one_followed_is_not_reopened(world: AlertWorld) -> None:
    desk = world.desk()
    first = await raised(desk)
    await resolve_alert(desk, Deed(first.id, "li", "over"))
    await close_alert(desk, Deed(first.id, "li"))
    world.clock.advance(25 * 3_600)
    second = await raised(desk)
    assert second.number == 2
    with pytest.raises(AlertStateError, match="later alert"):
        await reopen_alert(desk, Deed(first.id, "li", "again"))


async def take(desk: AlertDesk, world: AlertWorld, step: Step) -> None:
    """Do a drawn step by the use cases."""
    match step:
        case Burst():
            await observe(desk, sighting(step.level, group=step.group, at=world.clock.now()))
        case DrawnDeed():
            newest = await desk.alerts.newest(step.group.key)
            deed = Deed("" if newest is None else newest.alert.id, "li", "because")
            do = {"mitigate": mitigate_alert, "resolve": resolve_alert, "close": close_alert, "reopen": reopen_alert}
            try:
                if step.step == "acknowledge":
                    await acknowledge_alert(desk, deed, owner=step.owner)
                elif step.step == "comment":
                    await comment_alert(desk, deed, request=f"{world.clock.now()} {step.owner}")
                else:
                    await do[step.step](desk, deed)
            except (AlertStateError, AlertNotFoundError):
                return
        case Wait(minutes):
            world.clock.advance(minutes * 60)
    await tick_alerts(desk)


async def lived(life: list[Step], crash_at: int, point: CrashPoint) -> None:
    """Live a life in which a process dies at one of its writes, and the next one takes the step again."""
    world = await make_alert_world()
    dying = CrashingDocuments(world.documents, crash_at=crash_at, point=point)
    desk = world.desk(dying)
    for step in life:
        try:
            await take(desk, world, step)
        except StoreUnavailableError:
            desk = world.desk()
            await take(desk, world, step if not isinstance(step, Wait) else Wait(0))
        if isinstance(step, Wait):
            await world.relayed()
    events = await world.relayed()
    assert await world.relayed() == events
    told: dict[str, list[int]] = {}
    for event in events:
        told.setdefault(event.payload["alert"]["id"], []).append(event.payload["entry"]["number"])
    pages, after = await list_alerts(world.desk(), SHOP, None, after=None, limit=500)
    assert after is None
    assert {alert.id: [entry.number for entry in alert.history] for alert in pages} == told
    for alert in pages:
        assert folded(alert.history) == alert.life
    live = [alert.group.key for alert in pages if alert.life.state is not AlertState.CLOSED]
    assert len(live) == len(set(live))
    await world.log.close()


@settings(deadline=None, max_examples=150)
@given(lives, st.integers(1, 12), st.sampled_from((CrashPoint.BEFORE, CrashPoint.AFTER)))
def test_a_process_that_dies_at_any_write_loses_and_doubles_nothing(
    life: list[Step], crash_at: int, point: CrashPoint
) -> None:
    asyncio.run(lived(life, crash_at, point))
