"""Reading customers, pages and accounts."""

from dataclasses import replace

import pytest

from services.chassis.erasure.subjects import Subject, Subjects
from services.chassis.erasure.suppression import Suppression
from services.chassis.metrics import Metrics
from services.kits.text.identifiers import IdentifierInvalidError
from services.knowledge.domain.errors import AccountNotFoundError, CustomerNotFoundError
from services.knowledge.usecases.classes import compute_classes
from services.knowledge.usecases.customers import get_account, list_customers
from tests.unit.services.knowledge.conftest import World
from tests.unit.services.knowledge.store.test_projections import purchase


@pytest.mark.parametrize("name", ["card:9999", f"c-{'0' * 20}"])
async def test_who_was_never_met_is_not_found(world: World, name: str) -> None:
    with pytest.raises(CustomerNotFoundError):
        await world.customer(name)


@pytest.mark.parametrize("name", ["", "9999", "c-xyz", "card:" + "9" * 400, "login:\x00"])
async def test_what_names_nobody_is_refused(world: World, name: str) -> None:
    with pytest.raises(IdentifierInvalidError):
        await world.customer(name)


async def test_every_customer_is_listed_once_in_id_order_over_all_pages(world: World) -> None:
    for number in range(30):
        names = [f"card:50{number:02d}", f"login:w{number}"]
        await world.claim(*names[: 1 + number % 2])
    found: list[str] = []
    after = ""
    while True:
        page, after = await list_customers(world.reading, after=after, limit=7)
        found.extend(each.id for each in page)
        if not after:
            break
    assert found == sorted(found)
    assert len(found) == len(set(found)) == 30


async def test_customers_of_a_class_are_listed_and_one_that_was_merged_since_is_not_twice(world: World) -> None:
    for number, spend in enumerate((100, 50, 5, 1)):
        for order in range(spend):
            await world.write(
                purchase(f"e{number}-{order}", world, f"{number}-{order}", identifiers=[f"card:60{number}0"])
            )
    await world.settle()
    await compute_classes(world.customers, world.resolutions, world.classes, world.clock, head=[1])
    big = {(await world.customer(f"card:60{number}0")).id for number in (0, 1)}
    page, after = await list_customers(world.reading, after="", limit=50, abc_class="A")
    assert ({each.id for each in page}, after) == (big, "")
    first, after = await list_customers(world.reading, after="", limit=1, abc_class="A")
    second, end = await list_customers(world.reading, after=after, limit=1, abc_class="A")
    assert [each.id for each in (*first, *second)] == sorted(big)
    assert end == ""
    joined = await world.claim("card:6000", "card:6010")
    page, _ = await list_customers(world.reading, after="", limit=50, abc_class="A")
    assert [each.id for each in page] == [joined.id]


async def test_an_account_does_not_name_who_is_being_erased(world: World) -> None:
    one = await world.claim("card:7001", account="household:208")
    two = await world.claim("card:7002", account="household:208")
    suppression = Suppression(world.documents, world.clock, Metrics())
    await suppression.open()
    reading = replace(world.reading, suppression=suppression)
    await suppression.add(Subjects([Subject("r-1", ("card:7001",))], suppression.digest))
    assert (await get_account(reading, one.account_id)).customer_ids == (two.id,)


async def test_an_account_names_its_customers_as_they_are_now(world: World) -> None:
    one = await world.claim("card:7001", account="household:208")
    await world.claim("card:7002", account="household:208")
    account = await get_account(world.reading, one.account_id)
    assert (account.kind, account.external_id, len(account.customer_ids)) == ("household", "household:208", 2)
    await world.claim("card:7002", account="household:9")
    assert (await get_account(world.reading, one.account_id)).customer_ids == (one.id,)
    with pytest.raises(AccountNotFoundError):
        await get_account(world.reading, "a-nobody")
