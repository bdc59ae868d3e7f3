"""A model lined up with the ledger's numbers and the shelf's present state."""

import numpy as np
import pytest

from services.recommendation.domain.model import Ranker
from services.recommendation.domain.ranking import Head
from services.recommendation.store import serving as serving_module
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


def test_likes_are_ranked_once_until_a_category_changes_and_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving_module, "ALIKE_LIMIT", 3)
    world, asked = shop_world(), list[int]()
    model = world.model
    assert model is not None

    def ranked(place: int) -> Head:
        asked.append(place)
        return Head((place,), (1.0,), complete=True)

    model.columns(world.shelf)
    assert [model.alike(place, ranked).places for place in (0, 1, 0, 1)] == [(0,), (1,), (0,), (1,)]
    world.shelf.apply(product_event(900, "p1", availability="out-of-stock"))
    model.columns(world.shelf)
    model.alike(0, ranked)
    assert asked == [0, 1]
    world.shelf.apply(product_event(901, "p1", categories=[{"en": "Garden"}]))
    model.columns(world.shelf)
    for place in (0, 1, 2, 3, 0):
        model.alike(place, ranked)
    assert asked == [0, 1, 0, 1, 2, 3, 0]
