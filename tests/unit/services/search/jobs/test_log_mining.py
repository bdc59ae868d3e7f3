"""What is mined from both logs does not depend on how they interleave, and a load test teaches nothing."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.port import StoreUnavailableError
from services.chassis.eventlog.generations import Generations
from services.chassis.eventlog.port import Event
from services.search.domain.attribution import Attribution, query_key, token_of
from services.search.domain.insights import QueryDay
from services.search.domain.popularity import value_at
from services.search.jobs.log_mining import LogMiner, MinedNumbers, miner_projection
from services.search.store.mined import COUNTED_ORDERS, MINED, PROJECTION, MinedStore
from tests.fakes.crashing_documents import CrashingDocuments, CrashPoint
from tests.fakes.order_facts import order_fact, placed, stored
from tests.unit.services.search.shop import SECRET

KEY = query_key("tea", "en")
TOKEN = token_of(Attribution("0" * 16, KEY, "20260105"), SECRET)
MORNING = datetime(2026, 1, 5, 1, 0, tzinfo=UTC)


def event(log: str, seq: int, event_type: str, payload: dict[str, Any], **changes: Any) -> Event:
    fields = {"partition": 0, "synthetic": False, "occurred_time": MORNING, **changes}
    return Event(
        log=log, seq=seq, key=f"{log}{seq}", type=event_type, recorded_time=MORNING, shop="main",
        channel="web", subject="visitor:v", payload=payload, **fields,
    )  # fmt: skip


def served(seq: int, total: int = 5, **changes: Any) -> Event:
    payload = {
        "normalised_query": "tea",
        "language": "en",
        "total": total,
        "results": [{"product_id": "a", "position": 1}] if total else [],
        "filters": [],
    }
    return event("searches", seq, "SearchServed", payload, **changes)


SEARCHES = (served(1), served(2, 0), served(3, synthetic=True))
USER_EVENTS = (
    event("user-events", 1, "search", {"search": {"query": "tea", "attribution_token": TOKEN}}),
    event("user-events", 2, "detail-page-view", {"products": [{"id": "a"}], "attribution_token": TOKEN, "position": 2}),
    event("user-events", 3, "purchase-complete", {"products": [{"id": "a"}, {"id": "b"}], "attribution_token": TOKEN}),
    event("user-events", 4, "purchase-complete", {"products": [{"id": "b"}]}, synthetic=True),
    event("user-events", 5, "detail-page-view", {"products": [{"id": "c"}], "attribution_token": TOKEN[:-1] + "x"}),
    event("user-events", 6, "purchase-complete", {"products": [{"id": "b"}], "order": {"kind": "return"}}),
)


MINER = LogMiner(SECRET, ZoneInfo("Asia/Shanghai"))


async def opened() -> tuple[MemoryDocuments, MinedNumbers]:
    documents = MemoryDocuments()
    await documents.declare(MINED, COUNTED_ORDERS)
    return documents, miner_projection(documents, MINER)(PROJECTION, lambda collection: collection)


async def mined(*batches: Sequence[Event]) -> tuple[dict[str, QueryDay], dict[str, float]]:
    documents, projection = await opened()
    for batch in batches:
        await projection.apply(batch)
    return await read(documents)


async def read(documents: MemoryDocuments) -> tuple[dict[str, QueryDay], dict[str, float]]:
    generations = Generations(documents, PROJECTION, (MINED, COUNTED_ORDERS))
    await generations.open()
    store = MinedStore(documents, generations)
    days = {f"{day.day}/{key}": day async for key, day in store.query_days("20251201")}
    wanted = await store.popularity()
    return days, {product: round(value_at(shares, wanted.latest_s), 9) for product, shares in wanted.shares.items()}


async def test_searches_clicks_and_purchases_meet_at_their_query() -> None:
    days, wanted = await mined(SEARCHES, USER_EVENTS)
    day = days[f"20260105/{KEY}"]
    assert (day.query, day.language, day.searches, day.empty) == ("tea", "en", 2, 1)
    assert (day.clicks, day.purchases, day.position_sum, day.positions) == (1, 1, 2, 1)
    assert wanted == {"a": 1.05, "b": 1.0, "c": 0.05}


async def test_any_interleaving_and_any_replay_give_the_same() -> None:
    expected = await mined(SEARCHES, USER_EVENTS)
    assert await mined(USER_EVENTS, SEARCHES) == expected
    assert await mined(USER_EVENTS, SEARCHES, USER_EVENTS, SEARCHES) == expected
    rng = Random(3)
    for _ in range(5):
        one, two = list(SEARCHES), list(USER_EVENTS)
        batches = []
        while one or two:
            source = one if (one and rng.random() < 0.5) or not two else two
            batches.append([source.pop(0)])
        assert await mined(*batches) == expected


async def test_a_day_begins_where_the_shop_is() -> None:
    evening = datetime(2026, 1, 5, 17, 0, tzinfo=UTC)
    days, _ = await mined([served(1, occurred_time=evening)])
    assert list(days) == [f"20260106/{KEY}"]


def order(seq: int, source: str, *products: str, number: str = "7", token: str = "", **changes: Any) -> Event:
    """A report of an order: of the browser, the shop, or the fact."""
    lines = [{"id": product} for product in products]
    if source == "fact":
        partition = changes.pop("partition", 0)
        return stored(
            placed(f"f{seq}", number, MORNING, products=lines, token=token, **changes), seq, partition=partition
        )
    said = {"products": lines, "order": {"number": number, "kind": "sale", "source": source}}
    token_said = {"attribution_token": token} if token else {}
    return event("user-events", seq, "purchase-complete", said | token_said, **changes)


OTHER_KEY = query_key("milk", "en")
OTHER_TOKEN = token_of(Attribution("1" * 16, OTHER_KEY, "20260105"), SECRET)
REPORTS = {  # each in a partition of its own, so that any order may be
    "browser": order(10, "browser", "a", "b", token=TOKEN),
    "shop": order(11, "shop", "a", "c", token=OTHER_TOKEN, partition=1),
    "fact": order(1, "fact", "a", "d"),
    "stage": stored(order_fact("s", "7", MORNING, type="stage-entered", payload={"line": 1}), 2, partition=1),
    "another": order(3, "fact", "a", number="8", partition=2),
}


@pytest.mark.parametrize("arrival", list(permutations(REPORTS)))
async def test_an_order_counts_once_as_its_fact_says_in_whichever_order_the_two_logs_are_read(
    arrival: tuple[str, ...],
) -> None:
    days, wanted = await mined(*([REPORTS[name]] for name in arrival))
    assert wanted == pytest.approx({"a": 2.0, "d": 1.0})
    assert days[f"20260105/{OTHER_KEY}"].purchases == 1, "the search that the most believed of those that name one says"
    assert days.get(f"20260105/{KEY}", QueryDay("")).purchases == 0


async def test_reports_of_one_order_in_one_batch_and_replayed_count_once() -> None:
    one, two = [REPORTS["browser"], REPORTS["shop"]], [REPORTS["fact"], REPORTS["stage"], REPORTS["another"]]
    for batches in ((one, two), (two, one), (one, one, two, two, one), (two, one, two)):
        _, wanted = await mined(*batches)
        assert wanted == pytest.approx({"a": 2.0, "d": 1.0})


async def test_a_correction_replaces_what_was_counted() -> None:
    later = replace(order(2, "fact", "x"), recorded_time=MORNING + timedelta(seconds=1))
    for batches in ([REPORTS["fact"], later],), ([REPORTS["fact"]], [later]):
        assert (await mined(*batches))[1] == {"x": 1.0}


def told(seq: int, event_type: str, partition: int, *, synthetic: bool = False, **payload: Any) -> Event:
    """A fact that moves pieces of the order of ``REPORTS``, an hour after the one with the number before."""
    time = MORNING + timedelta(hours=seq)
    fact = order_fact(f"t{seq}", "7", time, type=event_type, payload=payload, synthetic=synthetic)
    return stored(fact, seq, partition=partition)


CANCELLED = {  # each in a partition of its own, so that any order may be
    "browser": REPORTS["browser"],
    "fact": order(1, "fact", "a", "d", "e", token=TOKEN),
    "parcel": told(2, "shipment-created", 1, line=3, shipment={"carrier": "sf", "tracking_number": "x"}),
    "line": told(3, "line-cancelled", 2, line=1),
    "rest": told(4, "order-cancelled", 3),
}


@pytest.mark.parametrize("arrival", list(permutations(CANCELLED)))
async def test_what_is_cancelled_before_it_was_sent_counts_no_more(arrival: tuple[str, ...]) -> None:
    reading = [[CANCELLED[name]] for name in arrival]
    days, wanted = await mined(*reading, *reading)
    assert (wanted, days[f"20260105/{KEY}"].purchases) == ({"e": 1.0}, 1), "what was sent stays bought"
    days, wanted = await mined([CANCELLED[name] for name in arrival if name != "parcel"])
    assert (wanted, days.get(f"20260105/{KEY}", QueryDay("")).purchases) == ({}, 0)


async def test_partitions_and_load_tests_of_cancellations_leave_the_same_documents() -> None:
    """A rebuild reads one log after the other; the live reader took them as they came."""
    load = told(5, "order-cancelled", 4, synthetic=True)
    left = []
    for names in (sorted(CANCELLED), ["rest", "fact", "line", "parcel", "browser"]):
        documents, projection = await opened()
        for name in names:
            await projection.apply([CANCELLED[name], load])
        left.append({each.key: each.body for each in (await documents.scan(MINED, limit=1_000)).documents})
    assert without_watermarks(left[0]) == without_watermarks(left[1])


def without_watermarks(bodies: dict[str, Any]) -> dict[str, Any]:
    """A query's day that counts nothing is as good as none."""
    said = {key: {name: value for name, value in body.items() if name != "watermark"} for key, body in bodies.items()}
    return {key: body for key, body in said.items() if body.get("products") != {} and body.get("purchases") != 0}


