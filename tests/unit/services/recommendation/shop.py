"""A small shop for tests: two crowds of different taste, 40 weeks of baskets, and the events that tell of it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np

from services.chassis.eventlog.port import Event
from services.recommendation.domain.baskets import basket_matrix, together_table
from services.recommendation.domain.interactions import Interactions, Kind, preferences
from services.recommendation.domain.model import AlsParameters, Ranker
from services.recommendation.domain.parameters import SEED
from services.recommendation.jobs.fitting import fit_als
from services.recommendation.jobs.training import fit_histories, fit_neighbours
from services.recommendation.store.blobs import ModelArrays
from services.recommendation.store.ledger import Ledger
from services.recommendation.store.serving import ServingModel
from services.recommendation.store.world import World

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
NOW_S = int(NOW.timestamp())
PRODUCTS = 24
PERSONS = 40
WEEKS = 40
SMALL = AlsParameters(factors=4, regularization=1.0, alpha=4.0, iterations=10, half_life_days=84.0)
CATEGORIES = {0: ("Grocery > Tea", "杂货 > 茶"), 1: ("Home > Cups", "家居 > 杯子")}


def user_event(
    seq: int,
    type_: str = "purchase-complete",
    *,
    subject: str = "card:1",
    products: Sequence[tuple[str, int]] = (("p1", 1),),
    time: datetime = NOW,
    order: dict[str, Any] | None = None,
    channel: str = "web",
    **rest: Any,
) -> Event:
    payload: dict[str, Any] = {"products": [{"id": name, "quantity": quantity} for name, quantity in products]}
    if type_ == "purchase-complete":
        payload["order"] = order or {"kind": "sale", "source": "shop"}
    payload |= rest.pop("payload", {})
    return _event("user-events", seq, type_, subject, payload, time=time, channel=channel, **rest)


def product_event(seq: int, product_id: str, *, version: int | None = None, **changes: Any) -> Event:
    number = int(product_id.lstrip("p"))
    en, zh = CATEGORIES[number * 2 // PRODUCTS if number < PRODUCTS else 0]
    payload = {
        "id": product_id,
        "title": {"en": f"Thing {number}", "zh": f"东西{number}"},
        "categories": [{"en": en, "zh": zh}],
        "brands": ["Plain"],
        "price": {"amount": "2.50", "currency": "CNY"},
        "availability": "in-stock",
        "version": seq if version is None else version,
        **changes,
    }
    return _event("products", seq, "ProductChanged", product_id, payload)


def identity_event(seq: int, identifier: str, members: Sequence[str], **changes: Any) -> Event:
    payload = {
        "identifier": identifier,
        "customer_id": "c-" + sorted(members)[0],
        "account_id": "",
        "members": list(members),
        "consents": {},
        "facts": {},
        "version": seq,
        **changes,
    }
    return _event("customers", seq, "IdentityResolved", identifier, payload)


def _event(
    log: str,
    seq: int,
    type_: str,
    subject: str,
    payload: dict[str, Any],
    *,
    time: datetime = NOW,
    channel: str = "web",
    **rest: Any,
) -> Event:
    return Event(
        log=log,
        partition=0,
        seq=seq,
        key=f"{log}-{seq}",
        type=type_,
        occurred_time=time,
        recorded_time=time,
        shop="main",
        channel=channel,
        subject=subject,
        payload=payload,
        **rest,
    )


def purchase_events(seed: int = 7) -> list[Event]:
    """A year: even persons buy of the first half of the products, odd ones of the second, a little of the other."""
    rng = np.random.default_rng(seed)
    half = PRODUCTS // 2
    events = []
    for week in range(WEEKS):
        for person in range(PERSONS):
            own = rng.choice(half, size=3, replace=False) + (person % 2) * half
            strays = rng.integers(0, PRODUCTS, size=1 if rng.random() < 0.1 else 0)
            time = NOW - timedelta(weeks=WEEKS - week) + timedelta(hours=person)
            names = [(f"p{item}", 1) for item in dict.fromkeys([*own.tolist(), *strays.tolist()])]
            order = {"kind": "sale", "source": "shop", "number": f"{week}-{person}"}
            seq = len(events) + 1
            events.append(
                user_event(seq, subject=f"card:{person}", products=names, time=time, order=order, channel="store")
            )
    return events


def ledger_of(events: Sequence[Event]) -> Ledger:
    ledger = Ledger()
    for event in events:
        ledger.apply(event)
    return ledger


@cache
def shop_rows() -> tuple[Interactions, tuple[str, ...]]:
    rows, product_ids = ledger_of(purchase_events()).snapshot().interactions(None, None)
    return rows, tuple(product_ids)


@cache
def model_arrays() -> ModelArrays:
    """A model trained on the small shop."""
    rows, product_ids = shop_rows()
    anchor_s = int(rows.time_s.max()) + 1
    likings = preferences(rows, now_s=anchor_s, half_life_days=SMALL.half_life_days)
    near_places, near_cosines = fit_neighbours(rows, None)
    popularity, intervals = fit_histories(rows, anchor_s)
    return ModelArrays(
        product_ids=product_ids,
        parameters=SMALL,
        anchor_s=anchor_s,
        factors=fit_als(likings, SMALL, seed=SEED).factors,
        near_places=near_places,
        near_cosines=near_cosines,
        together=together_table(basket_matrix(rows), regularization=10.0),
        popularity=popularity,
        intervals=intervals,
    )


def shop_world(ranker: Ranker | None = Ranker.ALS) -> World:
    """The small shop with everything on the shelf; ``ranker`` None: nothing was trained yet."""
    world = World(ledger=ledger_of(purchase_events()))
    for number in range(PRODUCTS):
        world.shelf.apply(product_event(number + 1, f"p{number}"))
    if ranker is not None:
        world.model = ServingModel("m-1", ranker, model_arrays())
    return world


def rows_of(*lines: tuple[int, int, int, int], kind: Kind = Kind.PURCHASE, **counts: int) -> Interactions:
    """Interactions from (person, item, day, basket)."""
    person, item, day, basket = (np.array(column) for column in zip(*lines, strict=True))
    return Interactions(
        person=person.astype(np.int32),
        item=item.astype(np.int32),
        time_s=day.astype(np.int64) * 86_400,
        kind=np.full(len(item), kind, dtype=np.uint8),
        basket=basket.astype(np.int32),
        quantity=np.ones(len(item), dtype=np.float32),
        persons=counts.get("persons", int(person.max()) + 1),
        items=counts.get("items", int(item.max()) + 1),
        baskets=counts.get("baskets", int(basket.max()) + 1),
    )
