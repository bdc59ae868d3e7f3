"""What a browser holds opens nobody else's door: publishable keys and shopper tokens reach their own shopper only."""

import base64
import json
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
    problem_of,
)
from tests.journeys.platform import Platform

PLACEMENTS = ("recommended-for-you", "buy-it-again", "recently-viewed", "frequently-bought-together")
STAFF_ROUTES = (
    ("GET", "/v1/customers/{victim}"),
    ("GET", "/v1/insights/queries"),
    ("POST", "/v1/customers:merge"),
    ("POST", "/v1/customers:claims"),
    ("POST", "/v1/customers/{victim}:unmerge"),
    ("PUT", "/v1/customers/{victim}/consents/personalization"),
    ("POST", "/v1/products:import"),
    ("POST", "/v1/customers:import"),
    ("POST", "/v1/orders:import"),
    ("POST", "/v1/events:import"),
    ("PATCH", "/v1/products/p1"),
    ("POST", "/v1/shopper-tokens"),
    ("GET", "/v1/keys"),
    ("POST", "/v1/keys"),
    ("DELETE", "/v1/keys/x.1"),
    ("GET", "/v1/system"),
    ("GET", "/v1/models"),
    ("POST", "/v1/models:train"),
    ("POST", "/v1/models/m:promote"),
    ("GET", "/v1/operations/search.x"),
    ("GET", "/v1/operations/search.x/errors"),
    ("POST", "/v1/system/search/projections/product-index:rebuild"),
)


class Victim:
    """A shopper with a cart, a history and a browser."""

    def __init__(self, shop: Shop) -> None:
        self.login, self.visitor, self.card = fresh("login:victim"), fresh_visitor(), fresh("card:V")
        self.products = shop.backend("load").found("cheese", page_size=3, filter="in_stock:true")
        app = shop.app(self.login, f"visitor:{self.visitor}")
        app.tell(an_event("login"), an_event("add-to-cart", self.products[0]))
        shop.backend().claim(self.card, self.login)
        eventually(lambda: app.cart() == {self.products[0]: 1}, "the victim's cart stays empty")

    @property
    def names(self) -> tuple[str, ...]:
        return self.login, f"visitor:{self.visitor}", self.card


@pytest.fixture(scope="module")
def victim(shop: Shop) -> Victim:
    return Victim(shop)


@pytest.fixture(params=["publishable key", "shopper token"])
def stranger(request: pytest.FixtureRequest, shop: Shop) -> Caller:
    if request.param == "publishable key":
        return shop.browser()
    return shop.app(fresh("login:stranger"), f"visitor:{fresh_visitor()}")


def test_a_stranger_cannot_read_another_shoppers_cart_or_recommendations(stranger: Caller, victim: Victim) -> None:
    for name in victim.names:
        for path in ("/v1/cart", "/v1/search", *(f"/v1/recommendations/{each}" for each in PLACEMENTS)):
            problem = stranger.refused("GET", path, params={"identifier": name})
            assert (problem["status"], problem["reason"]) == (403, "IDENTIFIER_NOT_ALLOWED")
            assert name.partition(":")[2] not in json.dumps(problem), "a refusal repeats no personal data"


def test_a_stranger_cannot_write_into_another_shoppers_history(stranger: Caller, victim: Victim, shop: Shop) -> None:
    for names in (
        {"identifiers": [victim.login]},
        {"visitor_id": victim.visitor},
        {"identifiers": [victim.card, victim.login]},
        {"identifiers": [f"visitor:{victim.visitor}"]},
    ):
        answer = stranger.verdicts(an_event("add-to-cart", victim.products[1], **names))
        assert answer["verdicts"][0]["error"]["reason"] == "IDENTIFIER_NOT_ALLOWED", names
    assert shop.app(victim.login).cart() == {victim.products[0]: 1}


def test_a_strangers_words_about_whose_it_is_are_not_believed(shop: Shop, victim: Victim) -> None:
    token = shop.app(fresh("login:stranger")).credentials
    beside = Caller(shop.client, {**token, "X-Visitor-Id": victim.visitor})
    assert beside.cart() == {}, "a token says itself whom it speaks for"
    both = Caller(shop.client, {"X-Api-Key": shop.keys["publishable"], **token, "X-Visitor-Id": victim.visitor})
    assert both.cart() == {}, "with a token beside it the key's visitor counts for nothing"


def test_a_browsers_keys_open_nothing_of_the_staffs(stranger: Caller, victim: Victim) -> None:
    for method, path in STAFF_ROUTES:
        problem = stranger.refused(method, path.format(victim=victim.login))
        assert (problem["status"], problem["reason"]) == (403, "SCOPE_MISSING"), (method, path)


def test_visitor_ids_that_are_none_are_refused(shop: Shop) -> None:
    bad: tuple[Any, ...] = ("", "v-short", "x" * 30, "v-" + "a" * 65, "v-" + "a" * 21 + "*", "visitor:v-" + "a" * 22)
    for visitor in bad:
        caller = Caller(shop.client, {"X-Api-Key": shop.keys["publishable"], "X-Visitor-Id": visitor})
        problem = caller.refused("GET", "/v1/cart")
        assert problem["status"] == 400
        assert problem["reason"] in {"VISITOR_ID_MISSING", "VISITOR_ID_MALFORMED"}


