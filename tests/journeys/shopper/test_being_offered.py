"""What fits is offered: by what was clicked, carted and bought, in whatever channel, and only when allowed."""

import time
from typing import Any

import pytest

from tests.journeys.callers import (
    Caller,
    Shop,
    an_event,
    eventually,
    fresh,
    fresh_phone,
    fresh_visitor,
    hours_ago,
)

PLACEMENTS = (
    "recommended-for-you",
    "similar-items",
    "frequently-bought-together",
    "buy-it-again",
    "recently-viewed",
    "popular",
)
MORE_THAN_ALL_BUYERS = 400
BOARD_INTERVAL_S = 6.0  # what is popular is counted anew every five


@pytest.fixture
def cheeses(shop: Shop) -> list[str]:
    """Return products that people buy."""
    return shop.backend("load").found("cheese", page_size=12, order_by="popularity", filter="in_stock:true")


def test_every_placement_is_full_of_sellable_products_with_reasons_in_both_languages(
    shop: Shop, cheeses: list[str]
) -> None:
    browser = shop.browser()
    for placement in PLACEMENTS:
        for language in ("zh", "en"):
            answer = browser.recommendation(placement, product_id=cheeses[0], language=language)
            assert answer["slots"], placement
            assert answer["attribution_token"]
            ids = [slot["product"]["id"] for slot in answer["slots"]]
            assert len(ids) == len(set(ids)), placement
            assert cheeses[0] not in ids, "the product that it is about is no recommendation"
            for slot in answer["slots"]:
                assert slot["product"]["availability"] == "in-stock"
                assert slot["source"]
                assert slot["reason_code"]
                assert any("\u4e00" <= char <= "\u9fff" for char in slot["reason"]) == (language == "zh"), slot


def test_a_click_changes_the_next_answer_within_seconds(shop: Shop, cheeses: list[str]) -> None:
    browser = shop.browser()
    before = browser.recommendation("recommended-for-you")
    assert before["fallback_reason"] == "NO_HISTORY"
    assert before["source"] == "popular"
    browser.tell(an_event("detail-page-view", cheeses[0]))
    changed = lambda: browser.slots("recommended-for-you") != _ids(before)  # noqa: E731
    eventually(changed, "a click changed nothing")
    assert browser.slots("recently-viewed")[0] == cheeses[0]
    browser.tell(an_event("detail-page-view", cheeses[1]))
    latest = lambda: browser.slots("recently-viewed")[:2] == [cheeses[1], cheeses[0]]  # noqa: E731
    eventually(latest, "the last product looked at does not stand first")


def test_a_purchase_empties_the_cart_and_is_not_offered_again_as_new(shop: Shop, cheeses: list[str]) -> None:
    browser, bought = shop.browser(), cheeses[0]
    browser.tell(an_event("detail-page-view", *cheeses[:3]), an_event("add-to-cart", bought))
    eventually(lambda: browser.cart() == {bought: 1}, "the cart stays empty")
    order = {"number": fresh("o-"), "kind": "sale"}
    browser.tell(an_event("purchase-complete", bought, order=order))
    eventually(lambda: browser.cart() == {}, "what was bought is still in the cart")
    eventually(lambda: bought in browser.slots("buy-it-again"), "what was bought is not offered again")
    assert bought not in browser.slots("recommended-for-you", page_size=50)


def test_a_cart_follows_the_events_whatever_order_they_come_in(shop: Shop, cheeses: list[str]) -> None:
    browser = shop.browser()
    first, second = cheeses[:2]
    browser.tell(an_event("remove-from-cart", first, time=hours_ago(1)))
    browser.tell(
        an_event("add-to-cart", time=hours_ago(2), products=[{"id": first, "quantity": 3}]),
        an_event("add-to-cart", time=hours_ago(0.5), products=[{"id": second, "quantity": 2}]),
    )
    eventually(lambda: second in browser.cart(), "the cart stays empty")
    assert browser.cart()[second] == 2
    assert browser.cart().get(first, 0) in {0, 2}, "one taken out of three, or the line taken out"
    total = browser.get("/v1/cart", language="zh")["total"]
    assert float(total["amount"]) > 0


def test_repeated_events_count_once(shop: Shop, cheeses: list[str]) -> None:
    browser = shop.browser()
    event = an_event("add-to-cart", products=[{"id": cheeses[0], "quantity": 2}])
    browser.tell(event)
    for _ in range(3):
        assert browser.verdicts(event, event)["duplicate"] == 2
    eventually(lambda: browser.cart() == {cheeses[0]: 2}, "a repeated event was counted again")
    changed = browser.verdicts(event | {"products": [{"id": cheeses[1], "quantity": 9}]})
    assert changed["verdicts"][0]["error"]["reason"] == "EVENT_ID_REUSED"
    assert browser.cart() == {cheeses[0]: 2}


