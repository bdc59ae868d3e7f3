"""What is mined from both logs does not depend on how they interleave, and a load test teaches nothing."""

from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.eventlog.generations import Generations
from services.chassis.eventlog.port import READ_LIMIT, Event
from services.search.domain.attribution import Attribution, query_key, token_of
from services.search.domain.insights import QueryDay
from services.search.jobs.log_mining import LogMiner, miner_projection
from services.search.store.mined import MINED, PROJECTION, MinedStore
from tests.unit.services.search.shop import SECRET

KEY = query_key("tea", "en")
TOKEN = token_of(Attribution("0" * 16, KEY, "20260105"), SECRET)
MORNING = datetime(2026, 1, 5, 1, 0, tzinfo=UTC)


def event(log: str, seq: int, event_type: str, payload: dict[str, Any], **changes: Any) -> Event:
    fields = {"synthetic": False, "occurred_time": MORNING, **changes}
    return Event(
        log=log, partition=0, seq=seq, key=f"{log}{seq}", type=event_type, recorded_time=MORNING, shop="main",
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


async def mined(*batches: Sequence[Event]) -> tuple[dict[str, QueryDay], dict[str, float]]:
    documents = MemoryDocuments()
    generations = Generations(documents, PROJECTION, (MINED,))
    await generations.open()
    miner = LogMiner(SECRET, ZoneInfo("Asia/Shanghai"))
    projection = miner_projection(documents, miner)(PROJECTION, generations.resolver(1))
    for batch in batches:
        await projection.apply(batch)
    store = MinedStore(documents, generations)
    days = {f"{day.day}/{key}": day async for key, day in store.query_days("20251201")}
    return days, {product: faded.value for product, faded in (await store.popularity()).items()}


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


def test_what_an_event_says_is_read_from_the_event_itself_and_not_remembered_by_its_name() -> None:
    miner = LogMiner(SECRET, ZoneInfo("Asia/Shanghai"))
    before = event("user-events", 1, "detail-page-view", {"products": [{"id": "a"}]})
    erased = event("user-events", 1, "detail-page-view", {})
    assert len(miner.keys(before)) == 1
    assert miner.keys(erased) == ()
    (key,) = miner.keys(before)
    assert miner.fold(key, None, erased) is None


def test_more_events_than_are_remembered_are_read_again() -> None:
    miner = LogMiner(SECRET, ZoneInfo("Asia/Shanghai"))
    events = [
        event("user-events", seq, "detail-page-view", {"products": [{"id": f"p{seq}"}]})
        for seq in range(1, READ_LIMIT + 2)
    ]
    keys = [miner.keys(each) for each in events]
    folded = [miner.fold(key, None, each) for each, (key,) in zip(events, keys, strict=True)]
    assert [list(body["products"]) for body in folded if isinstance(body, dict)] == [
        [f"p{each.seq}"] for each in events
    ]
    assert len(miner._read) <= READ_LIMIT


@pytest.mark.parametrize("minute", [0, 14, 15, 44, 59])
def test_an_event_counts_on_the_shops_day_whatever_the_zones_offset(minute: int) -> None:
    miner = LogMiner(SECRET, ZoneInfo("Asia/Kathmandu"))  # a quarter of an hour short of six hours
    late = served(1, occurred_time=datetime(2026, 1, 5, 18, minute, tzinfo=UTC))
    (key,) = miner.keys(late)
    assert key.split("/")[1] == ("20260106" if minute >= 15 else "20260105")
