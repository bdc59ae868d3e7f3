"""The fold, by example: what each kind of fact does to an order, and what does not fit is remarked."""

from random import Random

import pytest

from services.orders.domain.events import OrderEvent, ParcelRef, Portion
from services.orders.domain.folding import fold_order
from services.orders.domain.lifecycle import Headline, Parcel, Payment, Production, Returning, Shipping
from services.orders.domain.order import OrderState
from services.orders.domain.remarks import Doubt, Remark
from tests.strategies.orders import parcel, placed, portions, shuffled, told

PAID = told("paid", "payment-captured", 1)
PACKED = told("pack", "shipment-created", 2, parcel=parcel(1))
PICKED_UP = told("pick", "shipment-picked-up", 3, parcel=parcel(1))
DELIVERED = told("done", "shipment-delivered", 9, parcel=parcel(1))


def doubts(state: OrderState) -> list[Doubt]:
    return [remark.doubt for remark in state.remarks]


def pieces(state: OrderState, line: int = 1) -> tuple[int, ...]:
    each = next(each for each in state.lines if each.line.number == line)
    return each.open, each.shipped, each.cancelled, each.delivered, each.returned


@pytest.mark.parametrize(
    ("events", "headline"),
    [
        ([PAID], Headline.EXPECTED),
        ([placed(2)], Headline.PLACED),
        ([placed(2), told("a", "payment-authorized", 1)], Headline.PLACED),
        ([placed(2), PAID], Headline.PAID),
        ([placed(2), told("q", "production-queued", 1, portions=(Portion(1),))], Headline.IN_PRODUCTION),
        ([placed(2), told("m", "production-completed", 1)], Headline.READY),
        ([placed(2), PACKED], Headline.READY),
        ([placed(2), PACKED, PICKED_UP], Headline.SHIPPED),
        (
            [placed(2), told("pack", "shipment-created", 2, parcel=parcel(1), portions=portions({1: 1})), PICKED_UP],
            Headline.PARTIALLY_SHIPPED,
        ),
        (
            [placed(2), PACKED, PICKED_UP, told("out", "shipment-out-for-delivery", 4, parcel=parcel(1))],
            Headline.OUT_FOR_DELIVERY,
        ),
        ([placed(2), PACKED, told("shelf", "shipment-pickup-ready", 4, parcel=parcel(1))], Headline.PICKUP_READY),
        ([placed(2), PACKED, told("try", "shipment-attempted", 4, parcel=parcel(1))], Headline.DELIVERY_PROBLEM),
        ([placed(2), PACKED, told("lost", "shipment-lost", 4, parcel=parcel(1))], Headline.DELIVERY_PROBLEM),
        ([placed(2), PACKED, DELIVERED], Headline.DELIVERED),
        ([placed(2), told("stop", "order-cancelled", 1)], Headline.CANCELLED),
        ([placed(2, handed_over=True)], Headline.DELIVERED),
        ([placed(2, order={"number": "C7", "kind": "return"})], Headline.CREDITED),
    ],
)
def test_the_headline_is_derived(events: list[OrderEvent], headline: Headline) -> None:
    assert fold_order(events).headline is headline


def test_a_part_that_arrives_is_a_part() -> None:
    one = told("pack", "shipment-created", 2, parcel=parcel(1), portions=portions({1: 1}))
    state = fold_order([placed(2), one, DELIVERED])
    assert (state.headline, state.shipping) == (Headline.PARTIALLY_DELIVERED, Shipping.PARTIALLY_DELIVERED)
    assert pieces(state) == (1, 1, 0, 1, 0)


def test_what_was_delivered_or_cancelled_to_the_last_piece_is_delivered() -> None:
    one = told("pack", "shipment-created", 2, parcel=parcel(1), portions=portions({1: 1}))
    rest = told("rest", "line-cancelled", 3, portions=portions({1: 1}))
    assert fold_order([placed(2), one, DELIVERED, rest]).headline is Headline.DELIVERED