def test_sold_out_and_withdrawn_products_are_never_offered(shop: Shop) -> None:
    backend, browser = shop.backend(), shop.browser()
    anchor = backend.found("milk", page_size=1, filter="in_stock:true")[0]
    gone, parted = browser.slots("similar-items", product_id=anchor)[:2]
    backend.patch(gone, available_quantity=0)
    backend.patch(parted, withdrawn=True)
    try:

        def neither() -> bool:
            shown = {
                each for placement in PLACEMENTS for each in browser.slots(placement, product_id=anchor, page_size=50)
            }
            return not {gone, parted} & shown

        eventually(neither, "sold-out goods are still offered")
    finally:
        backend.patch(gone, available_quantity=50)
        backend.patch(parted, withdrawn=False)
    back = lambda: gone in browser.slots("similar-items", product_id=anchor)  # noqa: E731
    eventually(back, "what is sold again is not offered again")


def test_a_new_price_shows_in_a_placement_within_seconds(shop: Shop) -> None:
    backend, browser = shop.backend(), shop.browser()
    anchor = backend.found("yogurt", page_size=1, filter="in_stock:true")[0]
    product = browser.slots("similar-items", product_id=anchor)[0]
    old = backend.get(f"/v1/products/{product}")["price"]
    new = {"amount": "123.45", "currency": old["currency"]}
    backend.patch(product, price=new)
    try:

        def shown() -> Any:
            slots = browser.recommendation("similar-items", product_id=anchor)["slots"]
            return next(slot["product"]["price"] for slot in slots if slot["product"]["id"] == product)

        eventually(lambda: shown() == new, "the old price is still shown")
    finally:
        backend.patch(product, price=old)


def test_nothing_personal_is_answered_once_consent_is_withdrawn(shop: Shop, cheeses: list[str]) -> None:
    login, visitor = fresh("login:j"), fresh_visitor()
    app = shop.app(login, f"visitor:{visitor}")
    app.tell(an_event("login"), an_event("detail-page-view", cheeses[0]))

    def personal() -> bool:
        reason = app.recommendation("recommended-for-you")["fallback_reason"]
        return reason not in {"NO_HISTORY", "NO_CONSENT"}

    eventually(personal, "a click changed nothing")
    shop.backend().consent(login, granted=False)

    def none_personal() -> bool:
        askers = [app, shop.browser(visitor)]
        answers = [
            asker.recommendation(placement)
            for asker in askers
            for placement in ("recommended-for-you", "recently-viewed", "buy-it-again")
        ]
        return all(answer["source"] == "popular" for answer in answers)

    eventually(none_personal, "an answer is still personal")
    assert app.recommendation("recommended-for-you")["fallback_reason"] == "NO_CONSENT"
    assert app.slots("similar-items", product_id=cheeses[0]), "what is about a product needs no consent"
    shop.backend().consent(login, granted=True)
    eventually(personal, "consent given again is not followed")


def test_one_persons_no_binds_all_that_the_person_is_known_by(shop: Shop, cheeses: list[str]) -> None:
    card, login = fresh("card:J"), fresh("login:j")
    shop.backend().claim(card, login)
    shop.backend().tell(an_event("purchase-complete", cheeses[0], identifiers=[card], order={"number": fresh("o-")}))
    app = shop.app(login)
    bought = lambda: cheeses[0] in app.slots("buy-it-again")  # noqa: E731
    eventually(bought, "the purchase in the store is not known in the app")
    shop.backend().consent(card, granted=False)
    eventually(
        lambda: app.recommendation("buy-it-again")["fallback_reason"] == "NO_CONSENT",
        "a no at the till does not hold in the app",
    )


def test_who_is_known_by_card_in_the_store_is_recognised_in_the_app_and_on_the_phone(
    shop: Shop, cheeses: list[str]
) -> None:
    card, login, phone = fresh("card:J"), fresh("login:j"), fresh_phone()
    backend = shop.backend()
    for number in range(2):
        order = {"number": fresh("o-"), "kind": "sale"}
        event = an_event("purchase-complete", cheeses[number], identifiers=[card], channel="store", order=order)
        backend.tell(event | {"time": hours_ago(24 * (number + 1))})
    app = shop.app(login)
    assert app.recommendation("buy-it-again")["fallback_reason"] == "NO_HISTORY"
    backend.claim(card, phone)
    backend.claim(login, phone)
    bought = lambda: {*cheeses[:2]} <= {*app.slots("buy-it-again")}  # noqa: E731
    eventually(bought, "what was bought in the store is not known in the app")
    by_phone = backend.slots("buy-it-again", identifier=phone)
    assert {*cheeses[:2]} <= {*by_phone}
    assert shop.desk.customer(phone)["purchases"]["orders"] == 2


