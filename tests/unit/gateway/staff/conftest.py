"""Staff's accounts on memory documents, with the cheapest hashing."""

import pytest
from argon2.profiles import CHEAPEST

from gateway.limits import RateLimiter
from gateway.settings import GatewaySettings
from gateway.staff.office import Staff, open_staff
from services.chassis.documents.memory import MemoryDocuments
from tests.fakes.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def documents() -> MemoryDocuments:
    return MemoryDocuments()


@pytest.fixture
async def staff(documents: MemoryDocuments, clock: ManualClock) -> Staff:
    settings = GatewaySettings(documents="memory", staff_idle_s=600, staff_life_s=3_600)
    return await open_staff(documents, clock, RateLimiter(clock), settings, hashing=CHEAPEST)
