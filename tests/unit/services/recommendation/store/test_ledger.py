"""The copy of what shoppers did: every row once, orders by their number, the same after a restart."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.eventlog.port import Event
from services.recommendation.domain.errors import SnapshotUnreadableError
from services.recommendation.domain.interactions import NO_BASKET, NOBODY, Kind
from services.recommendation.store.ledger import LINES_LIMIT, PENDING_LIMIT, Flag, Ledger
from tests.fakes.order_facts import order_fact, placed, stored
from tests.unit.services.recommendation.shop import NOW, NOW_S, ledger_of, purchase_events, user_event

BOOKS = {"kind": "sale", "source": "shop", "number": "7"}
BROWSER = {**BOOKS, "source": "browser"}
LATER = ("payment-captured", "stage-entered", "shipment-created", "return-requested", "correction")
PARCEL: dict[str, Any] = {"shipment": {"carrier": "sf", "tracking_number": "1", "ship_date": "2026-01-05"}}


def contents(ledger: Ledger) -> dict[str, Any]:
    """All that a ledger knows, in a form that compares."""
    snapshot = ledger.snapshot()
    histories = {name: [column.tolist() for column in _columns(ledger, name)] for name in sorted(snapshot.actor_ids)}
    return {
        "arrays": {name: array.tolist() for name, array in snapshot.arrays.items()},
        "actors": list(snapshot.actor_ids),
        "items": list(snapshot.item_ids),
        "histories": histories,
        "purchases": ledger.purchases,
    }


def _columns(ledger: Ledger, identifier: str) -> list[np.ndarray]:
    history = ledger.history(ledger.actor_places([identifier]))
    return [history.item, history.time_s, history.kind, history.quantity, history.flags]


def bought_by(ledger: Ledger, identifier: str) -> list[str]:
    history = ledger.history(ledger.actor_places([identifier]))
    return [ledger.item_ids[item] for item in history.item[history.kind == Kind.PURCHASE]]


def test_each_line_is_a_row_of_the_identifier_that_it_came_with() -> None:
    ledger = ledger_of(
        [
            user_event(1, "detail-page-view", subject="visitor:v-1", products=[("p2", 1)]),
            user_event(2, subject="card:1", products=[("p1", 2), ("p2", 1)], time=NOW + timedelta(milliseconds=1)),
        ]
    )
    assert ledger.history(ledger.actor_places(["visitor:v-1"])).kind.tolist() == [Kind.VIEW]
    assert bought_by(ledger, "card:1") == ["p1", "p2"]
    both = ledger.history(ledger.actor_places(["card:1", "visitor:v-1", "login:nobody"]))
    assert both.kind.tolist() == [Kind.VIEW, Kind.PURCHASE, Kind.PURCHASE]


def test_a_person_did_things_in_the_order_of_their_times_and_of_one_moment_by_identifier() -> None:
    late = user_event(1, "detail-page-view", subject="visitor:v-1", products=[("late", 1)], time=NOW)
    first = user_event(2, "detail-page-view", subject="visitor:v-1", products=[("first", 1)], time=NOW)
    early = user_event(3, "detail-page-view", products=[("early", 1)], time=NOW - timedelta(microseconds=1))
    same = user_event(4, "detail-page-view", subject="card:1", products=[("same", 1)], time=NOW)
    for events in ([late, first, early, same], [same, early, late, first], [early, late, same, first]):
        ledger = ledger_of(events)
        history = ledger.history(ledger.actor_places(["visitor:v-1", "card:1"]))
        assert [ledger.item_ids[item] for item in history.item] == ["early", "same", "late", "first"]
        assert set(history.time_s.tolist()) == {NOW_S - 1, NOW_S}


@pytest.mark.parametrize(
    "type_", ["search", "impression", "home-page-view", "category-page-view", "login", "shopping-cart-page-view"]
)
def test_what_says_nothing_about_a_product_leaves_no_row(type_: str) -> None:
    assert len(ledger_of([user_event(1, type_)])) == 0


def test_charges_are_no_goods() -> None:
    lines = [{"id": "POST", "quantity": 1, "kind": "charge"}, {"id": "p1", "quantity": 1, "kind": "goods"}]
    ledger = ledger_of([user_event(1, payload={"products": lines})])
    assert bought_by(ledger, "card:1") == ["p1"]


def test_an_order_of_nobody_counts_for_baskets_alone() -> None:
    ledger = ledger_of([user_event(1, subject="visitor:v-anonymous-0123", products=[("p1", 1), ("p2", 1)])])
    rows, _ = ledger.snapshot().interactions(None, None)
    assert ledger.actors == 0
    assert rows.person.tolist() == [NOBODY, NOBODY]
    assert rows.basket.tolist() == [0, 0]


def test_the_shops_books_replace_the_browsers_report_whichever_comes_first() -> None:
    browser = user_event(1, subject="visitor:v-1", products=[("p1", 1)], order=BROWSER)
    books = user_event(2, subject="card:1", products=[("p1", 1), ("p2", 1)], order=BOOKS)
    for events in ([browser, books], [books, browser]):
        ledger = ledger_of(events)
        assert bought_by(ledger, "visitor:v-1") == []
        assert bought_by(ledger, "card:1") == ["p1", "p2"]


def fact(seq: int, *, number: str = "7", products: Sequence[tuple[str, int]], **fields: Any) -> Event:
    lines = [{"id": name, "quantity": quantity} for name, quantity in products]
    return stored(placed(f"f{seq}", number, NOW, products=lines, **fields), seq)


REPORTS = {
    "browser": user_event(1, subject="visitor:v-1", products=[("p1", 1)], order=BROWSER),
    "books": user_event(2, subject="card:2", products=[("p1", 1), ("p2", 1)], order=BOOKS),
    "fact": fact(1, products=[("p3", 2)], identifiers=["card:1", "login:u"]),
    "another sale": fact(2, number="8", products=[("p1", 1)], identifiers=["card:1"]),
    "view": user_event(3, "detail-page-view", subject="card:1", products=[("p9", 1)]),
    "return": fact(3, products=[("p3", 1)], identifiers=["card:1"], kind="return"),
    "nobody's": fact(4, number="9", products=[("p1", 1)], identifiers=[]),
}


@given(st.permutations(list(REPORTS)))
def test_the_order_fact_holds_in_whichever_order_the_two_logs_are_read(arrival: list[str]) -> None:
    ledger = ledger_of([REPORTS[name] for name in arrival])
    assert [bought_by(ledger, each) for each in ("visitor:v-1", "card:2", "login:u")] == [[], [], []]
    assert sorted(bought_by(ledger, "card:1")) == ["p1", "p3"]


@given(st.permutations(list(REPORTS)))
def test_training_sees_the_same_set_in_whichever_order_the_two_logs_are_read(arrival: list[str]) -> None:
    assert trained_on(ledger_of([REPORTS[name] for name in arrival])) == trained_on(ledger_of(list(REPORTS.values())))


def trained_on(ledger: Ledger) -> tuple[list[str], list[list[tuple[Any, ...]]]]:
    """The set that a ledger trains on: its columns, and its rows by basket; their order means nothing."""
    snapshot = ledger.snapshot()
    persons = {"card:1": 3, "login:u": 3}  # as numbered elsewhere: by whom knowledge resolved first
    numbers = [persons.get(each, 10 + place) for place, each in enumerate(snapshot.actor_ids)]
    rows, product_ids = snapshot.interactions(np.unique(numbers, return_inverse=True)[1].astype(np.int32), None)
    columns = (rows.person, rows.item, rows.time_s, rows.kind, rows.quantity)
    baskets: dict[int, list[tuple[Any, ...]]] = {}
    for basket, *row in zip(rows.basket.tolist(), *(each.tolist() for each in columns), strict=True):
        baskets.setdefault(basket, []).append(tuple(row))
    return product_ids, sorted(map(sorted, baskets.values()))


def test_of_an_orders_facts_only_its_placing_leaves_rows() -> None:
    later = [stored(order_fact(f"s{seq}", "7", NOW, type=type_), seq) for seq, type_ in enumerate(LATER, 2)]
    ledger = ledger_of([fact(1, products=[("p1", 1)], identifiers=["card:1"]), *later])
    assert (bought_by(ledger, "card:1"), len(ledger)) == (["p1"], 1)


def moved(seq: int, type_: str, *, minutes: int = 1, number: str = "7", **said: Any) -> Event:
    time = NOW + timedelta(minutes=minutes)
    return stored(order_fact(f"m{seq}", number, time, type=type_, payload=said), seq)


CANCELLING = {
    "fact": fact(1, products=[("p1", 1), ("p2", 2), ("p3", 1)], identifiers=["card:1"]),
    "books": user_event(1, subject="card:2", products=[("p9", 1)], order=BOOKS),
    "sent": moved(2, "shipment-created", minutes=1, items=[{"line": 3}], **PARCEL),
    "part": moved(3, "line-cancelled", minutes=2, line=2, quantity=1),
    "mistaken": moved(4, "line-cancelled", minutes=3, line=2),
    "mended": moved(5, "correction", minutes=4, corrects=[{"id": "m4"}]),
    "rest of the first": moved(6, "line-cancelled", minutes=5, line=1),
    "too late": moved(7, "line-cancelled", minutes=6, line=3),
    "another": fact(8, number="8", products=[("p4", 1)], identifiers=["card:1"]),
    "another's": moved(9, "order-cancelled", number="8"),
    "load": moved(10, "order-cancelled"),
}
CANCELLING["load"] = replace(CANCELLING["load"], synthetic=True)


@given(st.permutations(list(CANCELLING)))
def test_what_was_cancelled_before_it_was_sent_was_not_bought_in_any_order_of_arrival(arrival: list[str]) -> None:
    ledger = ledger_of([CANCELLING[name] for name in arrival])
    assert sorted(bought_by(ledger, "card:1")) == ["p2", "p3"]
    assert (bought_by(ledger, "card:2"), ledger.purchases) == ([], 2)
    assert trained_on(ledger) == trained_on(ledger_of([CANCELLING[name] for name in CANCELLING]))
    assert trained_on(ledger)[0] == ["p2", "p3"], "what was cancelled is no column"


@given(st.permutations([name for name in CANCELLING if name != "books"]), st.integers(0, 10))
def test_a_dump_remembers_what_moved_the_pieces_of_an_order(arrival: list[str], at: int) -> None:
    events = [CANCELLING[name] for name in arrival]
    first, second = ledger_of(events[:at]), Ledger()
    second.load(first.dump())
    for event in events[at:]:
        second.apply(event)
    assert contents(second) == contents(ledger_of(events))
    assert second.dump() == ledger_of(events).dump()


def test_what_is_cancelled_again_after_its_parcel_was_lost_counts_no_more_and_each_change_is_told() -> None:
    ledger = ledger_of([fact(1, products=[("p1", 1)], identifiers=["card:1"])])
    told = [(ledger.revision_of((0,)), ledger.changes)]
    for event, bought in (
        (moved(2, "order-cancelled", minutes=9), []),
        (moved(3, "shipment-created", minutes=1, **PARCEL), ["p1"]),
        (moved(4, "shipment-lost", minutes=2, **PARCEL), []),
        (moved(4, "shipment-lost", minutes=2, **PARCEL), []),
        (moved(5, "shipment-delivered", minutes=3, **PARCEL), ["p1"]),
    ):
        ledger.apply(event)
        told.append((ledger.revision_of((0,)), ledger.changes))
        assert bought_by(ledger, "card:1") == bought
    assert told == [(1, 0), (2, 1), (3, 2), (4, 3), (4, 3), (5, 4)]


def test_what_left_with_the_customer_is_not_cancelled_nor_what_came_back() -> None:
    till = fact(1, products=[("p1", 1)], identifiers=["card:1"])
    back = fact(2, products=[("p2", 1)], identifiers=["card:1"], kind="return")
    ledger = ledger_of([replace(till, payload={**till.payload, "handed_over": True}), back])
    for kind in ({}, {"kind": "return"}):
        ledger.apply(moved(3, "order-cancelled", order={"shop": "main", "number": "7", **kind}))
    assert ledger.history((0,)).kind.tolist() == [Kind.PURCHASE, Kind.RETURN]


def test_an_order_fact_of_nobody_counts_for_baskets_alone() -> None:
    ledger = ledger_of([fact(1, products=[("p1", 1), ("p2", 1)], identifiers=[])])
    rows, _ = ledger.snapshot().interactions(None, None)
    assert (ledger.actors, rows.person.tolist(), rows.basket.tolist()) == (0, [NOBODY, NOBODY], [0, 0])


def test_a_load_tests_order_fact_takes_back_nothing() -> None:
    ledger = ledger_of([user_event(1, order=BOOKS), fact(1, products=[("p9", 1)], synthetic=True)])
    assert bought_by(ledger, "card:1") == ["p1"]
    assert ledger.purchases == 1


def test_a_corrected_order_fact_replaces_the_earlier_one() -> None:
    ledger = ledger_of([fact(seq, products=[(f"p{seq}", 1)], identifiers=["card:1"]) for seq in (1, 2)])
    assert bought_by(ledger, "card:1") == ["p2"]


@pytest.mark.parametrize("broken", [{"order": "7"}, {"identifiers": [], "order": {"source": "shop"}}])
def test_an_unreadable_order_fact_raises_and_changes_nothing(broken: dict[str, Any]) -> None:
    ledger = ledger_of([fact(1, products=[("p1", 1)], identifiers=["card:1"])])
    before = contents(ledger)
    whole = fact(2, products=[("p2", 1)])
    with pytest.raises((KeyError, AttributeError)):
        ledger.apply(replace(whole, payload={**whole.payload, **broken}))
    assert contents(ledger) == before


def test_a_corrected_import_replaces_the_earlier_one() -> None:
    ledger = ledger_of(
        [user_event(1, products=[("p1", 1)], order=BOOKS), user_event(2, products=[("p3", 1)], order=BOOKS)]
    )
    assert bought_by(ledger, "card:1") == ["p3"]
    assert ledger.changes == 1


def test_of_two_reports_of_the_shop_the_later_recorded_counts_and_of_one_moment_the_one_of_the_greater_key() -> None:
    def told(key: str, product_id: str, *, subject: str, recorded_ms: int) -> Event:
        event = user_event(1, subject=subject, products=[(product_id, 1)], order=BOOKS)
        return replace(event, key=key, recorded_time=NOW + timedelta(milliseconds=recorded_ms))

    early = told("cccc", "p1", subject="card:1", recorded_ms=0)
    late = told("aaaa", "p2", subject="card:2", recorded_ms=1)
    same = told("bbbb", "p3", subject="card:3", recorded_ms=1)
    for events in permutations([early, late, same]):
        ledger = ledger_of(events)
        assert [bought_by(ledger, f"card:{number}") for number in (1, 2, 3)] == [[], [], ["p3"]]


def test_the_revision_of_a_person_grows_with_own_rows_and_those_taken_back_and_with_nobody_elses() -> None:
    ledger = ledger_of([user_event(1, order=BOOKS), user_event(2, "detail-page-view", subject="card:2")])
    one, two = ledger.actor_places(["card:1"]), ledger.actor_places(["card:2"])
    seen = [(ledger.revision_of(one), ledger.revision_of(two))]
    ledger.apply(user_event(3, subject="card:2", order=BOOKS))  # the same order is another's now
    seen.append((ledger.revision_of(one), ledger.revision_of(two)))
    assert seen == [(1, 1), (2, 2)]
    assert ledger.revision_of((*one, *two)) == 4


def test_a_sale_and_its_return_share_a_number_without_replacing_each_other() -> None:
    returned = {**BOOKS, "kind": "return"}
    ledger = ledger_of([user_event(1, order=BOOKS), user_event(2, order=returned)])
    assert ledger.history(ledger.actor_places(["card:1"])).kind.tolist() == [Kind.PURCHASE, Kind.RETURN]


def test_orders_without_a_number_are_each_their_own() -> None:
    order = {"kind": "sale", "source": "browser"}
    assert bought_by(ledger_of([user_event(1, order=order), user_event(2, order=order)]), "card:1") == ["p1", "p1"]


def test_the_same_number_in_another_shop_is_another_order() -> None:
    other = user_event(2, order=BOOKS)
    elsewhere = Event(**{name: getattr(other, name) for name in Event.__slots__} | {"shop": "outlet"})
    assert bought_by(ledger_of([user_event(1, order=BOOKS), elsewhere]), "card:1") == ["p1", "p1"]


def test_load_tests_and_simulated_visits_train_nothing_but_serve_their_own_visitor() -> None:
    ledger = ledger_of(
        [
            user_event(1, synthetic=True),
            user_event(2, "detail-page-view", payload={"attributes": {"simulated": "true"}}),
            user_event(3, products=[("p9", 1)]),
        ]
    )
    rows, product_ids = ledger.snapshot().interactions(None, None)
    assert [product_ids[item] for item in rows.item] == ["p9"]
    assert ledger.purchases == 1
    assert len(ledger.history(ledger.actor_places(["card:1"]))) == 3


def test_a_load_tests_order_takes_back_no_customers_order_of_the_same_number() -> None:
    real = user_event(1, subject="card:1", products=[("p1", 1)], order=BOOKS)
    load = user_event(2, subject="card:9", products=[("p9", 1)], order=BOOKS, synthetic=True)
    for events in ([real, load], [load, real]):
        ledger = ledger_of(events)
        assert bought_by(ledger, "card:1") == ["p1"]
        assert ledger.purchases == 1


def test_purchases_at_the_till_are_told_apart() -> None:
    ledger = ledger_of([user_event(1, channel="store"), user_event(2, channel="web")])
    assert [bool(flags & Flag.TILL) for flags in ledger.history((0,)).flags.tolist()] == [True, False]


@pytest.mark.parametrize(
    "payload",
    [
        {"products": [{"quantity": 1}]},
        {"products": [{"id": "p1", "quantity": "many"}]},
        {"products": ["p1"]},
        {"order": "7"},
    ],
)
def test_an_unreadable_event_raises_and_changes_nothing(payload: dict[str, Any]) -> None:
    ledger = ledger_of([user_event(1, order=BOOKS)])
    before = contents(ledger)
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        ledger.apply(user_event(2, payload=payload))
    assert contents(ledger) == before


def test_lines_past_the_limit_are_left_out() -> None:
    ledger = ledger_of([user_event(1, products=[(f"p{n}", 1) for n in range(LINES_LIMIT + 1)])])
    assert len(ledger) == LINES_LIMIT


def test_training_sees_persons_and_only_products_that_are_kept() -> None:
    ledger = ledger_of(
        [
            user_event(1, subject="card:1", products=[("gone", 1), ("p1", 1)]),
            user_event(2, subject="login:a", products=[("p2", 1)]),
        ]
    )
    rows, product_ids = ledger.snapshot().interactions(np.array([0, 0], dtype=np.int32), {"p1", "p2"})
    assert product_ids == ["p1", "p2"]
    assert rows.person.tolist() == [0, 0]
    assert rows.item.tolist() == [0, 1]
    assert (rows.persons, rows.items) == (1, 2)


def test_columns_are_by_product_id_and_persons_by_their_first_identifier_and_only_those_with_rows() -> None:
    ledger = ledger_of(
        [
            user_event(1, subject="visitor:v-load", products=[("a", 1)], synthetic=True),
            user_event(2, subject="visitor:v-1", products=[("p2", 1)]),
            user_event(3, subject="login:a", products=[("p10", 1)]),
            user_event(4, subject="card:1", products=[("p1", 1)]),
        ]
    )
    persons = np.array([0, 2, 1, 2], dtype=np.int32)  # the card and the visitor are one
    rows, product_ids = ledger.snapshot().interactions(persons, None)
    assert product_ids == ["p1", "p10", "p2"]
    assert rows.item.tolist() == [2, 1, 0]
    assert rows.person.tolist() == [0, 1, 0]
    assert (rows.persons, rows.items) == (2, 3)


def test_the_last_purchase_is_no_view_and_of_no_load_test() -> None:
    later = NOW + timedelta(hours=1)
    ledger = ledger_of([user_event(1), user_event(2, "detail-page-view", time=later)])
    ledger.apply(user_event(3, synthetic=True, time=later))
    assert ledger.snapshot().last_purchase_s() == NOW_S
    assert Ledger().snapshot().last_purchase_s() is None


def test_a_snapshot_stays_what_it_was() -> None:
    ledger = ledger_of([user_event(1, order=BOOKS)])
    snapshot = ledger.snapshot()
    ledger.apply(user_event(2, products=[("p5", 1)], order=BOOKS))
    rows, product_ids = snapshot.interactions(None, None)
    assert [product_ids[item] for item in rows.item] == ["p1"]


def test_a_dump_taken_over_is_the_same_ledger_and_goes_on_alike() -> None:
    events = purchase_events()
    middle = len(events) // 2
    whole, first = ledger_of(events), ledger_of(events[:middle])
    second = Ledger()
    second.load(first.dump())
    for event in events[middle:]:
        second.apply(event)
    assert contents(second) == contents(whole)
    assert second.dump() == whole.dump()


def test_a_dump_remembers_orders_and_carts() -> None:
    first = ledger_of([user_event(1, order=BROWSER), user_event(2, "add-to-cart", subject="visitor:v-1")])
    second = Ledger()
    second.load(first.dump())
    second.apply(user_event(3, products=[("p2", 1)], order=BOOKS))
    assert bought_by(second, "card:1") == ["p2"]
    assert second.may_have_cart(second.actor_places(["visitor:v-1"]))
    assert not second.may_have_cart(second.actor_places(["card:1"]))


def test_a_dump_of_another_form_is_refused() -> None:
    with pytest.raises(SnapshotUnreadableError):
        Ledger().load(b"PK something")


def test_cleared_it_is_empty_and_those_who_numbered_its_items_can_tell() -> None:
    ledger = ledger_of([user_event(1)])
    epoch = ledger.epoch
    ledger.clear()
    assert (len(ledger), ledger.actors, ledger.item_ids) == (0, 0, [])
    assert ledger.epoch > epoch


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.integers(1, 9))
def test_reading_in_between_changes_nothing(subjects: list[int], every: int) -> None:
    """Rows are moved into columns in batches; when that happens must not show."""
    events = [
        user_event(seq, subject=f"card:{subject}", products=[(f"p{seq % 3}", 1)], time=NOW + timedelta(seconds=seq))
        for seq, subject in enumerate(subjects, 1)
    ]
    read_often = Ledger()
    for number, event in enumerate(events):
        read_often.apply(event)
        if number % every == 0:
            read_often.history(range(read_often.actors))
    assert contents(read_often) == contents(ledger_of(events))


def test_more_rows_than_wait_at_once_are_all_there() -> None:
    products = [(f"p{n}", 1) for n in range(1_500)]
    ledger = ledger_of([user_event(seq, products=products) for seq in range(1, 5)])
    assert len(ledger) == 6_000 > PENDING_LIMIT
    assert ledger.revision_of((0,)) == 6_000
    assert NO_BASKET not in ledger.snapshot().arrays["basket"]
