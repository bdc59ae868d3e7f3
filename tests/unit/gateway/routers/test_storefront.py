"""What a shopper's page reads."""

from datetime import timedelta
from urllib.parse import quote

import jwt
import pytest

from gateway.principals import Role
from tests.fakes.gateway_shop import OTHER_VISITOR, SHOPPER_IDENTIFIERS, VISITOR, Shop, problem_of

HOSTILE_TEXTS = (
    "牛奶",
    "ＭＩＬＫ　１２３",
    "🧀🥛👩‍👩‍👧",
    "e\u0301clair",
    "a\x00b\x07c\x1bd",
    "' OR 1=1 --",
    '"cheese" AND (title:* OR brand:[* TO *])~2^9',
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "%s%n{0}${jndi:ldap://x}",
    "\u202eabc\u200b",
    " ",
)


async def test_a_search_passes_the_services_json_through(shop: Shop) -> None:
    response = await shop.get(
        "/v1/search", params={"q": "牛奶", "filter": ["brand:x", "tag:y"], "facets": "brand,price"}
    )
    assert response.status_code == 200
    assert response.json()["attribution_token"] == "t-1"
    asked = shop.services.last("Search")
    assert (asked.query, list(asked.filters), list(asked.facets)) == ("牛奶", ["brand:x", "tag:y"], ["brand", "price"])
    assert list(asked.shopper.identifiers) == [f"visitor:{VISITOR}"]
    assert (asked.shopper.shop, asked.page_size, asked.synthetic) == ("main", 24, False)


async def test_a_token_searches_as_its_identifiers_whatever_visitor_id_comes_with_it(shop: Shop) -> None:
    await shop.get("/v1/search", Role.SHOPPER, headers={"X-Visitor-Id": OTHER_VISITOR})
    assert tuple(shop.services.last("Search").shopper.identifiers) == SHOPPER_IDENTIFIERS


@pytest.mark.parametrize(("role", "synthetic"), [(Role.LOAD, True), (Role.STAFF, True), (Role.SHOP, False)])
async def test_what_load_tests_and_staff_search_is_no_demand(shop: Shop, role: Role, synthetic: bool) -> None:
    await shop.get("/v1/search", role)
    assert shop.services.last("Search").synthetic is synthetic


async def test_staff_search_for_nobody(shop: Shop) -> None:
    await shop.get("/v1/search", Role.STAFF, headers={"X-Visitor-Id": VISITOR})
    assert not shop.services.last("Search").shopper.identifiers


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
async def test_any_text_reaches_the_search_service_as_it_was_typed(shop: Shop, text: str) -> None:
    response = await shop.get("/v1/search", params={"q": text, "filter": text, "order_by": text[:20]})
    assert response.status_code == 200
    asked = shop.services.last("Search")
    assert (asked.query, list(asked.filters), asked.order_by) == (text, [text], text[:20])


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
async def test_any_text_is_a_beginning_to_complete(shop: Shop, text: str) -> None:
    assert (await shop.get("/v1/suggest", params={"q": text})).status_code == 200
    assert shop.services.last("CompleteQuery").query == text


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        ("/v1/search", "q", "牛" * 257),
        ("/v1/search", "page_size", "0"),
        ("/v1/search", "page_size", "101"),
        ("/v1/search", "page_size", "１２"),
        ("/v1/search", "page_size", "1e1"),
        ("/v1/search", "page_size", "9" * 13),
        ("/v1/search", "filter", ["a:b"] * 21),
        ("/v1/search", "filter", "x" * 513),
        ("/v1/search", "facets", "a,b,c,d,e,f,g,h,i"),
        ("/v1/search", "language", "fr"),
        ("/v1/search", "language", ["zh", "en"]),
        ("/v1/search", "exact_spelling", "yes"),
        ("/v1/search", "page_token", "x" * 1_025),
        ("/v1/search", "identifier", ["login:a"] * 9),
        ("/v1/suggest", "q", "牛" * 65),
        ("/v1/suggest", "max_suggestions", "21"),
        ("/v1/recommendations/popular", "page_size", "51"),
        ("/v1/recommendations/popular", "product_id", ["p"] * 51),
        ("/v1/recommendations/popular", "product_id", "p" * 129),
        ("/v1/recommendations/popular", "exclude_product_id", ["p"] * 101),
    ],
)
async def test_a_parameter_past_its_bound_is_named(shop: Shop, path: str, field: str, value: str | list[str]) -> None:
    problem = problem_of(await shop.get(path, params={field: value}), 400, "INVALID_ARGUMENT")
    assert problem["errors"][0]["field"] == field


