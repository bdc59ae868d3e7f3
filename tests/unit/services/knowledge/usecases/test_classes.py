"""Classes over all customers, in one pass over all orders."""

import asyncio

from services.kits.event_forms import MoneyForm, ProductForm
from services.kits.purchases import ORDER_EVENTS
from services.knowledge.domain.classes import DISCOUNT, OWN_LABEL
from services.knowledge.jobs.classing import ClassJob
from services.knowledge.store.collections import USER_EVENTS
from services.knowledge.usecases.classes import compute_classes
from tests.fakes.order_facts import placed
from tests.unit.services.knowledge.conftest import World
from tests.unit.services.knowledge.store.test_projections import purchase

TEN, ONE = MoneyForm("10.00", "CNY"), MoneyForm("1.00", "CNY")


async def test_a_customers_identifiers_count_together_and_nobodys_orders_not_at_all(world: World) -> None:
    await world.write(
        *(purchase(f"c{n}", world, f"c{n}", identifiers=["card:8001"]) for n in range(3)),
        *(purchase(f"l{n}", world, f"l{n}", identifiers=["login:li"]) for n in range(3)),
        *(purchase(f"a{n}", world, f"a{n}", identifiers=[]) for n in range(9)),
    )
    await world.claim("card:8001", "login:li")
    basis = await compute_classes(world.customers, world.resolutions, world.classes, world.clock, head=[15])
    assert basis.by_currency["CNY"].customers == 1
    assert basis.by_currency["CNY"].spend_minor == 6_000
    assert await world.classes.basis() == basis
    assert [each.value for each in (await world.customer("card:8001")).classes] == ["A", "1-1-1"]


async def test_attitude_to_promotions_is_compared_with_the_other_customers(world: World) -> None:
    await world.product("own", ["own-label"])
    for person in range(5):
        for number in range(5):
            lines = [ProductForm("own" if person > number else "p", 1, TEN, discount=ONE if person == 4 else None)]
            await world.write(
                purchase(
                    f"{person}-{number}", world, f"{person}-{number}", identifiers=[f"card:81{person}0"], products=lines
                )
            )
    await compute_classes(world.customers, world.resolutions, world.classes, world.clock, head=[25])
    promotions = (await world.customer("card:8140")).promotions
    assert (promotions[DISCOUNT].share, promotions[DISCOUNT].median) == (1.0, 0.0)
    assert promotions[DISCOUNT].percentile > 80
    assert promotions[OWN_LABEL].share == 0.8
    assert promotions[OWN_LABEL].median == 0.4


async def test_the_job_computes_when_there_is_news_all_of_it_is_read_and_it_has_rested(world: World) -> None:
    read = asyncio.Event()

    async def read_back() -> None:
        await read.wait()

    job = ClassJob(world.customers, world.resolutions, world.classes, world.clock,
                   sources=[world.logs[USER_EVENTS], world.logs[ORDER_EVENTS]],
                   read_back=read_back, patience_s=0.0)  # fmt: skip
    await job.run()
    assert await world.classes.basis() is None, "an empty shop has no classes"
    await world.write(purchase("o1", world, "1"))
    await job.run()
    assert await world.classes.basis() is None, "the reader is behind"
    read.set()
    await job.run()
    first = await world.classes.basis()
    assert first is not None
    world.clock.advance(60)
    await job.run()
    assert await world.classes.basis() == first, "nothing new"
    await world.write(purchase("o2", world, "2"))
    await job.run()
    again = await world.classes.basis()
    assert again is not None
    assert again.by_currency["CNY"].spend_minor == 2_000
    total = {"amount": "7.00", "currency": "CNY"}
    await world.orders(placed("f", "3", world.clock.now(), total=total))
    await job.run()
    last = await world.classes.basis()
    assert last is not None
    assert last.by_currency["CNY"].spend_minor == 2_700, "an order fact is news as well"
