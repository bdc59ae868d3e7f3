"""What a browser holds opens nobody else's door: publishable keys and shopper tokens reach their own shopper only."""

import base64
import json
from typing import Any

import pytest

from tests.journeys.callers import Caller, Shop, an_event, eventually, fresh, fresh_visitor, problem_of

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


def test_the_backend_writes_about_customers_but_does_not_read_them(shop: Shop, victim: Victim) -> None:
    backend = shop.backend()
    assert backend.refused("GET", f"/v1/customers/{victim.login}")["reason"] == "SCOPE_MISSING"
    receipt = backend.claim(victim.login, claims=[{"field": "name", "value": "王小明"}])
    assert set(receipt) == {"id", "account_id", "consents", "refused_identifiers"}
    assert "王小明" not in json.dumps(receipt, ensure_ascii=False)


def test_the_desk_cannot_act_for_a_shopper(shop: Shop, victim: Victim) -> None:
    for path in ("/v1/cart", "/v1/recommendations/recommended-for-you"):
        assert shop.desk.refused("GET", path, params={"identifier": victim.login})["reason"] == "SCOPE_MISSING"
    event = an_event("add-to-cart", victim.products[0], identifiers=[victim.login])
    assert shop.desk.refused("POST", "/v1/events", json={"events": [event]})["reason"] == "SCOPE_MISSING"


def _segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