def test_postage_is_neither_shipped_nor_awaited() -> None:
    order = placed(2)
    order.details["products"].append({"id": "POST", "quantity": 1, "line": 2, "kind": "charge"})
    state = fold_order([order, PACKED, DELIVERED])
    assert state.headline is Headline.DELIVERED
    assert pieces(state, 2) == (1, 0, 0, 0, 0)


def test_a_late_scan_joins_the_history_and_moves_nothing_back() -> None:
    late = told("late", "shipment-in-transit", 20, parcel=parcel(1))
    state = fold_order([placed(2), PACKED, PICKED_UP, DELIVERED, late])
    assert state.headline is Headline.DELIVERED
    assert state.parcels[0].state is Parcel.DELIVERED
    assert state.history[-1] is late
    assert Remark(Doubt.SCANNED_AFTER_END, late.id) in state.remarks


def test_a_scan_that_arrives_late_but_is_dated_before_is_no_matter() -> None:
    state = fold_order([placed(2), PACKED, DELIVERED, told("mid", "shipment-in-transit", 5, parcel=parcel(1))])
    assert state.headline is Headline.DELIVERED
    assert not state.remarks


@pytest.mark.parametrize("other", ["shipment-lost", "shipment-returned", "shipment-cancelled"])
@pytest.mark.parametrize("at", [5, 20])
def test_being_delivered_holds_against_every_other_end(other: str, at: int) -> None:
    state = fold_order([placed(2), PACKED, told("end", other, at, parcel=parcel(1)), DELIVERED])
    assert state.headline is Headline.DELIVERED


def test_a_parcel_that_came_back_leaves_its_pieces_open_and_may_be_sent_again() -> None:
    back = told("back", "shipment-returned", 5, parcel=parcel(1))
    state = fold_order([placed(2), PACKED, back])
    assert pieces(state) == (2, 0, 0, 0, 0)
    again = told("again", "shipment-created", 4, parcel=parcel(2))  # before the first one is scanned as back
    state = fold_order([placed(2), PACKED, back, again, told("d2", "shipment-delivered", 9, parcel=parcel(2))])
    assert state.headline is Headline.DELIVERED
    assert not state.remarks


def test_too_much_shipped_is_kept_with_its_number() -> None:
    three = told("pack", "shipment-created", 2, parcel=parcel(1), portions=portions({1: 3}))
    state = fold_order([placed(2), three, DELIVERED])
    assert state.remarks == (Remark(Doubt.OVER_SHIPPED, three.id, 1, 1),)
    assert pieces(state) == (0, 2, 0, 2, 0)


def test_shipping_what_was_cancelled_before_is_too_much() -> None:
    state = fold_order([placed(2), told("stop", "order-cancelled", 1), PACKED])
    assert state.headline is Headline.CANCELLED
    assert doubts(state) == [Doubt.OVER_SHIPPED]


def test_cancelling_what_was_shipped_before_is_too_late() -> None:
    late = told("stop", "line-cancelled", 5, portions=portions({1: 2}))
    state = fold_order([placed(2), PACKED, late])
    assert state.remarks == (Remark(Doubt.OVER_CANCELLED, late.id, 1, 2),)
    assert pieces(state) == (0, 2, 0, 0, 0)
    assert doubts(fold_order([placed(2), PACKED, told("all", "order-cancelled", 5)])) == [Doubt.OVER_CANCELLED]


def test_more_back_than_was_delivered_is_kept_with_its_number() -> None:
    asked = told("ask", "return-requested", 10, return_id="r", portions=portions({1: 5}))
    back = told("back", "return-received", 11, return_id="r")
    state = fold_order([placed(2), PACKED, DELIVERED, asked, back])
    assert state.remarks == (Remark(Doubt.OVER_RETURNED, back.id, 1, 3),)
    assert pieces(state) == (0, 2, 0, 2, 2)
    assert (state.headline, state.returning) == (Headline.RETURNED, Returning.RETURNED)


def test_a_return_that_is_dated_before_the_delivery_counts_once_both_are_known() -> None:
    back = told("back", "return-received", 5, return_id="r", portions=portions({1: 1}))
    asked = told("ask", "return-requested", 4, return_id="r", portions=portions({1: 1}))
    assert Doubt.OVER_RETURNED in doubts(fold_order([placed(2), PACKED, asked, back]))
    state = fold_order([placed(2), PACKED, asked, back, DELIVERED])
    assert not state.remarks
    assert (state.headline, state.returning) == (Headline.DELIVERED, Returning.PARTIALLY_RETURNED)


