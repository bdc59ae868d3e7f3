"""The cart of a person, over all the identifiers of the person."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from services.recommendation.domain.cart import CartAct, CartLine, fold_cart, total_price
from services.recommendation.domain.interactions import Kind
from services.recommendation.store.ledger import Flag
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
    history = world.ledger.history(actors)
    added = history.kind == Kind.ADD
    # Years of till receipts say nothing about a web cart: only rows of products that were ever put in, from then on.
    matters = (
        added | (history.kind == Kind.REMOVE) | ((history.kind == Kind.PURCHASE) & (history.flags & Flag.TILL == 0))
    )
    matters &= (history.time_s >= history.time_s[added].min()) & np.isin(history.item, history.item[added])
    acts = [
        CartAct(
            time_s=int(history.time_s[row]),
            kind=Kind(int(history.kind[row])),
            product_id=world.ledger.item_ids[int(history.item[row])],
            quantity=int(history.quantity[row]),
        )
        for row in np.flatnonzero(matters).tolist()
    ]
    lines = fold_cart(acts, now_s=now_s)
    return tuple(line for line in lines if world.shelf.get(line.product_id) is not None)