async def test_a_load_tests_order_takes_nothing_back_and_a_return_counts_for_no_search() -> None:
    load = order(5, "fact", "z", synthetic=True)
    returned = stored(placed("r", "7", MORNING, products=[{"id": "a"}], kind="return", token=TOKEN), 6)
    days, wanted = await mined([REPORTS["browser"]], [load, returned])
    assert (wanted, days[f"20260105/{KEY}"].purchases) == ({"a": 1.0, "b": 1.0}, 1)


async def test_orders_without_a_number_are_each_their_own() -> None:
    reports = [order(seq, "browser", "a", number="") for seq in (1, 2)]
    assert (await mined(reports))[1] == {"a": 2.0}


async def test_a_report_that_was_set_aside_after_it_was_decided_counts_when_it_is_redriven() -> None:
    """A redrive has another number and the event's own key."""
    documents, projection = await opened()
    dying = CrashingDocuments(documents, crash_at=2)
    with suppress(StoreUnavailableError):
        await miner_projection(dying, MINER)(PROJECTION, lambda collection: collection).apply([REPORTS["fact"]])
    assert (await read(documents))[1] == {}
    await projection.apply([replace(REPORTS["fact"], seq=9, redrive_of=REPORTS["fact"].key)])
    assert (await read(documents))[1] == {"a": 1.0, "d": 1.0}