@pytest.mark.parametrize(
    ("types", "state"),
    [
        (["return-requested"], Returning.REQUESTED),
        (["return-requested", "return-approved"], Returning.APPROVED),
        (["return-requested", "return-rejected"], Returning.REJECTED),
        (["return-requested", "return-cancelled"], Returning.CANCELLED),
        (["return-requested", "return-approved", "return-in-transit"], Returning.IN_TRANSIT),
        (["return-requested", "return-in-transit", "return-approved"], Returning.IN_TRANSIT),
        (["return-requested", "return-received"], Returning.RETURNED),
        (["return-requested", "return-received", "return-rejected"], Returning.RETURNED),
    ],
)
def test_a_return_goes_its_way(types: list[str], state: Returning) -> None:
    steps = [
        told(type_, type_, 10 + at, return_id="r", portions=portions({1: 2}) if at == 0 else ())
        for at, type_ in enumerate(types)
    ]
    folded = fold_order([placed(2), PACKED, DELIVERED, *steps])
    assert (folded.returns[0].state, folded.returning) == (state, state)


@pytest.mark.parametrize(
    ("steps", "state", "captured", "refunded"),
    [
        ([], Payment.UNPAID, 0, 0),
        ([("payment-authorized", None)], Payment.AUTHORIZED, 0, 0),
        ([("payment-authorized", None), ("payment-voided", None)], Payment.VOIDED, 0, 0),
        ([("payment-failed", None), ("payment-authorized", None)], Payment.AUTHORIZED, 0, 0),
        ([("payment-failed", None)], Payment.FAILED, 0, 0),
        ([("payment-captured", "5.00")], Payment.PARTIALLY_PAID, 500, 0),
        ([("payment-captured", "5.00"), ("payment-captured", None)], Payment.PAID, 2_000, 0),
        ([("payment-captured", None), ("payment-authorized", None)], Payment.PAID, 2_000, 0),
        ([("payment-captured", None), ("payment-refunded", "5.00")], Payment.PARTIALLY_REFUNDED, 2_000, 500),
        ([("payment-refunded", None), ("payment-captured", None)], Payment.REFUNDED, 2_000, 2_000),
    ],
)
def test_payments_add_up(steps: list[tuple[str, str | None]], state: Payment, captured: int, refunded: int) -> None:
    events = [
        told(f"{at}", type_, at, details={"amount": {"amount": amount, "currency": "CNY"}} if amount else {})
        for at, (type_, amount) in enumerate(steps, 1)
    ]
    payment = fold_order([placed(2), *events]).payment
    assert (payment.state, payment.captured_minor, payment.refunded_minor) == (state, captured, refunded)


def test_too_much_money_is_kept_with_its_amount() -> None:
    many = told("many", "payment-captured", 1, details={"amount": {"amount": "25.00", "currency": "CNY"}})
    more = told("more", "payment-refunded", 2, details={"amount": {"amount": "30.00", "currency": "CNY"}})
    state = fold_order([placed(2), many, more])
    assert state.remarks == (
        Remark(Doubt.OVER_PAID, many.id, quantity=500),
        Remark(Doubt.OVER_REFUNDED, more.id, quantity=500),
    )
    assert state.payment.refunded_minor == 2_500


def test_another_currency_is_not_counted() -> None:
    dollars = told("usd", "payment-captured", 1, details={"amount": {"amount": "20.00", "currency": "USD"}})
    state = fold_order([placed(2), dollars])
    assert doubts(state) == [Doubt.CURRENCY_DIFFERS]
    assert state.payment.captured_minor == 0


def test_handing_over_before_payment_is_allowed_and_remarked() -> None:
    early = told("pick", "shipment-picked-up", 3, parcel=parcel(1))
    late = told("paid", "payment-captured", 5)
    state = fold_order([placed(2), PACKED, early, late, DELIVERED])
    assert state.headline is Headline.DELIVERED
    assert state.remarks == (Remark(Doubt.HANDED_OVER_BEFORE_PAYMENT, early.id),)


