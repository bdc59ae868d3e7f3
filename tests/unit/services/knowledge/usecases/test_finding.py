"""Finding a customer by whatever somebody at the desk types, and what that customer bought."""

from dataclasses import replace

import pytest

from services.chassis.erasure.subjects import Subject, Subjects
from services.chassis.erasure.suppression import Suppression
from services.chassis.metrics import Metrics
from services.knowledge.domain.errors import CustomerNotFoundError
from services.knowledge.domain.finding import MAX_QUERY_CHARACTERS, Meanings, meanings_of, name_key
from services.knowledge.domain.purchases import purchase_months
from services.knowledge.domain.user_events import OrderForm
from services.knowledge.usecases.finding import find_customers, purchase_history
from tests.unit.services.knowledge.conftest import SHOP, World, event_form


async def found(world: World, query: str) -> list[tuple[str, str]]:
    return [
        (hit.name, hit.matched_by)
        for hit in await find_customers(world.reading, world.names, query, shop=SHOP, limit=10)
    ]


async def known(world: World) -> None:
    await world.claim("card:1000231", "phone:13912345670", "email:li@example.com", claims={"name": "李  明"})
    await world.claim("card:2000", claims={"name": "Jane Doe"})
    await world.claim("card:3000", claims={"name": "JANE  DOE"})


@pytest.mark.parametrize(
    "query",
    [
        "card:1000231",
        "1000231",
        "１０００２３１",
        "139 1234 5670",
        "+8613912345670",
        "phone:13912345670",
        "LI@example.com",
    ],
)
async def test_identifiers_of_any_kind_are_found_however_they_are_spelled(world: World, query: str) -> None:
    await known(world)
    assert await found(world, query) == [("李  明", "identifier")]


async def test_a_whole_name_finds_everybody_who_is_called_so(world: World) -> None:
    await known(world)
    assert await found(world, "李明") == [("李  明", "name")]
    assert sorted(await found(world, "jane doe")) == [("JANE  DOE", "name"), ("Jane Doe", "name")]
    assert await found(world, "jane") == []  # a part of a name names nobody


async def test_a_name_that_was_changed_or_taken_back_finds_nobody(world: World) -> None:
    await known(world)
    await world.claim("card:2000", claims={"name": "Jane Roe"})
    await world.claim("card:3000", claims={"name": ""})
    assert await found(world, "Jane Doe") == []
    assert await found(world, "Jane Roe") == [("Jane Roe", "name")]


async def test_an_order_s_number_finds_who_bought(world: World) -> None:
    await known(world)
    now = world.clock.now()
    await world.write(
        event_form("e-1", now, type="purchase-complete", identifiers=("card:2000",), order=OrderForm("A-77"))
    )
    assert await found(world, "A-77") == [("Jane Doe", "order")]


async def test_a_customer_id_finds_its_customer_and_words_find_nobody_twice(world: World) -> None:
    await known(world)
    customer = await world.customer("card:1000231")
    assert await found(world, customer.id) == [("李  明", "id")]


async def test_who_is_being_erased_is_found_no_more_before_the_last_copy_is_rewritten(world: World) -> None:
    await known(world)
    now = world.clock.now()
    await world.write(
        event_form("e-1", now, type="purchase-complete", identifiers=("card:1000231",), order=OrderForm("A-77"))
    )
    suppression = Suppression(world.documents, world.clock, Metrics())
    await suppression.open()
    reading = replace(world.reading, suppression=suppression)
    await suppression.add(Subjects([Subject("r-1", ("card:1000231",))], suppression.digest))
    for query in ("card:1000231", "139 1234 5670", "李明", "A-77"):
        assert await find_customers(reading, world.names, query, shop=SHOP, limit=10) == ()
    (hit,) = await find_customers(reading, world.names, "card:2000", shop=SHOP, limit=10)
    assert hit.name == "Jane Doe"
    with pytest.raises(CustomerNotFoundError):
        await purchase_history(reading, world.clock, "card:1000231", months=3, orders=5)


@pytest.mark.parametrize("query", ["", " ", "\x00", "<script>", "x" * (MAX_QUERY_CHARACTERS + 1), "%", "' OR 1=1"])
async def test_words_that_name_nobody_find_nobody(world: World, query: str) -> None:
    await known(world)
    assert await found(world, query) == []


def test_a_text_past_the_limit_means_nothing() -> None:
    assert meanings_of("1" * (MAX_QUERY_CHARACTERS + 1)) == Meanings()
    assert name_key("ＬＩ ＭＩＮＧ") == name_key("li  ming")


async def test_months_without_an_order_are_shown_too_and_latest_orders_first(world: World) -> None:
    await known(world)
    history = await purchase_history(world.reading, world.clock, "card:2000", months=3, orders=5)
    assert [month.month for month in history.months] == ["2025-11", "2025-12", "2026-01"]
    assert not history.orders


def test_a_month_is_the_shop_s(world: World) -> None:
    months = purchase_months([], "CNY", world.reading.zone, until=(2026, 1), months=14)
    assert (months[0].month, months[-1].month, len(months)) == ("2024-12", "2026-01", 14)
