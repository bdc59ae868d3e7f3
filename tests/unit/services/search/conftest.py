"""A shop with its shelf stocked."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.services.search.shop import SHELF, Shop, open_shop


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path) as opened:
        await opened.stock(*SHELF)
        yield opened