def test_what_is_unknown_yet_is_remarked_until_it_arrives() -> None:
    state = fold_order([PICKED_UP])
    assert state.headline is Headline.EXPECTED
    assert set(doubts(state)) == {Doubt.ORDER_UNKNOWN, Doubt.SHIPMENT_UNKNOWN}
    assert state.parcels[0].state is Parcel.PICKED_UP
    back = told("back", "return-received", 11, return_id="r", portions=portions({7: 1}))
    state = fold_order([placed(2), back])
    assert set(doubts(state)) == {Doubt.RETURN_UNKNOWN, Doubt.LINE_UNKNOWN}
    assert not fold_order([placed(2), PACKED, PICKED_UP]).remarks


def test_a_carriers_unknown_word_is_kept_and_moves_nothing() -> None:
    word = told("w", "shipment-scanned", 5, parcel=parcel(1), details={"carrier_word": "飞走了"})
    state = fold_order([placed(2), PACKED, PICKED_UP, word])
    assert (state.parcels[0].state, state.parcels[0].carrier_word) == (Parcel.PICKED_UP, "飞走了")
    assert doubts(state) == [Doubt.CARRIER_WORD_UNKNOWN]


def test_a_type_of_a_later_version_is_kept_and_moves_nothing() -> None:
    state = fold_order([placed(2), told("x", "of-a-later-version", 5)])
    assert state.headline is Headline.PLACED
    assert doubts(state) == [Doubt.TYPE_UNKNOWN]


def test_a_scan_without_day_is_of_the_parcel_that_was_on_its_way() -> None:
    day_us = 24 * 60
    first, second = parcel(1, day="2026-11-23"), parcel(1, day="2027-03-01")
    packed = [
        told("p1", "shipment-created", 0, parcel=first, portions=portions({1: 1})),
        told("p2", "shipment-created", 98 * day_us, parcel=second, portions=portions({1: 1})),
    ]
    scan = ParcelRef("sf-express", "SF1")
    one = told("d1", "shipment-delivered", 2 * day_us, parcel=scan)
    two = told("d2", "shipment-picked-up", 99 * day_us, parcel=scan)
    states = {each.ref.ship_date: each.state for each in fold_order([placed(2), *packed, one, two]).parcels}
    assert states == {"2026-11-23": Parcel.DELIVERED, "2027-03-01": Parcel.PICKED_UP}


def test_what_happened_before_the_order_is_remarked() -> None:
    early = told("pick", "shipment-picked-up", 3, parcel=parcel(1))
    assert Remark(Doubt.BEFORE_ORDER, early.id) in fold_order([placed(2, at=10), early]).remarks
    assert Doubt.BEFORE_ORDER not in doubts(fold_order([placed(2, at=8), early]))  # clocks differ


def test_of_two_placings_the_last_holds_and_the_other_is_remarked() -> None:
    first, second = placed(2, name="a", at=0), placed(5, name="b", at=1)
    state = fold_order([first, second])
    assert pieces(state)[0] == 5
    assert state.remarks == (Remark(Doubt.ORDER_PLACED_TWICE, first.id),)


def test_a_second_packing_or_request_of_the_same_changes_nothing() -> None:
    twice = told("pack2", "shipment-created", 4, parcel=parcel(1), portions=portions({1: 1}))
    asked = [told(f"ask{n}", "return-requested", 10 + n, return_id="r", portions=portions({1: n})) for n in (1, 2)]
    state = fold_order([placed(2), PACKED, twice, DELIVERED, *asked])
    assert pieces(state)[1] == 2
    assert doubts(state) == [Doubt.SHIPMENT_CREATED_TWICE, Doubt.RETURN_REQUESTED_TWICE]
    assert state.returns[0].requested == {1: 1}


def test_a_correction_takes_back_what_it_names() -> None:
    wrong = told("wrong", "shipment-delivered", 9, parcel=parcel(1))
    mend = told("mend", "correction", 12, corrects=(wrong.id,))
    state = fold_order([placed(2), PACKED, PICKED_UP, wrong, mend])
    assert state.headline is Headline.SHIPPED
    assert state.void == {wrong.id}
    assert wrong in state.history