async def test_parameters_at_their_bounds_are_taken(shop: Shop) -> None:
    largest = {"q": "牛" * 256, "page_size": "100", "filter": ["x" * 512] * 20, "facets": "a,b,c,d,e,f,g,h"}
    assert (await shop.get("/v1/search", params=largest)).status_code == 200


async def test_an_unknown_parameter_is_refused_with_the_known_ones(shop: Shop) -> None:
    problem = problem_of(await shop.get("/v1/search", params={"query": "x"}), 400, "PARAMETER_UNKNOWN")
    assert "page_size" in problem["detail"]


async def test_a_query_string_that_is_no_utf8_is_refused(shop: Shop) -> None:
    problem_of(await shop.get("/v1/search?q=%ff%fe"), 400, "INVALID_ARGUMENT")


async def test_a_query_string_with_too_many_parameters_is_refused(shop: Shop) -> None:
    problem_of(await shop.get("/v1/search?" + "&".join(["filter=a"] * 257)), 400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [
        ("", "", "zh"),
        ("en", "zh-CN", "en"),
        ("", "en-GB,en;q=0.9,zh;q=0.5", "en"),
        ("", "fr,zh-TW;q=0.5", "zh"),
        ("", "*;q=0.1", "zh"),
    ],
)
async def test_the_language_is_the_one_asked_for_else_that_of_the_browser(
    shop: Shop, asked: str, accepted: str, language: str
) -> None:
    parameters = {"language": asked} if asked else {}
    await shop.get("/v1/search", params=parameters, headers={"Accept-Language": accepted})
    assert shop.services.last("Search").language == language


async def test_a_product_has_its_version_as_etag_and_is_sent_once(shop: Shop) -> None:
    first = await shop.get("/v1/products/p-1")
    assert first.headers["etag"] == '"v3"'
    assert first.json() == {"id": "p-1", "version": 3}
    again = await shop.get("/v1/products/p-1", headers={"If-None-Match": '"v2", W/"v3"'})
    assert (again.status_code, again.content) == (304, b"")
    shop.services.version = 4
    assert (await shop.get("/v1/products/p-1", headers={"If-None-Match": '"v3"'})).status_code == 200


@pytest.mark.parametrize("product_id", ["奶酪-1", "a b", "x/y", "p:import", "🧀", "p?x=1"])
async def test_a_shops_own_product_ids_are_taken_as_they_are(shop: Shop, product_id: str) -> None:
    assert (await shop.get(f"/v1/products/{quote(product_id, safe='')}")).json()["id"] == product_id


async def test_an_unknown_product_is_a_404_of_the_search_service(shop: Shop) -> None:
    problem = problem_of(await shop.get("/v1/products/no-such-product"), 404, "NOT_FOUND")
    assert problem["domain"] == "search.zhike"
    problem_of(await shop.get("/v1/products/" + "x" * 129), 404, "NOT_FOUND")
    problem_of(await shop.get("/v1/products/"), 404, "NOT_FOUND")


async def test_a_placement_is_asked_with_everything_that_it_is_about(shop: Shop) -> None:
    parameters = {"product_id": ["p-1", "p-2"], "exclude_product_id": "p-9", "page_size": "5", "language": "en"}
    response = await shop.get("/v1/recommendations/similar-items", params=parameters)
    assert response.json()["placement"] == "similar-items"
    asked = shop.services.last("Predict")
    assert (list(asked.product_ids), list(asked.exclude_product_ids)) == (["p-1", "p-2"], ["p-9"])
    assert (asked.page_size, asked.language) == (5, "en")
    problem_of(await shop.get("/v1/recommendations/no-such-placement"), 404, "NOT_FOUND")


@pytest.mark.parametrize("role", [Role.PUBLISHABLE, Role.SHOPPER])
@pytest.mark.parametrize("path", ["/v1/cart", "/v1/search", "/v1/recommendations/buy-it-again"])
@pytest.mark.parametrize("stranger", ["login:somebody-else", f"visitor:{OTHER_VISITOR}", "card:1000231"])
async def test_another_shoppers_data_is_never_reached(shop: Shop, role: Role, path: str, stranger: str) -> None:
    response = await shop.get(path, role, params={"identifier": stranger})
    problem = problem_of(response, 403, "IDENTIFIER_NOT_ALLOWED")
    assert stranger.partition(":")[2] not in response.text, "the identifier is personal data"
    assert problem["metadata"]["field"] == "identifier"
    assert not shop.services.asked


