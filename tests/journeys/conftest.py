"""The deployments that journeys share: one with the demo shop, one empty."""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.journeys.callers import Caller, Shop, fresh
from tests.journeys.platform import DEMO_HOUSEHOLDS, Platform

RUNNING_DEPLOYMENT = "ZHIKE_TEST_DEPLOYMENT"  # the data directory of a demo shop that runs already, while writing tests


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Journeys start real processes: they get more time than a unit test."""
    for item in items:
        if "journeys" in Path(item.fspath).parts:
            item.add_marker(pytest.mark.journey)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def demo_shop(tmp_path_factory: pytest.TempPathFactory, complete_journey: None) -> Iterator[Platform]:
    """Return a deployment with a part of the demo shop loaded and its first models judged."""
    running = os.environ.get(RUNNING_DEPLOYMENT)
    if running:
        yield Platform.running(Path(running))
        return
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


@pytest.fixture(scope="session")
def shop(demo_shop: Platform) -> Iterator[Shop]:
    """Return callers of every kind on the demo shop."""
    keys = {
        "publishable": demo_shop.key(fresh("j-"), "publishable"),
        **{scope: demo_shop.key(fresh("j-"), "secret", scope) for scope in ("shop", "staff", "load")},
    }
    limits = httpx.Limits(max_connections=20)
    with (
        httpx.Client(base_url=demo_shop.url, timeout=30, trust_env=False, limits=limits) as client,
        demo_shop.operator() as operator,
    ):
        yield Shop(demo_shop.url, keys, client, Caller(operator))
