"""The cart of a person, over all identifiers."""

from datetime import timedelta

from services.recommendation.domain.cart import CartLine
from services.recommendation.store.world import World
from services.recommendation.usecases.carts import get_cart
from tests.fakes.order_facts import order_fact, stored
from tests.unit.services.recommendation.shop import NOW, identity_event, product_event, user_event


def world_with(*events: object) -> World:
    world = World()
    for number in range(5):
        world.shelf.apply(product_event(number + 1, f"p{number}"))
    for event in events:
        world.ledger.apply(event)  # type: ignore[arg-type]
    return world


async def cart_of(world: World, *identifiers: str) -> tuple[CartLine, ...]:
    return (await get_cart(world, identifiers, default_consent=False, now=NOW)).lines


async def test_a_cart_needs_no_consent_and_has_a_sum() -> None:
    world = world_with(user_event(1, "add-to-cart", subject="visitor:v-1", products=[("p1", 2)]))
    cart = await get_cart(world, ("visitor:v-1",), default_consent=False, now=NOW)
    assert cart.lines == (CartLine("p1", 2),)
    assert cart.total == {"amount": "5.00", "currency": "CNY"}
    assert cart.as_of_time == NOW


async def test_nobody_sees_anothers_cart() -> None:
    world = world_with(user_event(1, "add-to-cart", subject="visitor:v-1"))
    assert await cart_of(world, "visitor:v-2") == ()
    assert await cart_of(world) == ()


async def test_signed_in_the_cart_of_the_device_and_of_the_login_are_one() -> None:
    world = world_with(
        user_event(1, "add-to-cart", subject="visitor:v-1", products=[("p1", 1)]),
        user_event(2, "add-to-cart", subject="login:a", products=[("p1", 1), ("p2", 1)]),
    )
    world.people.apply(identity_event(1, "visitor:v-1", ["login:a", "visitor:v-1"]))
    assert await cart_of(world, "visitor:v-1") == (CartLine("p1", 2), CartLine("p2", 1))


async def test_an_order_empties_the_cart_of_what_was_bought() -> None:
    world = world_with(
        user_event(1, "add-to-cart", products=[("p1", 1), ("p2", 1)], time=NOW - timedelta(hours=2)),
        user_event(2, products=[("p1", 1)], time=NOW - timedelta(hours=1)),
    )
    assert await cart_of(world, "card:1") == (CartLine("p2", 1),)


async def test_an_order_that_is_cancelled_does_not_fill_the_cart_again() -> None:
    cancelled = order_fact("c", "7", NOW, type="order-cancelled")
    world = world_with(
        user_event(1, "add-to-cart", time=NOW - timedelta(hours=2)),
        user_event(2, order={"kind": "sale", "source": "shop", "number": "7"}, time=NOW - timedelta(hours=1)),
        stored(cancelled, 1),
    )
    assert not world.ledger.purchases
    assert await cart_of(world, "card:1") == ()


async def test_a_purchase_at_the_till_leaves_the_web_cart_alone() -> None:
    world = world_with(
        user_event(1, "add-to-cart", time=NOW - timedelta(hours=2)),
        user_event(2, time=NOW - timedelta(hours=1), channel="store"),
    )
    assert await cart_of(world, "card:1") == (CartLine("p1", 1),)


async def test_events_that_come_late_fall_into_their_place() -> None:
    removed = user_event(1, "remove-from-cart", time=NOW - timedelta(hours=1))
    added = user_event(2, "add-to-cart", time=NOW - timedelta(hours=2))
    assert await cart_of(world_with(removed, added), "card:1") == ()


async def test_a_product_that_the_shop_never_had_is_no_line() -> None:
    world = world_with(user_event(1, "add-to-cart", products=[("never", 1), ("p1", 1)]))
    assert await cart_of(world, "card:1") == (CartLine("p1", 1),)


async def test_an_empty_cart_has_no_sum() -> None:
    assert (await get_cart(world_with(), ("card:1",), default_consent=True, now=NOW)).total is None