def test_a_browser_that_signs_in_keeps_its_cart_and_joins_the_person(shop: Shop, cheeses: list[str]) -> None:
    visitor, login = fresh_visitor(), fresh("login:j")
    browser = shop.browser(visitor)
    browser.tell(an_event("add-to-cart", cheeses[0]))
    app = shop.app(login, f"visitor:{visitor}")
    app.tell(an_event("login"))
    elsewhere = shop.app(login)
    eventually(lambda: elsewhere.cart() == {cheeses[0]: 1}, "the cart does not follow the person")
    record = shop.desk.customer(login)
    assert {each["identifier"] for each in record["identifiers"]} == {login, f"visitor:{visitor}"}


def test_a_till_order_replaces_the_browsers_word_whichever_comes_first(shop: Shop, cheeses: list[str]) -> None:
    for browser_first in (True, False):
        visitor, login = fresh_visitor(), fresh("login:j")
        app, backend = shop.app(login, f"visitor:{visitor}"), shop.backend()
        app.tell(an_event("login"))
        number = fresh("o-")
        told = an_event(
            "purchase-complete",
            order={"number": number},
            products=[{"id": cheeses[0], "quantity": 1, "price": {"amount": "1.00", "currency": "USD"}}],
        )
        booked = an_event(
            "purchase-complete",
            identifiers=[login],
            order={"number": number},
            products=[{"id": cheeses[0], "quantity": 2, "price": {"amount": "5.00", "currency": "USD"}}],
        )
        for teller, event in ((app, told), (backend, booked)) if browser_first else ((backend, booked), (app, told)):
            teller.tell(event)

        def spent(login: str = login) -> Any:
            record = shop.desk.customer(login)
            return record["purchases"]["orders"], (record["purchases"]["spend"] or {}).get("amount")

        eventually(lambda: spent() == (1, "10.00"), f"browser first: {browser_first}: the books do not hold")


def test_nobody_can_put_another_shoppers_order_to_their_own_name(shop: Shop, cheeses: list[str]) -> None:
    card, number, backend, desk = fresh("card:J"), fresh("o-"), shop.backend(), shop.desk
    line = {"id": cheeses[0], "quantity": 1, "price": {"amount": "5.00", "currency": "USD"}}
    backend.tell(an_event("purchase-complete", identifiers=[card], order={"number": number}, products=[line]))
    thief = fresh_visitor()
    for kind in ("sale", "return"):
        order = {"number": number, "kind": kind}
        shop.browser(thief).verdicts(an_event("purchase-complete", order=order, products=[line | {"quantity": 9}]))
    shop.browser(thief).tell(an_event("home-page-view"))
    eventually(lambda: desk.customer(f"visitor:{thief}")["last_seen_time"], "the thief was not seen")
    eventually(lambda: desk.customer(card)["purchases"]["orders"] == 1, "the order is not the card's")
    assert desk.customer(card)["purchases"]["spend"]["amount"] == "5.00"
    assert desk.customer(card)["purchases"]["returned_units"] == 0
    assert desk.customer(f"visitor:{thief}")["purchases"]["orders"] == 0


def test_what_a_load_test_does_teaches_nothing(shop: Shop, cheeses: list[str]) -> None:
    load, browser, product = shop.backend("load"), shop.browser(), _board(shop)[-1]
    load.tell(
        *(
            an_event("purchase-complete", product, visitor_id=fresh_visitor(), order={"number": fresh("o-")})
            for _ in range(MORE_THAN_ALL_BUYERS)
        )
    )
    word = fresh("zzload")
    for _ in range(5):
        load.search(word)
    browser.tell(an_event("add-to-cart", cheeses[0]))
    eventually(lambda: browser.cart() == {cheeses[0]: 1}, "what came after it is not read")
    end = time.monotonic() + BOARD_INTERVAL_S
    while time.monotonic() < end:  # what others bought meanwhile may move the board, but so much nothing else does
        assert _board(shop)[0] != product
        time.sleep(0.5)
    assert word not in str(shop.desk.get("/v1/insights/queries", view="empty"))


def _board(shop: Shop) -> list[str]:
    return shop.browser().slots("popular", page_size=50)


def _ids(answer: Any) -> list[str]:
    return [slot["product"]["id"] for slot in answer["slots"]]


def test_an_unknown_placement_and_an_unknown_product_are_told_apart(shop: Shop) -> None:
    browser: Caller = shop.browser()
    assert browser.refused("GET", "/v1/recommendations/no-such-place")["reason"] == "UNKNOWN_PLACEMENT"
    assert browser.refused("GET", "/v1/products/no-such-product")["reason"] == "PRODUCT_NOT_FOUND"
    assert browser.slots("similar-items", product_id="no-such-product"), "a placement is never empty for that"
    assert browser.refused("GET", "/v1/recommendations/similar-items")["status"] == 400
