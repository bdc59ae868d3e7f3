"""Fixtures of reputation's unit tests."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.services.reputation.hearing_world import World, make_world


@pytest.fixture
async def hearing() -> AsyncIterator[World]:
    """Return a world in which nothing was said yet."""
    made = await make_world()
    yield made
    await made.log.close()
    await made.products.close()
