"""The cart of a person, over all the identifiers of the person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from services.recommendation.domain.cart import CartAct, CartLine, fold_cart, total_price
from services.recommendation.domain.interactions import Kind
from services.recommendation.store.ledger import Flag, History
from services.recommendation.store.shelf import Shelf
from services.recommendation.store.world import World


@dataclass(frozen=True, slots=True)
class Cart:
    """Lines and their sum at today's prices; ``total`` None without lines or with several currencies."""

    lines: tuple[CartLine, ...]
    total: dict[str, str] | None
    as_of_time: datetime


async def get_cart(world: World, identifiers: tuple[str, ...], *, default_consent: bool, now: datetime) -> Cart:
    """Return a shopper's cart. It is what the shopper asked to be kept, so it needs no consent to personal answers."""
    person = world.people.resolve(identifiers, default_consent=default_consent)
    actors = world.ledger.actor_places(person.identifiers)
    lines = cart_of(world, actors, now_s=int(now.timestamp()))
    prices = [
        (dict(product.price), line.quantity)
        for line in lines
        if (product := world.shelf.get(line.product_id)) is not None and product.price
    ]
    return Cart(lines, total_price(prices) if prices else None, now)


def cart_of(world: World, actors: tuple[int, ...], *, now_s: int) -> tuple[CartLine, ...]:
    """Return the lines of the person with these identifiers; only products that the shelf knows."""
    if not world.ledger.may_have_cart(actors):
        return ()
    lines = fold_cart(cart_acts(world.ledger.item_ids, world.ledger.history(actors)), now_s=now_s)
    return known_lines(world.shelf, lines)


def known_lines(shelf: Shelf, lines: tuple[CartLine, ...]) -> tuple[CartLine, ...]:
    """Return the lines of products that the shelf knows."""
    return tuple(line for line in lines if shelf.get(line.product_id) is not None)


def cart_acts(item_ids: Sequence[str], history: History) -> tuple[CartAct, ...]:
    """Return what in a person's rows may touch the web cart, in their order.

    Years of till receipts say nothing about it: only rows of products that were ever put in, from then on.
    """
    kind = history.kind
    added = np.flatnonzero(kind == Kind.ADD)
    if not len(added):
        return ()
    touches = kind == Kind.ADD
    touches |= kind == Kind.REMOVE
    bought = (kind == Kind.PURCHASE) | (kind == Kind.CANCELLED)  # a cancelled order does not fill the cart again
    touches |= bought & (history.flags & Flag.TILL == 0)
    touches &= history.time_s >= history.time_s[added].min()
    items = set(history.item[added].tolist())
    return tuple(
        CartAct(
            time_s=int(history.time_s[row]),
            kind=Kind.PURCHASE if bought[row] else Kind(int(kind[row])),
            product_id=item_ids[item],
            quantity=int(history.quantity[row]),
        )
        for row in np.flatnonzero(touches).tolist()
        if (item := int(history.item[row])) in items
    )