def test_any_fact_may_stand_in_for_the_one_it_corrects() -> None:
    first = placed(2, name="a")
    second = placed(3, name="b", at=0)
    mended = OrderEvent(
        second.id, second.source, second.source_event_id, second.type, second.occurred_us, second.zone,
        corrects=(first.id,), details=second.details,
    )  # fmt: skip
    state = fold_order([first, mended])
    assert pieces(state)[0] == 3
    assert not state.remarks


def test_a_correction_may_come_first() -> None:
    wrong = told("wrong", "shipment-delivered", 9, parcel=parcel(1))
    mend = told("mend", "correction", 12, corrects=(wrong.id,))
    assert doubts(fold_order([placed(2), mend])) == [Doubt.CORRECTED_EVENT_UNKNOWN]


def test_two_that_correct_each_other_are_both_void_whichever_came_first() -> None:
    one, two = told("one", "payment-captured", 1), told("two", "payment-captured", 1)
    one = OrderEvent(one.id, one.source, one.source_event_id, one.type, one.occurred_us, one.zone, corrects=(two.id,))
    two = OrderEvent(two.id, two.source, two.source_event_id, two.type, two.occurred_us, two.zone, corrects=(one.id,))
    assert fold_order([placed(2), one, two]) == fold_order([two, one, placed(2)])
    assert fold_order([placed(2), one, two]).payment.state is Payment.UNPAID


def test_stages_are_kept_as_stays() -> None:
    def stage(name: str, type_: str, at: int, stage: str) -> OrderEvent:
        return told(name, type_, at, portions=(Portion(1),), details={"stage": stage})

    events = [
        stage("1", "stage-entered", 1, "baking"),
        stage("2", "stage-completed", 4, "baking"),
        stage("3", "stage-entered", 5, "icing"),
        stage("4", "stage-completed", 9, "boxing"),
    ]
    state = fold_order([placed(2), *events])
    minute = 60_000_000
    stays = [
        (visit.stage, visit.entered_us // minute, visit.left_us and visit.left_us // minute) for visit in state.visits
    ]
    assert stays == [("baking", 1, 4), ("icing", 5, None), ("boxing", 9, 9)]
    assert (state.production, state.lines[0].production) == (Production.IN_PROGRESS, Production.IN_PROGRESS)


def test_completed_production_stays_completed() -> None:
    done = told("done", "production-completed", 5)
    again = told("again", "stage-entered", 9, portions=(Portion(1),), details={"stage": "icing"})
    begun = told("begun", "stage-entered", 2, portions=(Portion(1),), details={"stage": "baking"})
    assert fold_order([placed(2), begun, done, again]).production is Production.COMPLETED


def test_the_last_promise_is_in_force_and_all_are_kept() -> None:
    promises = [told(f"p{at}", "promise-made", at, details={"cause": f"c{at}"}) for at in (1, 3)]
    notice = told("n", "delay-notified", 4)
    state = fold_order([placed(2), *promises, notice])
    assert [each.details["cause"] for each in state.promises] == ["c1", "c3"]
    assert state.notices == (notice,)


def test_lines_without_numbers_of_their_own_are_numbered_by_their_places() -> None:
    products = [{"id": "a", "quantity": 1}, {"id": "b", "quantity": 2}]
    state = fold_order([told("p", "order-placed", 0, details={"products": products})])
    assert [(each.line.number, each.line.product_id) for each in state.lines] == [(1, "a"), (2, "b")]
    twins = [{"id": "a", "quantity": 1, "line": 7}, {"id": "b", "quantity": 2, "line": 7}]
    state = fold_order([told("p", "order-placed", 0, details={"products": twins})])
    assert [each.line.number for each in state.lines] == [1, 2]


def test_the_same_facts_in_any_order_and_number_give_one_answer() -> None:
    events = [placed(2), PAID, PACKED, PICKED_UP, DELIVERED]
    wanted = fold_order(events)
    for seed in range(50):
        assert fold_order(shuffled(events, Random(seed))) == wanted
