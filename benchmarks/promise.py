"""Whether promises are kept, on real orders: ``python -m benchmarks.promise [--json]``.

4,998 orders of a Brazilian marketplace with five timestamps (Olist sample; ZHIKE_TEST_DATA). Every delivered order is
promised when it is placed, by what was observed until then and nothing later: packing from purchase to the hand-over,
the way from the hand-over to the door, one lane (the sample names no places). Then it is estimated again at the
hand-over and whenever the delay rule looks again, until it is there. The first WARM_UP orders only teach.

- band_coverage: orders that came within the 80 % band of the first estimate; promise_kept: by the end of the promised
  day; promise_days: median length of a promise; the marketplace's own promise beside it (shop_*).
- p50_error_days: median distance of the likely time; band_coverage_at_hand_over: the same band at the hand-over.
- told_before: of the first promises that broke, those that a notice announced before; needless_notices: notices of
  orders that kept the promise after all; notice_hours: median time from a notice to the break.
- us_per_estimate: mean cost of one estimate.
"""

import argparse
import csv
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from services.kits.calendars.day_rules import EVERY_DAY
from services.kits.calendars.work_calendar import WorkCalendar
from services.orders.domain.lead_times import PICK_GROUPS, LeadTimes, Observations, lane_groups, own_assumptions
from services.orders.domain.lifecycle import Parcel
from services.orders.domain.promise import Estimate, ParcelNews, Question, WorkPlaces, estimate
from services.orders.domain.promised import Cause, DelayNotice, PromiseVersion, delay_due, next_look_time, promised_of

ZONE = ZoneInfo("America/Sao_Paulo")
ALWAYS = WorkCalendar(ZONE, EVERY_DAY)
PLACES = WorkPlaces(ALWAYS, ALWAYS, ALWAYS)
WARM_UP = 500
LEARN_EVERY = timedelta(days=1)
DAY_S = 86_400
FILE = Path("orders") / "olist_orders_sample.csv"


@dataclass(frozen=True, slots=True)
class Order:
    """A delivered order. ``shop_promise``: the end of the day that the marketplace promised."""

    placed: datetime
    handed_over: datetime
    delivered: datetime
    shop_promise: datetime


@dataclass(slots=True)
class Figures:
    """What happened to the promises, order by order."""

    in_band: list[bool] = field(default_factory=list)
    in_band_at_hand_over: list[bool] = field(default_factory=list)
    kept: list[bool] = field(default_factory=list)
    shop_kept: list[bool] = field(default_factory=list)
    days: list[float] = field(default_factory=list)
    shop_days: list[float] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    told: list[bool] = field(default_factory=list)
    needless: int = 0
    notice_hours: list[float] = field(default_factory=list)
    estimates: int = 0
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return {
            "orders": len(self.kept),
            "band_coverage": _share(self.in_band),
            "band_coverage_at_hand_over": _share(self.in_band_at_hand_over),
            "promise_kept": _share(self.kept),
            "promise_days": round(statistics.median(self.days), 1),
            "shop_promise_kept": _share(self.shop_kept),
            "shop_promise_days": round(statistics.median(self.shop_days), 1),
            "p50_error_days": round(statistics.median(self.errors), 2),
            "broken": len(self.told),
            "told_before": _share(self.told),
            "notices": len(self.notice_hours),
            "needless_notices": self.needless,
            "notice_hours": round(statistics.median(self.notice_hours), 1),
            "us_per_estimate": round(self.seconds / self.estimates * 1e6),
        }


class Teacher:
    """What was observed until a moment, learned once a day."""

    def __init__(self, orders: Sequence[Order]) -> None:
        self._facts = sorted(
            [(order.handed_over, PICK_GROUPS, (order.handed_over - order.placed).total_seconds()) for order in orders]
            + [
                (order.delivered, lane_groups("", ""), (order.delivered - order.handed_over).total_seconds())
                for order in orders
            ]
        )
        self._observations, self._place = Observations(), 0
        self._times, self._learned = LeadTimes(own_assumptions()), datetime.min.replace(tzinfo=UTC)

    def times(self, now: datetime) -> LeadTimes:
        """Return the lead times by the facts before ``now``, which never goes back by more than a day's learning."""
        if now - self._learned >= LEARN_EVERY:
            while self._place < len(self._facts) and self._facts[self._place][0] < now:
                _, groups, seconds = self._facts[self._place]
                self._observations.add(groups, seconds)
                self._place += 1
            self._times = LeadTimes(own_assumptions(), self._observations.durations())
            self._learned = now
        return self._times


