"""What moves by itself: the alerts by their log, the machinery by looking at it every few seconds."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from zhike.reputation.v1 import alert_service_pb2

from gateway.alert_clients import LIST_ALERTS
from gateway.alert_streams import Place
from gateway.console.areas.pr.marks import opinion_shop
from gateway.console.live import Polled
from gateway.console.pages import Moved, Topic
from gateway.console.staffing import EVERYBODY, StaffRole
from gateway.console.standings import service_standings

COUNT_LIMIT: Final = 200  # of what is counted for the navigation
QUIET_S: Final = 60.0
SYSTEM_EVERY_S: Final = 5.0


async def follow_alerts(parts: Any, shop: str, place: str) -> AsyncGenerator[Moved | None, None]:
    """Follow the log of alerts; the number is of those that nobody has in hand yet."""
    shop = opinion_shop(parts, shop)
    known = Place.parse(place, field="after") if place else None
    if known is None:
        yield Moved("", await open_alerts(parts, shop), first=True)
    with parts.alert_streams.watching() as watcher:
        async with aclosing(parts.alert_streams.told(watcher, shop, known, quiet_s=QUIET_S)) as told:
            beginning = known is None
            async for news in told:
                if news is None:
                    yield None
                    continue
                # At a first contact the stream tells all live alerts; the last of them brings the place.
                if news.place is not None:
                    yield Moved(str(news.place), await open_alerts(parts, shop), first=beginning)
                    beginning = False


async def open_alerts(parts: Any, shop: str) -> int:
    """Count the alerts that wait for somebody, up to a limit."""
    request = alert_service_pb2.ListAlertsRequest(shop=shop, live=True, page_size=COUNT_LIMIT)
    found = (await LIST_ALERTS.briefly(parts.caller, request)).alerts
    return sum(not alert.owner for alert in found)


async def read_system(parts: Any, _shop: str) -> tuple[str, int | None]:
    """Say how all services stand in one line; the number is of dead letters."""
    said, letters = [], 0
    for each in await service_standings(parts.caller):
        status = each.status
        if status is None:
            said.append(f"{each.service}:away")
            continue
        dead = sum(reader.dead_letters for reader in status.readers)
        letters += dead
        said.append(f"{each.service}:{status.pid}:{int(status.ready)}:{dead}:{len(status.degraded)}")
    return ",".join(said), letters


TOPICS: Final = (
    Topic("alerts", frozenset({StaffRole.PR, StaffRole.ANALYST, StaffRole.ADMIN}), follow_alerts),
    Topic("system", EVERYBODY, Polled(read_system, every_s=SYSTEM_EVERY_S).follow),
)
