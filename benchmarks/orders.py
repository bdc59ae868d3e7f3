"""Whether orders are folded right, and what it costs: ``python -m benchmarks.orders [--json]``.

- histories: 200 made-up lives × 1,000 arrivals, each fact 1 to 5 times in any order. ``projections``: different
  answers per life, 1 when the fold is right; ``steps_back``: facts after whose arrival an order had left its end.
- olist: 4,917 delivered or shipped orders of a real shop (orders/olist_orders_sample.csv, dates month/day/year), told
  by their timestamps alone, shuffled over all orders. ``matching``: share whose headline is the file's status (one
  delivered row has no date of delivery); ``before_payment``: hand-overs that are dated before the payment.
- production: 225 work orders of a machine shop (orders/production_event_log.csv), told as stages in file order and
  shuffled. ``falls``: facts after which a work order's progress was less than before.
- us_per_event: CPU of projecting a fact into SQLite documents (write-ahead log, fsync on every commit), 50 facts at a
  time, mostly of different orders, at 1×, 4× and 16× of 6,000 facts. ``growth``: 16× over 1×.

The data sets are found by ZHIKE_TEST_DATA; without it their parts are left out.
"""

import argparse
import asyncio
import csv
import json
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.orders_histories import facts, life
from services.chassis.documents.sqlite import SqliteDocuments
from services.chassis.eventlog.port import Event
from services.kits.event_forms import EventRefusedError, ProductForm
from services.orders.domain.events import OrderEvent
from services.orders.domain.folding import fold_order
from services.orders.domain.lifecycle import TERMINAL
from services.orders.domain.remarks import Doubt
from services.orders.domain.reports import (
    CheckedEvent,
    EventForm,
    IntakeRules,
    OrderForm,
    ShipmentForm,
    check_event,
)
from services.orders.domain.stage_catalog import load_stage_catalog
from services.orders.domain.stages import StageFact, StageTemplate, advance, no_progress
from services.orders.store.collections import ORDERS, PARCELS
from services.orders.store.projections import OrderProjection

HISTORIES, ARRIVALS, COPIES = 200, 1_000, 5
SCALES, FACTS_AT_ONCE, EVENTS, SLICE = (1, 4, 16), 50, 6_000, 1_000
UNDER_WAY, LIFE_FACTS = 150, 15  # orders that facts come for at the same time, and how many each has, about
STATUSES = {"delivered": "delivered", "shipped": "shipped"}
RULES = IntakeRules(datetime(2026, 11, 23, tzinfo=UTC), "main", "web")
STAGES = Path(__file__).with_name("production_stages.toml")


def histories(count: int, arrivals: int) -> dict[str, Any]:
    """Fold every life in every arrival."""
    rng, seed, projections, steps_back, told = Random(11), Random(7), [], 0, 0
    for number in range(count):
        history = facts(life(number, seed))
        wanted, answers = fold_order(history), 1
        ended: dict[int, bool] = {}  # by the set of facts that are known; the arrivals of a life share most of them
        for _ in range(arrivals):
            arriving = [place for place in range(len(history)) for _ in range(rng.randint(1, COPIES))]
            rng.shuffle(arriving)
            told += len(arriving)
            answers += fold_order([history[place] for place in arriving]) != wanted
            steps_back += _steps_back(history, arriving, ended)
        projections.append(answers)
    return {
        "histories": count,
        "arrivals": count * arrivals,
        "facts_told": told,
        "projections": max(projections),
        "steps_back": steps_back,
    }


def _steps_back(history: Sequence[OrderEvent], arriving: Sequence[int], ended: dict[int, bool]) -> int:
    """Return how often the order left its end."""
    known = steps = 0
    was_ended = False
    for place in arriving:
        if known >> place & 1:
            continue
        known |= 1 << place
        is_ended = ended.get(known)
        if is_ended is None:
            some = [history[each] for each in range(len(history)) if known >> each & 1]
            is_ended = ended[known] = fold_order(some).headline in TERMINAL
        steps += was_ended and not is_ended
        was_ended = is_ended
    return steps


