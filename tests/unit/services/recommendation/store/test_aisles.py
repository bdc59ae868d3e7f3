"""Categories in the order of popularity, kept until a category or what is popular changes."""

from services.recommendation.store import aisles
from services.recommendation.store.aisles import Aisles
from services.recommendation.store.shelf import Shelf
from tests.unit.services.recommendation.shop import product_event

TEA, GROCERY, HOME = ("Grocery", "Tea"), ("Grocery",), ("Home",)


def shelf_of(*products: tuple[str, str]) -> Shelf:
    shelf = Shelf()
    for seq, (product_id, path) in enumerate(products, 1):
        shelf.apply(product_event(seq, product_id, categories=[{"en": path}]))
    return shelf


def test_a_category_holds_what_lies_below_it_the_popular_first_then_by_id() -> None:
    shelf = shelf_of(("p3", "Grocery > Tea"), ("p1", "Grocery > Tea"), ("p2", "Grocery"), ("p4", "Home"))
    found = Aisles()
    assert found.ranked(shelf, ("p3",), TEA) == ("p3", "p1")
    assert found.ranked(shelf, ("p3",), GROCERY) == ("p3", "p1", "p2")
    assert found.ranked(shelf, ("p3",), ("Garden",)) == ()


def test_a_product_that_moves_leaves_its_old_category_and_all_above_it() -> None:
    shelf, found = shelf_of(("p1", "Grocery > Tea"), ("p2", "Grocery > Tea")), Aisles()
    assert found.ranked(shelf, (), GROCERY) == ("p1", "p2")
    shelf.apply(product_event(10, "p1", categories=[{"en": "Home"}]))
    assert [found.ranked(shelf, (), path) for path in (TEA, GROCERY, HOME)] == [("p2",), ("p2",), ("p1",)]
    shelf.apply(product_event(11, "p2", categories=[]))
    assert [found.ranked(shelf, (), path) for path in (TEA, GROCERY)] == [(), ()]


def test_a_price_moves_nothing() -> None:
    shelf, found = shelf_of(("p1", "Grocery > Tea")), Aisles()
    changes, ranked = shelf.aisle_changes, found.ranked(shelf, (), TEA)
    shelf.apply(product_event(10, "p1", categories=[{"en": "Grocery > Tea"}], price=None, availability="out-of-stock"))
    assert shelf.aisle_changes == changes
    assert found.ranked(shelf, (), TEA) is ranked


def test_what_is_popular_now_and_another_shelf_count_at_once() -> None:
    shelf, found = shelf_of(("p1", "Home"), ("p2", "Home")), Aisles()
    assert found.ranked(shelf, ("p1",), HOME) == ("p1", "p2")
    assert found.ranked(shelf, ("p2",), HOME) == ("p2", "p1")
    assert found.ranked(shelf_of(("p7", "Home")), ("p2",), HOME) == ("p7",)


def test_a_shelf_taken_over_from_a_dump_knows_its_categories() -> None:
    shelf, found = shelf_of(("p1", "Home"), ("p2", "Home")), Aisles()
    again = shelf_of(("p9", "Home"))
    assert found.ranked(again, (), HOME) == ("p9",)
    again.load(shelf.dump())
    assert found.ranked(again, (), HOME) == ("p1", "p2")
    assert again.sellable("p1")
    assert not again.sellable("p9")


def test_the_memory_of_categories_is_bounded() -> None:
    shelf, found = shelf_of(("p1", "Home")), Aisles()
    for number in range(aisles.REMEMBERED_LIMIT + 1):
        found.ranked(shelf, (), (f"c{number}",))
    assert found.remembered <= aisles.REMEMBERED_LIMIT
    assert found.ranked(shelf, (), HOME) == ("p1",)
