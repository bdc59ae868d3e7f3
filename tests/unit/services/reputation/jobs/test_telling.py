"""What is told by webhook: a message for each telling, under one key, in Alertmanager's form."""

from collections.abc import AsyncIterator

import orjson
import pytest

from services.kits.webhooks.messages import EVENT_TYPE
from services.reputation.domain.alerts import CauseKind
from services.reputation.domain.levels import Level
from services.reputation.jobs.telling import WEBHOOK_TYPES, webhooks_of
from services.reputation.usecases.alerts import Deed, acknowledge_alert, observe, resolve_alert, tick_alerts
from tests.unit.services.reputation.alert_world import AlertWorld, make_alert_world
from tests.unit.services.reputation.domain.alert_builders import evidence, sighting

URL = "https://pr.shop.cn"


@pytest.fixture
async def world() -> AsyncIterator[AlertWorld]:
    made = await make_alert_world()
    yield made
    await made.log.close()


async def test_every_telling_is_a_message_and_nothing_else_is(world: AlertWorld) -> None:
    desk = world.desk()
    seen = sighting(Level.I, evidence=tuple(evidence(number) for number in range(9)))
    alert = await observe(desk, seen)
    world.clock.advance(6 * 60)
    await tick_alerts(desk)
    await acknowledge_alert(desk, Deed(alert.id, "li"), owner="wang")
    await resolve_alert(desk, Deed(alert.id, "wang", "over"))
    events = await world.relayed()
    messages = [message for event in events for message in webhooks_of(URL)(event)]
    assert [message.event_type for message in messages] == [
        "alert.raised",
        "alert.escalated",
        "alert.acknowledged",
        "alert.resolved",
    ]
    assert len({message.event_key for message in messages}) == 4
    bodies = [orjson.loads(message.body) for message in messages]
    assert [body["status"] for body in bodies] == ["firing", "firing", "firing", "resolved"]
    assert [body["alerts"][0]["owner"] for body in bodies] == ["", "", "wang", "wang"]
    assert bodies[0]["externalURL"] == URL
    assert len(bodies[0]["alerts"][0]["evidence"]) == 5
    again = [message for event in await world.relayed() for message in webhooks_of(URL)(event)]
    assert again == messages


def test_each_cause_has_a_type_that_webhooks_know() -> None:
    assert set(WEBHOOK_TYPES) == set(CauseKind)
    assert all(EVENT_TYPE.fullmatch(each) for each in WEBHOOK_TYPES.values())
