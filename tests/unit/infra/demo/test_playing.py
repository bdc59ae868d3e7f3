"""Playing a fulfilment: every step in its time through its door, tried again where nobody answers."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import orjson
import pytest

from infra.demo.carrier_calls import CARRIERS
from infra.demo.carrier_secrets import FILE, carrier_setting, demo_carrier_secrets
from infra.demo.fulfilment import DemoLine, DemoOrder, Plan, Step, fulfilment
from infra.demo.playing import TRIES, Player, PlayStoppedError
from services.orders.domain.carrier_connections import connections_of
from services.orders.domain.carrier_signatures import check_signature
from tests.fakes.clock import ManualClock

START = datetime(2026, 11, 30, 9, tzinfo=UTC)


class Door:
    """A deployment's doors. ``statuses``: what the next calls are answered, then 200."""

    def __init__(self, clock: ManualClock, secrets: Mapping[str, str]) -> None:
        self.clock, self.connections = clock, connections_of(carrier_setting(dict(secrets)).split(","))
        self.told: list[tuple[datetime, str]] = []
        self.statuses: list[int] = []

    async def post(self, path: str, body: bytes, headers: Mapping[str, str], *, as_shop: bool) -> int:
        now = self.clock.now()
        if path.startswith("/v1/carriers/"):
            connection = self.connections[path.split("/")[3]]
            check_signature(connection.world, headers, body, connection.secrets, now=now)
            assert not as_shop
        else:
            assert as_shop
            assert orjson.loads(body)
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 200:
            self.told.append((now, path))
        return status


def steps(seed: int = 3) -> list[Step]:
    order = DemoOrder("demo", "1", START, (DemoLine(1, 1, "balloons"),))
    return fulfilment(order, np.random.default_rng(seed), Plan(pace=600.0, carrier=CARRIERS[seed % 4][0]))


def player(tmp_path: Path) -> tuple[Player, Door]:
    clock, secrets = ManualClock(START), demo_carrier_secrets(tmp_path)

    async def sleep(seconds: float) -> None:
        clock.advance(seconds)

    door = Door(clock, secrets)
    return Player(door.post, secrets, clock.now, sleep), door


@pytest.mark.parametrize("seed", range(4))
async def test_every_step_is_told_in_its_time(tmp_path: Path, seed: int) -> None:
    plan = steps(seed)
    playing, door = player(tmp_path)
    assert await playing.play(plan) == len(plan)
    assert [time for time, _ in door.told] == [step.tell_time for step in plan]
    assert {path.split("/")[2] for _, path in door.told} == {"orders", "shipments", "carriers"}


async def test_a_door_that_is_away_is_tried_again(tmp_path: Path) -> None:
    playing, door = player(tmp_path)
    door.statuses = [0, 503, 429]
    await playing.play(steps()[:1])
    assert len(door.told) == 1


@pytest.mark.parametrize(("statuses", "status"), [([400], 400), ([503] * TRIES, 503)])
async def test_a_door_that_refuses_or_stays_away_ends_the_play(
    tmp_path: Path, statuses: list[int], status: int
) -> None:
    playing, door = player(tmp_path)
    door.statuses = statuses
    with pytest.raises(PlayStoppedError) as stopped:
        await playing.play(steps()[:1])
    assert stopped.value.status == status


def test_secrets_are_made_once_and_are_their_owners_alone(tmp_path: Path) -> None:
    made = demo_carrier_secrets(tmp_path / "data")
    assert demo_carrier_secrets(tmp_path / "data") == made
    assert demo_carrier_secrets(tmp_path / "other") != made
    assert (tmp_path / "data" / FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == [FILE]
    assert set(connections_of(carrier_setting(made).split(","))) == set(made)