def olist(folder: Path) -> dict[str, Any]:
    """Tell the real orders by their timestamps."""
    with (folder / "olist_orders_sample.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["order_status"] in STATUSES]
    told: list[CheckedEvent] = []
    refused: Counter[str] = Counter()
    for row in rows:
        for form in _olist_forms(row):
            try:
                told.append(check_event(form, RULES))
            except EventRefusedError as error:
                refused[error.reason] += 1
    Random(3).shuffle(told)
    orders: dict[str, list[OrderEvent]] = {}
    for event in told:
        assert event.order is not None
        orders.setdefault(event.order.number, []).append(event.fact)
    states = {number: fold_order(known) for number, known in orders.items()}
    matching = sum(states[row["order_id"]].headline == STATUSES[row["order_status"]] for row in rows)
    early = [
        state
        for state in states.values()
        if any(remark.doubt is Doubt.HANDED_OVER_BEFORE_PAYMENT for remark in state.remarks)
    ]
    return {
        "orders": len(rows),
        "facts": len(told),
        "refused": sum(refused.values()),
        "matching": round(matching / len(rows), 5),
        "not_matching": len(rows) - matching,
        "before_payment": len(early),
    }


def _olist_forms(row: dict[str, str]) -> Iterable[EventForm]:
    order = OrderForm(row["order_id"])

    def told(type_: str, column: str, **fields: Any) -> Iterable[EventForm]:
        if row[column]:
            time_then = datetime.strptime(row[column], "%m/%d/%Y %H:%M").replace(tzinfo=UTC)
            yield EventForm(type=type_, time=time_then, order=order, source="olist", **fields)

    parcel = ShipmentForm("olist", row["order_id"])
    yield from told("order-placed", "order_purchase_timestamp", products=[ProductForm("unknown")])
    yield from told("payment-captured", "order_approved_at")
    yield from told("shipment-created", "order_delivered_carrier_date", shipment=parcel)
    yield from told("shipment-picked-up", "order_delivered_carrier_date", shipment=parcel)
    yield from told("shipment-delivered", "order_delivered_customer_date", shipment=parcel)


def production(folder: Path) -> dict[str, Any]:
    """Tell the work orders' stages, in file order and shuffled."""
    template = load_stage_catalog(STAGES.read_text(encoding="utf-8")).template("machined-parts")
    assert template is not None
    with (folder / "production_event_log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    cases: dict[str, list[CheckedEvent]] = {}
    refused, rng, falls = 0, Random(4), 0
    for row in rows:
        for type_, column in (("stage-entered", "start_timestamp"), ("stage-completed", "timestamp")):
            time_then = datetime.strptime(row[column], "%Y/%m/%d %H:%M:%S").replace(tzinfo=UTC)
            form = EventForm(
                type=type_, time=time_then, order=OrderForm(row["case_id"]), source="shopfloor", line=1,
                stage=row["activity"], raw={"resource": row["resource"]},
            )  # fmt: skip
            try:
                cases.setdefault(row["case_id"], []).append(check_event(form, RULES))
            except EventRefusedError:
                refused += 1
    unique = 0
    for told in cases.values():
        known = fold_order(facts(told)).history
        unique += len(known)
        falls += _falls(template, known)
        shuffled = list(known)
        rng.shuffle(shuffled)
        falls += _falls_as_they_arrive(template, shuffled)
    return {
        "cases": len(cases),
        "facts": 2 * len(rows),
        "different_facts": unique,
        "refused": refused,
        "falls": falls,
    }


def _stage_fact(fact: OrderEvent) -> StageFact:
    return StageFact(fact.type, datetime.fromtimestamp(fact.occurred_us / 1e6, UTC), fact.details["stage"])


def _falls(template: StageTemplate, history: Sequence[OrderEvent]) -> int:
    """Return how often progress falls as time passes."""
    progress, falls = no_progress(template, 1), 0
    for fact in history:
        after = advance(template, progress, _stage_fact(fact))
        falls += after.share < progress.share or after.reached < progress.reached
        progress = after
    return falls


def _falls_as_they_arrive(template: StageTemplate, arriving: Sequence[OrderEvent]) -> int:
    """Return how often progress falls as facts become known, each folded with those that are known before it."""
    known: list[OrderEvent] = []
    share, reached, falls = 0.0, 0, 0
    for fact in arriving:
        known.append(fact)
        progress = no_progress(template, 1)
        for each in sorted(known, key=lambda event: event.sort_key):
            progress = advance(template, progress, _stage_fact(each))
        falls += progress.share < share or progress.reached < reached
        share, reached = progress.share, progress.reached
    return falls


async def projection_cost(scale: int) -> float:
    """Return CPU µs per fact, of all threads of this process: the median over thousands of facts, of the last half."""
    events, slices = _log(EVENTS * scale), []
    with tempfile.TemporaryDirectory() as folder:
        documents = SqliteDocuments.open(Path(folder) / "documents.sqlite")
        await documents.declare(ORDERS, PARCELS)
        projection = OrderProjection(documents, "orders", lambda collection: collection)
        for begin in range(0, len(events), SLICE):
            began = time.process_time()
            for start in range(begin, begin + SLICE, FACTS_AT_ONCE):
                await projection.apply(events[start : start + FACTS_AT_ONCE])
            slices.append((time.process_time() - began) / SLICE * 1e6)
        await documents.close()
    return statistics.median(slices[len(slices) // 2 :])


def _log(count: int) -> list[Event]:
    """Return the facts of lives that begin one after the other and overlap, as the log would number them."""
    told: list[tuple[float, CheckedEvent]] = []
    rng, number = Random(2), 0
    while len(told) < count:
        begin = number / UNDER_WAY * LIFE_FACTS
        told += [(begin + place + rng.random(), event) for place, event in enumerate(life(number, rng))]
        number += 1
    told.sort(key=lambda each: each[0])
    recorded = datetime(2026, 11, 23, tzinfo=UTC)
    return [
        Event(
            log="order-events", partition=0, seq=seq, key=f"k{seq}", type=event.fact.type, occurred_time=event.time,
            recorded_time=recorded + timedelta(milliseconds=seq), shop=event.shop, channel=event.channel,
            subject=f"order:{seq}", payload=event.payload,
        )
        for seq, (_, event) in enumerate(told[:count], 1)
    ]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--histories", type=int, default=HISTORIES)
    parser.add_argument("--arrivals", type=int, default=ARRIVALS)
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    arguments = parser.parse_args()
    result: dict[str, Any] = {"histories": histories(arguments.histories, arguments.arrivals)}
    folder = Path(os.environ.get("ZHIKE_TEST_DATA", "")) / "orders"
    if (folder / "olist_orders_sample.csv").is_file():
        result["olist"], result["production"] = olist(folder), production(folder)
    costs = [asyncio.run(projection_cost(scale)) for scale in SCALES]
    result["us_per_event"] = {f"{scale}x": round(cost, 1) for scale, cost in zip(SCALES, costs, strict=True)}
    result["growth"] = round(costs[-1] / costs[0], 2)
    for name, value in result.items():
        print(f"{name:>14}  {value}")
    holds = _holds(result)
    if arguments.json:
        print(json.dumps({"benchmark": "orders", "holds": holds, **result}))
    return 0 if holds else 1


def _holds(result: dict[str, Any]) -> bool:
    told = result["histories"]
    good = told["projections"] == 1 and told["steps_back"] == 0
    if "olist" in result:
        real, made = result["olist"], result["production"]
        good = good and real["matching"] >= 0.999 and real["refused"] == 0 and real["before_payment"] == 74
        good = good and made["refused"] == 0 and made["falls"] == 0
    return good


if __name__ == "__main__":
    sys.exit(main())
