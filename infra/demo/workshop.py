"""The demo shop's simulated workshop and carriers at work: each order in the tray is made, packed and brought.

A process of its own, started with ``zhike up --demo``. It knows of the platform what a workshop and a carrier know: the
API. An order's steps are drawn by a seed that is the order's own, so after a restart the same are told again, which
doubles nothing. Fast orders are for somebody who looks on, the others take as long as in life. All of it is simulated
and says so (fulfilment.py).
"""

import argparse
import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np

from gateway.demo_shop.tray import Ticket, Tray
from gateway.tokens import OPERATOR_FILE
from infra.demo.carrier_calls import CARRIERS
from infra.demo.fulfilment import RAW, SOURCE, DemoLine, DemoOrder, Plan, Step, fulfilment
from infra.demo.playing import Player, PlayStoppedError
from services.chassis.clock import Clock, SystemClock
from services.chassis.logs import configure_logs, get_log
from services.orders.domain.carrier_connections import connections_of
from services.orders.domain.carriers import World
from services.orders.domain.stage_catalog import FAMILY_ATTRIBUTE, own_stage_catalog

NAME: Final = "workshop"
SECRETS_VARIABLE: Final = "ZHIKE_ORDERS_CARRIER_SECRETS"
LOOK_S: Final = 0.5
TIMEOUT_S: Final = 10.0
ORDER_LOOKS, ORDER_LOOK_S = 40, 0.25  # for the order, and what the shop promised of it
BATCH_LIMIT: Final = 200  # facts told at once
INSIDE_SHARE, PICK_SHARE = 0.55, 0.15  # of a hurried order's time, where something is made and where nothing is
SLIP: Final = timedelta(days=2)  # by how much a late workshop is later than the shop promised
_AWAY: Final = frozenset({0, HTTPStatus.TOO_MANY_REQUESTS})

Sleep = Callable[[float], Awaitable[None]]

log = get_log(NAME)


class Workshop:
    """Sees to the orders in a tray. ``secrets``: by the name under which the shop has set a carrier up."""

    def __init__(
        self, client: httpx.AsyncClient, tray: Tray, secrets: Mapping[str, str], clock: Clock, *, sleep: Sleep
    ) -> None:
        self._client, self._tray, self._clock, self._sleep = client, tray, clock, sleep
        self._player = Player(self._post, secrets, clock.now, sleep)
        self._carriers = tuple(name for name, world in CARRIERS if _connection(name, world) in secrets)
        self._under_way: set[str] = set()
        self._families: dict[str, str] = {}  # of the products that were asked for; as many as the catalogue has

    async def run(self) -> None:
        """Look for orders and see to each, side by side, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                for order_id in await asyncio.to_thread(self._tray.orders):
                    if order_id not in self._under_way:
                        self._under_way.add(order_id)
                        tasks.create_task(self.see_to(order_id))
                await self._sleep(LOOK_S)

    async def see_to(self, order_id: str) -> None:
        """Make an order and bring it to the door. It stays in the tray when the platform is away for too long."""
        ticket = self._tray.ticket(order_id)
        try:
            if ticket is not None:
                await self._fulfil(ticket)
            self._tray.clear(order_id)
        except PlayStoppedError as stopped:
            is_away = stopped.status in _AWAY or stopped.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            log.warning("an order stops", order=order_id, path=stopped.path, status=stopped.status, waits=is_away)
            if not is_away:
                self._tray.clear(order_id)
        except (httpx.HTTPError, KeyError, TypeError, ValueError) as error:
            log.warning("an order waits", order=order_id, error=repr(error))
        finally:
            self._under_way.discard(order_id)

    async def _fulfil(self, ticket: Ticket) -> None:
        order = await self._order(ticket)
        steps = _steps(ticket, order, await self._lines(order), self._carriers)
        log.info("an order is begun", order=ticket.order_id, steps=len(steps), seconds=ticket.seconds)
        now = self._clock.now()
        past = list(takewhile(lambda step: step.door == "events" and step.tell_time <= now, steps))
        told = [*_paid(order), *(step.body for step in past)]
        for start in range(0, len(told), BATCH_LIMIT):
            facts = told[start : start + BATCH_LIMIT]
            answer = await self._client.post("/v1/orders/events", json={"events": facts})
            answer.raise_for_status()
        await self._player.play(steps[len(past) :])
        log.info("an order is at the door", order=ticket.order_id)

    async def _order(self, ticket: Ticket) -> dict[str, Any]:
        """Return the order, with what the shop promised where somebody looks on. Raises ValueError for none."""
        order: dict[str, Any] = {}
        for _ in range(ORDER_LOOKS):
            answer = await self._client.get(f"/v1/orders/{ticket.order_id}")
            if answer.is_success:
                order = answer.json()
                if order["lines"] and (order["promise"] or ticket.seconds is None):
                    return order
            await self._sleep(ORDER_LOOK_S)
        if not order:
            raise ValueError("nothing is known of it")
        return order

    async def _lines(self, order: Mapping[str, Any]) -> tuple[DemoLine, ...]:
        lines = [line for line in order["lines"] if not line["is_charge"]]
        return tuple(
            [DemoLine(each["number"], each["quantity"], await self._family(each["product_id"])) for each in lines]
        )

    async def _family(self, product_id: str) -> str:
        """Return how a product is made, "" for one that is sold from stock or that the catalogue does not have."""
        if product_id not in self._families:
            answer = await self._client.get(f"/v1/products/{product_id}")
            named = answer.json().get("attributes", {}).get(FAMILY_ATTRIBUTE, []) if answer.is_success else []
            known = (name for name in named if own_stage_catalog().template(name) is not None)
            self._families[product_id] = next(known, "")
        return self._families[product_id]

    async def _post(self, path: str, body: bytes, headers: Mapping[str, str], *, as_shop: bool) -> int:
        """Send a step; the client's own credentials are the shop's."""
        request = self._client.build_request("POST", path, content=body, headers=dict(headers))
        if not as_shop:
            request.headers.pop("Authorization", None)
        try:
            return (await self._client.send(request)).status_code
        except httpx.HTTPError:
            return 0


def _steps(
    ticket: Ticket, order: Mapping[str, Any], lines: tuple[DemoLine, ...], carriers: Sequence[str]
) -> list[Step]:
    """Return what becomes of an order, at the ticket's pace; without a carrier it stays in the shop. Chance is its own.

    Where the workshop announces a delay, it is by SLIP later than what the shop first promised.
    """
    placed = datetime.fromisoformat(order["place_time"])
    whole = DemoOrder(order["shop"], order["number"], placed, lines)
    seed = list(ticket.order_id.encode())
    chosen = carriers[int(np.random.default_rng(seed).integers(len(carriers)))] if carriers else None
    plan = Plan(carrier=chosen)
    if ticket.seconds is not None:
        plan = _hurried(plan, fulfilment(whole, np.random.default_rng(seed), plan), placed, ticket.seconds)
    is_late = ticket.late
    if is_late is None:
        is_late = ticket.seconds is not None and any(line.family for line in lines)
    if is_late and order["promise"]:
        promised = datetime.fromisoformat(order["promise"]["versions"][0]["estimate"]["promise_time"])
        plan = replace(plan, late_by=promised + SLIP - placed)
    steps = fulfilment(whole, np.random.default_rng(seed), plan)
    return steps if chosen else [step for step in steps if step.door == "events"]


def _paid(order: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return that an order was paid when it was placed, where nobody has said how that stands."""
    payment = order["payment"]
    if payment is None or payment["state"] != "unpaid" or payment["total"] is None:
        return []
    fact = {
        "id": f"{order['number']}-paid",
        "source": SOURCE,
        "type": "payment-captured",
        "time": order["place_time"],
        "order": {"number": order["number"], "shop": order["shop"]},
        "amount": payment["total"],
        "raw": RAW,
    }
    return [fact]


