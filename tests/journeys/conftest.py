"""The deployments that journeys share: one with the demo shop, one empty."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.platform import DEMO_HOUSEHOLDS, Platform


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Journeys start real processes: they get more time than a unit test."""
    for item in items:
        if "journeys" in Path(item.fspath).parts:
            item.add_marker(pytest.mark.journey)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def demo_shop(tmp_path_factory: pytest.TempPathFactory, complete_journey: None) -> Iterator[Platform]:
    """Return a deployment with a part of the demo shop loaded and its first models judged."""
    platform = Platform.at(tmp_path_factory.mktemp("demo-shop"))
    try:
        platform.up("--demo", "--households", str(DEMO_HOUSEHOLDS))
        yield platform
    finally:
        platform.down()


@pytest.fixture
def empty_shop(tmp_path: Path) -> Iterator[Platform]:
    """Return a fresh deployment without data, for a journey that breaks things."""
    platform = Platform.at(tmp_path / "data")
    try:
        platform.up()
        yield platform
    finally:
        platform.down()
