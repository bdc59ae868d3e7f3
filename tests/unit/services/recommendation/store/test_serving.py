"""A model lined up with the ledger's numbers and the shelf's present state."""

import numpy as np

from services.recommendation.domain.model import Ranker
from services.recommendation.store.ledger import Ledger
from services.recommendation.store.serving import NO_CATEGORY, ServingModel
from services.recommendation.store.shelf import Shelf
from tests.unit.services.recommendation.shop import (
    PRODUCTS,
    ledger_of,
    model_arrays,
    product_event,
    shop_world,
    user_event,
)


def serving() -> ServingModel:
    return ServingModel("m-1", Ranker.ALS, model_arrays())


def test_the_ledgers_numbers_are_translated_and_grow_with_it() -> None:
    model, ledger = serving(), ledger_of([user_event(1, products=[("p5", 1), ("brand-new", 1)])])
    assert model.places_of_ledger(ledger).tolist() == [model.place("p5"), -1]
    ledger.apply(user_event(2, products=[("p7", 1)]))
    assert model.places_of_ledger(ledger).tolist() == [model.place("p5"), -1, model.place("p7")]
    assert len(model.intervals_of_ledger(ledger)) == 3


def test_a_ledger_that_began_anew_is_numbered_anew() -> None:
    model, ledger = serving(), ledger_of([user_event(1, products=[("p5", 1)])])
    model.places_of_ledger(ledger)
    ledger.clear()
    ledger.apply(user_event(1, products=[("p6", 1)]))
    assert model.places_of_ledger(ledger).tolist() == [model.place("p6")]
    other = ledger_of([user_event(1, products=[("p7", 1)])])
    assert model.places_of_ledger(other).tolist() == [model.place("p7")]


def test_what_sells_out_is_seen_at_the_next_look() -> None:
    world = shop_world()
    model = world.model
    assert model is not None
    assert model.columns(world.shelf).sellable.all()
    world.shelf.apply(product_event(100, "p3", availability="out-of-stock"))
    sellable = model.columns(world.shelf).sellable
    assert np.flatnonzero(~sellable).tolist() == [model.place("p3")]


def test_another_shelf_is_looked_at_whole() -> None:
    model, empty = serving(), Shelf()
    assert model.columns(shop_world().shelf).sellable.any()
    assert not model.columns(empty).sellable.any()


def test_categories_are_the_same_numbers_for_the_same_path() -> None:
    world = shop_world()
    assert world.model is not None
    levels = world.model.columns(world.shelf).levels
    tea, cups = world.model.place("p0"), world.model.place(f"p{PRODUCTS - 1}")
    assert levels[:, tea].tolist() == levels[:, world.model.place("p1")].tolist()
    assert levels[0, tea] != levels[0, cups]
    assert levels[2, tea] == NO_CATEGORY


def test_an_empty_ledger_lines_up_with_nothing() -> None:
    assert len(serving().places_of_ledger(Ledger())) == 0