async def test_a_shopper_may_name_itself_in_another_spelling(shop: Shop) -> None:
    response = await shop.get("/v1/cart", Role.SHOPPER, params={"identifier": "login:ｕ４２"})
    assert response.status_code == 200
    assert list(shop.services.last("GetCart").shopper.identifiers) == ["login:u42"]


async def test_the_shops_backend_may_ask_for_anybody(shop: Shop) -> None:
    parameters = {"identifier": ["phone:138 0013 8111", "card:100-0231"]}
    await shop.get("/v1/cart", Role.SHOP, params=parameters)
    assert list(shop.services.last("GetCart").shopper.identifiers) == ["phone:+8613800138111", "card:1000231"]


async def test_a_cart_of_nobody_is_asked_whose(shop: Shop) -> None:
    problem_of(await shop.get("/v1/cart", Role.SHOP), 400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("identifier", ["13800138000", "shoe:42", "phone:abc", "email:x", "card:", "visitor:v-1", ":"])
async def test_a_malformed_identifier_is_refused_without_repeating_it(shop: Shop, identifier: str) -> None:
    problem = problem_of(
        await shop.get("/v1/cart", Role.SHOP, params={"identifier": identifier}), 400, "INVALID_ARGUMENT"
    )
    assert problem["errors"][0]["field"] == "identifier"


async def test_a_shopper_token_speaks_for_what_the_backend_vouched_for(shop: Shop) -> None:
    body = {"identifiers": ["card:100-0231", "login:u7", "login:u7"], "life_s": 600}
    answer = (await shop.post("/v1/shopper-tokens", Role.SHOP, json=body)).json()
    assert answer["identifiers"] == ["card:1000231", "login:u7"]
    assert answer["expire_time"] == "2026-01-05T08:10:00Z"
    headers = {"Authorization": f"Bearer {answer['token']}"}
    assert (await shop.get("/v1/cart", None, headers=headers)).status_code == 200
    assert list(shop.services.last("GetCart").shopper.identifiers) == ["card:1000231", "login:u7"]


async def test_a_shopper_token_ends_with_its_time(shop: Shop) -> None:
    body = {"identifiers": ["login:u7"], "life_s": 60}
    token = (await shop.post("/v1/shopper-tokens", Role.SHOP, json=body)).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    shop.clock.advance(59)
    assert (await shop.get("/v1/cart", None, headers=headers)).status_code == 200
    shop.clock.advance(1)
    problem_of(await shop.get("/v1/cart", None, headers=headers), 401, "TOKEN_EXPIRED")


@pytest.mark.parametrize("life_s", [59, 3_601])
async def test_a_shopper_token_lives_a_minute_to_an_hour(shop: Shop, life_s: int) -> None:
    body = {"identifiers": ["login:u7"], "life_s": life_s}
    problem = problem_of(await shop.post("/v1/shopper-tokens", Role.SHOP, json=body), 400, "INVALID_ARGUMENT")
    assert problem["errors"][0]["field"] == "life_s"


async def test_a_token_of_a_load_tests_key_writes_synthetic_events(shop: Shop) -> None:
    body = {"identifiers": ["login:u7"]}
    token = (await shop.post("/v1/shopper-tokens", Role.LOAD, json=body)).json()["token"]
    await shop.get("/v1/search", None, headers={"Authorization": f"Bearer {token}"})
    assert shop.services.last("Search").synthetic


async def test_a_token_that_somebody_else_signed_is_refused(shop: Shop) -> None:
    now_s = shop.clock.now().timestamp()
    claims = {"sub": "login:a", "ids": ["login:a"], "iat": now_s, "exp": now_s + 600, "kid": "test-shop.1"}
    for token in (
        jwt.encode({**claims, "iss": "zhike"}, "another secret that is also thirty-two bytes", algorithm="HS256"),
        jwt.encode(claims, "", algorithm="none"),
        "not.a.token",
        "x" * 5_000,
        "令牌",
    ):
        headers = {"Authorization": f"Bearer {token}".encode()}
        problem_of(await shop.client.get("/v1/cart", headers=headers), 401, "TOKEN_INVALID")


async def test_a_token_from_the_future_is_refused(shop: Shop) -> None:
    headers = shop.headers(Role.SHOPPER)
    shop.clock.step_wall(-timedelta(minutes=5).total_seconds())
    problem_of(await shop.get("/v1/cart", None, headers=headers), 401, "TOKEN_INVALID")