def read_orders(file: Path) -> list[Order]:
    """Return the delivered orders with all times in order, by time of purchase."""
    orders = []
    with file.open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            placed, handed_over, delivered = (
                _time(row[key])
                for key in ("order_purchase_timestamp", "order_delivered_carrier_date", "order_delivered_customer_date")
            )
            promise = _time(row["order_estimated_delivery_date"])
            if placed and handed_over and delivered and promise and placed <= handed_over <= delivered:
                orders.append(Order(placed, handed_over, delivered, promise + timedelta(days=1)))
    return sorted(orders, key=lambda order: order.placed)


def measure(orders: Sequence[Order]) -> Figures:
    """Promise every order in the order of purchase and see what becomes of it."""
    teacher, figures = Teacher(orders), Figures()
    for number, order in enumerate(orders):
        times = teacher.times(order.placed)
        if number >= WARM_UP:
            _follow(order, times, figures)
    return figures


def _follow(order: Order, times: LeadTimes, figures: Figures) -> None:
    """Promise one order and look at it until it is there. It is followed by what was known when it was placed."""
    first = _estimate(order, times, order.placed, figures)
    versions = [PromiseVersion(1, order.placed, first, Cause())]
    notices: list[DelayNotice] = []
    now, at_hand_over = order.placed, False
    while True:
        look = next_look_time(promised_of(versions, notices), now=now)
        now = order.handed_over if not at_hand_over and order.handed_over <= look else look
        if now >= order.delivered:
            break
        found = _estimate(order, times, now, figures)
        if now == order.handed_over:
            at_hand_over = True
            figures.in_band_at_hand_over.append(found.p10 <= order.delivered <= found.p90)
        notice = delay_due(promised_of(versions, notices), found, now=now)
        if notice is not None:
            notices.append(notice)
            figures.notice_hours.append((notice.broken_time - now).total_seconds() / 3_600)
            figures.needless += order.delivered <= notice.broken_time
    _count(order, first, notices, figures)


def _count(order: Order, first: Estimate, notices: Sequence[DelayNotice], figures: Figures) -> None:
    figures.in_band.append(first.p10 <= order.delivered <= first.p90)
    figures.kept.append(order.delivered <= first.promise_time)
    figures.shop_kept.append(order.delivered <= order.shop_promise)
    figures.days.append((first.promise_time - order.placed).total_seconds() / DAY_S)
    figures.shop_days.append((order.shop_promise - order.placed).total_seconds() / DAY_S)
    figures.errors.append(abs((order.delivered - first.p50).total_seconds()) / DAY_S)
    if order.delivered > first.promise_time:
        figures.told.append(any(notice.broken_time == first.promise_time and not notice.is_late for notice in notices))


def _estimate(order: Order, times: LeadTimes, now: datetime, figures: Figures) -> Estimate:
    if now < order.handed_over:
        question = Question(ready_time=order.placed)
    else:
        news = ParcelNews(Parcel.IN_TRANSIT, order.handed_over, order.handed_over)
        question = Question(parcel=news)
    started = time.perf_counter()
    found = estimate(question, times, PLACES, now=now)
    figures.seconds += time.perf_counter() - started
    figures.estimates += 1
    return found


def _time(text: str) -> datetime | None:
    return datetime.strptime(text, "%m/%d/%Y %H:%M").replace(tzinfo=ZONE).astimezone(UTC) if text else None


def _share(values: Sequence[bool]) -> float:
    return round(sum(values) / len(values), 3) if values else 0.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    file = Path(os.environ.get("ZHIKE_TEST_DATA", "")) / FILE
    if not file.is_file():
        print(f"ZHIKE_TEST_DATA holds no {FILE}", file=sys.stderr)
        return 2
    result = measure(read_orders(file)).as_json()
    if not arguments.json:
        for key, value in result.items():
            print(f"{key:>28}  {value}")
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
