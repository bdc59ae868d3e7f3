"""An event finds the trace of the search that its token names, and no other."""

from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.port import Event
from services.search.domain.attribution import Attribution, token_of
from services.search.jobs.search_links import LINKS_LIMIT, SearchLinks
from services.search.jobs.search_log import event_of
from services.search.usecases.searching import Served, Shopper
from tests.fakes.clock import ManualClock

SECRET = b"s" * 32
NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def search_id(number: int) -> str:
    return f"{number:016x}"


def trace_of(number: int) -> str:
    return f"00-{number:032x}-{number:016x}-01"


def token(number: int, secret: bytes = SECRET) -> str:
    return token_of(Attribution(search_id(number), "0" * 20, "20260105"), secret)


def purchase(shop: str = "main", log: str = "user-events", **payload: Any) -> Event:
    return Event(
        log=log,
        partition=0,
        seq=1,
        key="k",
        type="purchase-complete",
        occurred_time=NOW,
        recorded_time=NOW,
        shop=shop,
        channel="web",
        subject="login:u1",
        payload=payload,
    )


@pytest.fixture
async def searches() -> DocumentsLog:
    """A log of three searches: 1 and 2 of shop main, of which 2 was not recorded, and 3 of another shop."""
    log = DocumentsLog(MemoryDocuments(), "searches", 1, ManualClock(), Random(1))
    await log.open()
    for number, shop, trace in ((1, "main", trace_of(1)), (2, "main", ""), (3, "other", trace_of(3))):
        served = Served(search_id(number), NOW, Shopper(shop=shop, channel="web"), False, 1, {"query": "tea"})
        later = replace(served, first_position=21)
        await log.append([event_of(served, trace), event_of(later, trace_of(99))])
    return log


async def test_the_first_page_of_the_search_that_is_named_is_linked_once(searches: DocumentsLog) -> None:
    links = SearchLinks(searches, SECRET)
    assert await links([purchase(attribution_token=token(1)), purchase(search={"attribution_token": token(1)})]) == [
        trace_of(1)
    ]


async def test_a_search_that_nobody_recorded_or_wrote_links_nothing(searches: DocumentsLog) -> None:
    assert await SearchLinks(searches, SECRET)([purchase(attribution_token=token(n)) for n in (2, 7)]) == []


async def test_an_event_without_a_token_of_this_shops_search_links_nothing(searches: DocumentsLog) -> None:
    foreign = [
        purchase(),
        purchase(attribution_token="r1.something"),
        purchase(attribution_token=token(1, b"x" * 32)),
        purchase(shop="other", attribution_token=token(1)),
        purchase(log="searches", attribution_token=token(1)),
    ]
    assert await SearchLinks(searches, SECRET)(foreign) == []


async def test_so_many_searches_are_linked_and_no_more(searches: DocumentsLog) -> None:
    numbers = range(100, 100 + LINKS_LIMIT + 1)
    for number in numbers:
        served = Served(search_id(number), NOW, Shopper(shop="main"), False, 1, {})
        await searches.append([event_of(served, trace_of(number))])
    found = await SearchLinks(searches, SECRET)([purchase(attribution_token=token(number)) for number in numbers])
    assert len(found) == LINKS_LIMIT
