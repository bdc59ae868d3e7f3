"""A real platform without data, its limits off, and credentials of every principal."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.principals import Role
from tests.journeys.callers import fresh_visitor
from tests.journeys.platform import Platform

# The limits have tests of their own; here they would answer in the place of what lies behind them.
UNLIMITED = tuple(
    (f"ZHIKE_GATEWAY_{name}_RATE_PER_S", "0") for name in ("SHOPPER", "PUBLISHABLE", "SECRET", "LOAD", "FAILED")
)
RUNNING_DEPLOYMENT = "ZHIKE_TEST_DEPLOYMENT"
ORDER = {"number": "fuzz-1", "time": "2026-11-05T08:00:00Z", "products": [{"id": "p-1"}]}


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    running = os.environ.get(RUNNING_DEPLOYMENT)
    if running:
        yield Platform.running(Path(running))
        return
    started = Platform.at(tmp_path_factory.mktemp("fuzz"))
    started = Platform(started.data, started.port, UNLIMITED)
    try:
        started.up()
        yield started
    finally:
        started.down()


@pytest.fixture(scope="session")
def credentials(platform: Platform) -> dict[Role | None, dict[str, str]]:
    """Return the headers of each principal; None is nobody."""
    name = fresh_visitor()[2:12].lower().replace("_", "a").replace("-", "b")
    bearers = {Role(scope): platform.key(f"f{name}-{scope}", "secret", scope) for scope in ("shop", "staff", "load")}
    with platform.operator() as operator:
        made = operator.post("/v1/shopper-tokens", json={"identifiers": ["login:fuzz"]}).raise_for_status()
        bearers[Role.SHOPPER] = made.json()["token"]
        order = operator.post("/v1/orders", json=ORDER).raise_for_status().json()
        link = operator.post(f"/v1/orders/{order['id']}/access-tokens", json={}).raise_for_status()
        bearers[Role.ORDER] = link.json()["token"]
        bearers[Role.OPERATOR] = operator.headers["Authorization"].partition(" ")[2]
    publishable = {"X-Api-Key": platform.key(f"f{name}", "publishable"), "X-Visitor-Id": fresh_visitor()}
    return {
        None: {},
        Role.PUBLISHABLE: publishable,
        **{role: {"Authorization": f"Bearer {token}"} for role, token in bearers.items()},
    }