def _hurried(plan: Plan, natural: Sequence[Step], placed: datetime, seconds: float) -> Plan:
    """Return the plan at the paces at which all is told within these seconds: half of them in the house, if it works.

    In life the parcel's way takes days and the work hours: at one pace nobody would see a stage.
    """
    packed = next(step.tell_time for step in natural if step.door == "shipments")
    inside, outside = packed - placed, natural[-1].tell_time - packed
    share = INSIDE_SHARE if natural[0].door == "events" else PICK_SHARE
    return replace(
        plan,
        pace=max(inside.total_seconds() / (seconds * share), 1.0),
        carry_pace=max(outside.total_seconds() / (seconds * (1 - share)), 1.0),
    )


def _connection(carrier: str, world: World) -> str:
    """Return the name under which the shop has a carrier's sender set up."""
    return carrier if world is World.SCHEMA_ORG else world.value


async def _run(url: str, data: Path) -> None:
    """Work until told to stop."""
    entries = tuple(filter(None, os.environ.get(SECRETS_VARIABLE, "").split(",")))
    secrets = {name: each.secrets[0] for name, each in connections_of(entries).items()}
    token = (data / OPERATOR_FILE).read_text(encoding="ascii").strip()
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT_S, trust_env=False) as client:
        work = asyncio.ensure_future(Workshop(client, Tray(data), secrets, SystemClock(), sleep=asyncio.sleep).run())
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, work.cancel)
        log.info("ready", carriers=sorted(secrets))
        await asyncio.wait({work})
    if not work.cancelled():
        work.result()


def main() -> None:
    """Run as a process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="where the gateway answers")
    parser.add_argument("--data", required=True, type=Path, help="the data directory")
    asked = parser.parse_args()
    configure_logs(NAME, log_format=os.environ.get("ZHIKE_LOG_FORMAT", "json"))
    asyncio.run(_run(asked.url, asked.data))


if __name__ == "__main__":
    main()
