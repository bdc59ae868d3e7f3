"""How the services stand: all of them asked at once, and once for a page however many of its parts show it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from zhike.chassis.v1 import system_service_pb2 as pb

from gateway.clients import GET_SYSTEM_STATUS, PATIENCE_MS, SERVICES, Caller
from gateway.console.visit import Visit
from services.chassis.errors import ZhikeError


@dataclass(frozen=True, slots=True)
class Standing:
    """A service and what it said; None while it does not answer."""

    service: str
    status: pb.SystemStatus | None


async def service_standings(caller: Caller) -> Sequence[Standing]:
    """Return what every service says of itself; one that is away spoils nothing."""

    async def ask(service: str) -> Standing:
        try:
            status = await caller.call(
                GET_SYSTEM_STATUS[service], pb.GetSystemStatusRequest(), timeout_ms=PATIENCE_MS, waits=False
            )
        except ZhikeError:
            return Standing(service, None)
        return Standing(service, status)

    return await asyncio.gather(*map(ask, SERVICES))


async def standings_of(visit: Visit) -> Sequence[Standing]:
    """Return how the services stood when the page first asked."""
    return await visit.once("standings", lambda: service_standings(visit.parts.caller))