@pytest.mark.parametrize("point", CrashPoint)
@pytest.mark.parametrize("names", list(permutations(("browser", "shop", "fact"))))
async def test_whatever_a_crash_cut_off_is_counted_once_also_when_another_report_comes_before_it_comes_again(
    point: CrashPoint, names: tuple[str, ...]
) -> None:
    first, *others = [[REPORTS[name]] for name in names]
    crash_at, crashed = 0, True
    while crashed:
        crash_at += 1
        documents, projection = await opened()
        dying = CrashingDocuments(documents, crash_at=crash_at, point=point)
        with suppress(StoreUnavailableError):
            await miner_projection(dying, MINER)(PROJECTION, lambda collection: collection).apply(first)
        crashed = dying.crashed
        for batch in (others[0], first, others[1], *others):
            await projection.apply(batch)
        days, wanted = await read(documents)
        assert (wanted, days[f"20260105/{OTHER_KEY}"].purchases) == (pytest.approx({"a": 1.0, "d": 1.0}), 1)
    assert crash_at > 2, "both the decision and the counting were cut off"


@pytest.mark.parametrize("point", CrashPoint)
async def test_what_a_crash_cut_off_of_a_cancellation_is_taken_back_once(point: CrashPoint) -> None:
    crash_at, crashed = 0, True
    while crashed:
        crash_at += 1
        documents, projection = await opened()
        await projection.apply([CANCELLED["fact"]])
        dying = CrashingDocuments(documents, crash_at=crash_at, point=point)
        with suppress(StoreUnavailableError):
            await miner_projection(dying, MINER)(PROJECTION, lambda collection: collection).apply([CANCELLED["rest"]])
        crashed = dying.crashed
        for name in ("line", "rest", "browser", "fact", "rest"):
            await projection.apply([CANCELLED[name]])
        days, wanted = await read(documents)
        assert (wanted, sum(day.purchases for day in days.values())) == ({}, 0)
    assert crash_at > 2, "both the decision and the counting were cut off"