def test_a_forged_or_altered_token_is_worth_nothing(shop: Shop, victim: Victim) -> None:
    token = shop.app(fresh("login:stranger")).credentials["Authorization"].removeprefix("Bearer ")
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    altered = json.dumps(claims).replace("login:stranger", victim.login[: len("login:stranger")])
    unsigned = _segment({"alg": "none", "typ": "JWT"})
    forged = (
        f"{head}.{_segment(json.loads(altered) | {'exp': claims.get('exp', 0) + 10_000})}.{signature}",
        f"{unsigned}.{body}.",
        f"{unsigned}.{body}.{signature}",
        f"{head}.{body}.{signature[:-4]}AAAA",
        f"{head}.{body}",
        token + "x",
    )
    for text in forged:
        problem = Caller(shop.client, {"Authorization": f"Bearer {text}"}).refused("GET", "/v1/cart")
        assert (problem["status"], problem["reason"]) == (401, "TOKEN_INVALID"), text


def test_a_token_cannot_outlive_the_hour(shop: Shop) -> None:
    backend = shop.backend()
    for life_s in (0, -1, 59, 3_601, 10**12):
        answer = backend.send("POST", "/v1/shopper-tokens", json={"identifiers": ["login:u"], "life_s": life_s})
        assert problem_of(answer)["errors"][0]["field"] == "life_s"
    assert backend.send("POST", "/v1/shopper-tokens", json={"identifiers": []}).status_code == 400
    assert backend.send("POST", "/v1/shopper-tokens", json={"identifiers": ["nobody"]}).status_code == 400


def test_an_order_number_guessed_before_the_till_books_it_is_still_the_buyers(shop: Shop, victim: Victim) -> None:
    thief, card, number, desk = fresh_visitor(), fresh("card:J"), fresh("o-"), shop.desk
    price = {"amount": "5.00", "currency": "USD"}
    for kind, quantity in (("sale", 9), ("return", 9)):
        line = [{"id": victim.products[0], "quantity": quantity, "price": price}]
        event = an_event("purchase-complete", order={"number": number, "kind": kind}, products=line)
        shop.browser(thief).verdicts(event)
    line = [{"id": victim.products[0], "quantity": 1, "price": price}]
    shop.backend().tell(an_event("purchase-complete", identifiers=[card], order={"number": number}, products=line))
    eventually(lambda: desk.customer(card)["purchases"]["orders"] == 1, "the order is not the card's")
    assert desk.customer(card)["purchases"]["spend"]["amount"] == "5.00"
    assert desk.customer(card)["purchases"]["returned_units"] == 0
    eventually(
        lambda: desk.customer(f"visitor:{thief}")["purchases"]["orders"] == 0, "the books do not replace the guess"
    )


def test_no_log_line_holds_anything_of_anybody(shop: Shop, demo_shop: Platform, victim: Victim) -> None:
    phone, mail, name = fresh_phone(), f"{fresh('lisi')}@example.com", fresh("李四")
    shop.backend().claim(victim.login, phone, f"email:{mail}", claims=[{"field": "name", "value": name}])
    shop.browser(victim.visitor).search(f"{name} {mail}")
    for path in (f"/v1/customers/{victim.login}", f"/v1/customers/email:{mail}", f"/v1/customers/{phone}"):
        shop.desk.send("GET", path)
    shop.desk.send("GET", f"/v1/customers/email:no-{mail}")
    shop.browser(victim.visitor).refused("GET", "/v1/cart", params={"identifier": phone})
    mine = [phone.partition(":")[2], mail, name, victim.visitor, victim.login.partition(":")[2], victim.card[5:]]
    secret = [key.split("_", 2)[2] for key in shop.keys.values()]  # which may hold a "_" itself
    for path in sorted((demo_shop.data / "logs").glob("*.log*")):
        text = path.read_text(encoding="utf-8", errors="replace").lower()
        for each in (*mine, *secret):
            assert each.lower() not in text, f"{path.name} holds {each}"


def test_the_backend_writes_about_customers_but_does_not_read_them(shop: Shop, victim: Victim) -> None:
    backend = shop.backend()
    assert backend.refused("GET", f"/v1/customers/{victim.login}")["reason"] == "SCOPE_MISSING"
    receipt = backend.claim(victim.login, claims=[{"field": "name", "value": "王小明"}])
    assert set(receipt) == {"id", "account_id", "consents", "refused_identifiers"}
    assert "王小明" not in json.dumps(receipt, ensure_ascii=False)


def test_what_one_shopper_searched_for_is_suggested_to_nobody(shop: Shop) -> None:
    """Suggestions come from what many ask for: a name or an address that one person typed is not for others."""
    name = fresh("zhangsan")
    browser = shop.browser()
    for _ in range(20):
        browser.search(f"{name}@example.com")
        browser.search(f"cheese for {name}")
    seen = lambda: any(name in str(each) for each in _insights(shop))  # noqa: E731
    eventually(seen, "the searches are not mined", limit_s=20)
    asked, others = fresh("zzmany"), [shop.browser() for _ in range(3)]
    for each in others:
        each.search(f"cheese for {asked}")
    suggested = lambda typed: json.dumps(  # noqa: E731
        shop.browser().get("/v1/suggest", q=typed, language="en")["suggestions"]
    )
    eventually(lambda: asked in suggested(asked), "what several searched for is not suggested", limit_s=120)
    for typed in (name, f"cheese for {name[:9]}", "cheese for"):
        assert name not in suggested(typed)


def _insights(shop: Shop) -> list[Any]:
    views = ("top", "empty", "rising", "weak")
    return [each for view in views for each in shop.desk.get("/v1/insights/queries", view=view)["queries"]]


def test_the_desk_cannot_act_for_a_shopper(shop: Shop, victim: Victim) -> None:
    for path in ("/v1/cart", "/v1/recommendations/recommended-for-you"):
        assert shop.desk.refused("GET", path, params={"identifier": victim.login})["reason"] == "SCOPE_MISSING"
    event = an_event("add-to-cart", victim.products[0], identifiers=[victim.login])
    assert shop.desk.refused("POST", "/v1/events", json={"events": [event]})["reason"] == "SCOPE_MISSING"


def _segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
