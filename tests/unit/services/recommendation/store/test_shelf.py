"""The copy of products."""

import orjson
import pytest

from services.recommendation.domain.errors import SnapshotUnreadableError
from services.recommendation.store.shelf import CHANGES_LIMIT, Shelf, product_from_payload
from tests.unit.services.recommendation.shop import product_event


def shelf_of(*events: object) -> Shelf:
    shelf = Shelf()
    for event in events:
        shelf.apply(event)  # type: ignore[arg-type]
    return shelf


def test_sold_out_is_not_sellable_until_it_is_back() -> None:
    shelf = shelf_of(product_event(1, "p1"), product_event(2, "p1", availability="out-of-stock"))
    assert not shelf.sellable("p1")
    shelf.apply(product_event(3, "p1"))
    assert shelf.sellable("p1")
    assert not shelf.sellable("unknown")


def test_an_older_version_changes_nothing() -> None:
    shelf = shelf_of(product_event(1, "p1", version=5, withdrawn=True), product_event(2, "p1", version=4))
    assert not shelf.sellable("p1")


def test_a_card_is_written_anew_after_a_change() -> None:
    shelf = shelf_of(product_event(1, "p1"))
    before = orjson.loads(shelf.card("p1", "zh"))
    shelf.apply(product_event(2, "p1", price={"amount": "9.00", "currency": "CNY"}))
    after = orjson.loads(shelf.card("p1", "zh"))
    assert (before["price"]["amount"], after["price"]["amount"]) == ("2.50", "9.00")
    assert before["title"] == "东西1"


def test_a_product_with_next_to_nothing_can_be_read() -> None:
    product = product_from_payload({"id": "p1"})
    assert product.title("zh") == "p1"
    assert product.category("zh") == ()
    assert product.sellable


def test_those_who_follow_see_each_change_once() -> None:
    shelf = shelf_of(product_event(1, "p1"))
    position = shelf.position
    shelf.apply(product_event(2, "p2"))
    assert shelf.follow(position) == ["p2"]
    assert shelf.follow(shelf.position) == []


def test_those_who_are_too_far_behind_must_look_at_everything() -> None:
    shelf = Shelf()
    for seq in range(1, CHANGES_LIMIT + 2):
        shelf.apply(product_event(seq, "p1"))
    assert shelf.follow(0) is None
    assert len(shelf.follow(shelf.position - 10) or ()) == 10


def test_ids_are_sorted_whatever_was_imported_first() -> None:
    shelf = shelf_of(product_event(1, "p2"), product_event(2, "p1"))
    assert shelf.ids() == ("p1", "p2")
    shelf.apply(product_event(3, "p10"))
    assert shelf.ids() == ("p1", "p10", "p2")


def test_a_dump_taken_over_shows_the_same_and_makes_followers_look() -> None:
    shelf = shelf_of(product_event(1, "p1"), product_event(2, "p2", withdrawn=True))
    again = shelf_of(product_event(1, "p7"))
    position = again.position
    again.load(shelf.dump())
    assert again.ids() == ("p1", "p2")
    assert again.card("p1", "en") == shelf.card("p1", "en")
    assert again.follow(position) is None


@pytest.mark.parametrize("content", [b"", b"{}", b'{"form": "shelf-0"}', b'{"form": "shelf-1", "products": [1]}'])
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(SnapshotUnreadableError):
        Shelf().load(content)