@pytest.mark.parametrize("minute", [0, 14, 15, 44, 59])
def test_an_event_counts_on_the_shops_day_whatever_the_zones_offset(minute: int) -> None:
    miner = LogMiner(SECRET, ZoneInfo("Asia/Kathmandu"))  # a quarter of an hour short of six hours
    act = miner.said(served(1, occurred_time=datetime(2026, 1, 5, 18, minute, tzinfo=UTC))).act
    assert act is not None
    assert act.day == ("20260106" if minute >= 15 else "20260105")


async def test_partitions_that_are_read_in_any_order_leave_the_same_documents() -> None:
    """A rebuild reads partition after partition; the live reader took them as they came."""
    chance = Random(11)
    by_partition = [
        [
            event(
                "user-events",
                seq,
                chance.choice(("detail-page-view", "add-to-cart", "purchase-complete")),
                {"products": [{"id": chance.choice("abcdefgh")}]},
                partition=partition,
                occurred_time=MORNING + timedelta(seconds=chance.randrange(40 * 86_400)),
            )
            for seq in range(1, 41)
        ]
        for partition in range(8)
    ]
    left = []
    for turn in range(3):
        documents, projection = await opened()
        queues = [list(events) for events in by_partition]
        while any(queues):
            queue = next(filter(None, queues)) if turn == 0 else chance.choice([each for each in queues if each])
            taken = [queue.pop(0) for _ in range(min(len(queue), chance.randint(1, 9)))]
            await projection.apply(taken)
        left.append({each.key: each.body for each in (await documents.scan(MINED, limit=1_000)).documents})
    assert left[0] == left[1] == left[2]


async def test_who_searches_is_known_as_a_hash_once_and_nobody_is_nobody() -> None:
    one, other = served(1), served(2)
    by_two = [one, other, replace(served(3), subject="visitor:w"), replace(served(4), subject="search:0123")]
    history = replace(event("user-events", 1, "search", {"search": {"query": "tea"}}), subject="card:7")
    days, _ = await mined(by_two, [history])
    (day,) = days.values()
    assert day.searches == 5
    assert len(day.searchers) == 3
    assert not any(name in str(day.searchers) for name in ("visitor", "card"))
    days, _ = await mined([one, other])
    assert len(next(iter(days.values())).searchers) == 1
