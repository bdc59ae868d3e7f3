"""A shopper looks for things: in two languages, misspelt, filtered, sorted, to the last page."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest

from tests.journeys.callers import Caller, Shop, eventually, fresh, problem_of

ORDERS = ("relevance", "price", "-price", "newest", "popularity")


@pytest.fixture
def browser(shop: Shop) -> Caller:
    return shop.browser()


def _minor(money: dict[str, str]) -> int:
    return round(float(money["amount"]) * 100)


def _prices(page: Any) -> list[int]:
    return [_minor(each["product"]["price"]) for each in page["results"]]


@pytest.mark.parametrize(
    ("query", "language", "word"),
    [("牛奶", "zh", "牛奶"), ("cheese", "en", "cheese"), ("ＣＨＥＥＳＥ", "en", "cheese")],
)
def test_a_query_in_either_language_shows_its_hit(browser: Caller, query: str, language: str, word: str) -> None:
    answer = browser.search(query, language, page_size=10)
    assert answer["total_size"] >= len(answer["results"]) == 10
    assert answer["matched_terms"] == "all"
    for each in answer["results"]:
        assert "".join(part["text"] for part in each["highlight"]) == each["product"]["title"]
    hits = [part["text"].lower() for part in answer["results"][0]["highlight"] if part["hit"]]
    assert word in "".join(hits)


def test_both_languages_find_the_same_products(browser: Caller) -> None:
    zh = {each for page in browser.pages("奶酪丝", "zh") for each in _ids(page)}
    en = {each for page in browser.pages("shredded cheese", "en") for each in _ids(page)}
    assert zh
    assert len(zh & en) >= 0.9 * len(zh)


@pytest.mark.parametrize("order_by", ORDERS)
def test_paging_reaches_every_hit_once_in_every_order(browser: Caller, order_by: str) -> None:
    pages = list(browser.pages("cheese", order_by=order_by, page_size=30))
    ids = [each for page in pages for each in _ids(page)]
    positions = [each["position"] for page in pages for each in page["results"]]
    assert len(ids) == len(set(ids)) == pages[0]["total_size"]
    assert positions == list(range(1, len(ids) + 1))
    assert len({page["attribution_token"] for page in pages}) == 1, "the pages of one search are one search"
    prices = [price for page in pages for price in _prices(page)]
    if order_by == "price":
        assert prices == sorted(prices)
    if order_by == "-price":
        assert prices == sorted(prices, reverse=True)


def test_browsing_pages_through_the_whole_catalogue(shop: Shop) -> None:
    pages = list(shop.backend("load").pages("", page_size=100))
    ids = [each for page in pages for each in _ids(page)]
    assert len(ids) == len(set(ids)) == pages[-1]["total_size"]


def test_a_word_that_many_products_have_is_paged_to_the_end_too(shop: Shop) -> None:
    pages = list(shop.backend("load").pages("select", page_size=100))
    ids = [each for page in pages for each in _ids(page)]
    assert pages[0]["total_size"] > 1_000
    assert len(ids) == len(set(ids)) == pages[0]["total_size"]


def test_a_walk_through_the_pages_repeats_and_misses_nothing_while_stock_changes(shop: Shop) -> None:
    backend = shop.backend()
    touched = backend.found("cheese", page_size=20)
    ids: list[str] = []
    for number, page in enumerate(shop.backend("load").pages("cheese", page_size=15)):
        ids += _ids(page)
        backend_stock = 40 + number
        for product in touched:
            backend.patch(product, available_quantity=backend_stock)
        eventually(lambda stock=backend_stock: _stock_seen(backend, touched[-1]) == stock, "the last edit is not seen")
    assert len(ids) == len(set(ids)) == page["total_size"]


def _stock_seen(backend: Caller, product: str) -> int:
    return int(backend.get(f"/v1/products/{product}")["available_quantity"])


def test_a_page_token_belongs_to_its_query_and_to_nothing_else(browser: Caller) -> None:
    token = browser.search("cheese", page_size=5)["next_page_token"]
    asked: dict[str, Any] = {"q": "cheese", "language": "en", "page_size": 5, "page_token": token}
    assert browser.get("/v1/search", **asked)["results"][0]["position"] == 6
    changed = (
        {"q": "milk"},
        {"language": "zh"},
        {"order_by": "price"},
        {"filter": "tag:own-label"},
        {"exact_spelling": "true"},
        {"page_token": token[:-1]},
        {"page_token": token[::-1]},
        {"page_token": "AAAA"},
        {"page_token": "下一页"},
    )
    for change in changed:
        problem = browser.refused("GET", "/v1/search", params=asked | change)
        assert (problem["status"], problem["reason"]) == (400, "INVALID_PAGE_TOKEN"), change
    assert browser.refused("GET", "/v1/search", params=asked | {"page_token": token * 20})["status"] == 400


def test_every_facet_value_is_a_filter_that_finds_as_many_as_it_counts(browser: Caller) -> None:
    answer = browser.search("cheese", facets="category,brand,price,tag")
    assert [facet["field"] for facet in answer["facets"]] == ["category", "brand", "price", "tag"]
    for facet in answer["facets"]:
        assert facet["values"], facet
        for value in facet["values"][:4]:
            found = browser.search("cheese", filter=f"{facet['field']}:{value['value']}", page_size=5)
            assert found["total_size"] == value["count"], (facet["field"], value)


def test_filters_narrow_together_and_a_price_range_holds(browser: Caller) -> None:
    answer = browser.search("cheese", filter=["price:200..400", "tag:own-label"], order_by="price", page_size=50)
    assert answer["results"]
    assert all(200 <= price < 400 for price in _prices(answer))
    assert all("own-label" in each["product"]["tags"] for each in answer["results"])


@pytest.mark.parametrize(
    "query",
    [
        {"filter": "no-such-field:1"},
        {"filter": "price:cheap"},
        {"filter": "price:.."},
        {"filter": ":"},
        {"filter": "tag:"},
        {"filter": "tag:,"},
        {"filter": ["tag:x"] * 21},
        {"filter": "tag:" + "x" * 600},
        {"order_by": "luck"},
        {"facets": "colour"},
        {"facets": ",".join(["brand"] * 9)},
        {"page_size": "0"},
        {"page_size": "101"},
        {"page_size": "many"},
        {"page_size": "１"},
        {"language": "fr"},
        {"q": "x" * 257},
        {"q": ["a", "b"]},
        {"limit": "5"},
        {"exact_spelling": "maybe"},
    ],
    ids=str,
)
def test_a_search_that_makes_no_sense_is_refused_by_name(browser: Caller, query: dict[str, Any]) -> None:
    problem = browser.refused("GET", "/v1/search", params={"q": "cheese", "language": "en"} | query)
    assert problem["status"] == 400
    assert problem["errors"][0]["field"]
    assert problem["errors"][0]["message"]


@pytest.mark.parametrize(
    ("typed", "language", "repaired"),
    [("chesse", "en", "cheese"), ("mlik", "en", "milk"), ("yoghrt", "en", "yogurt"), ("巧可力", "zh", "巧克力")],
)
def test_one_wrong_letter_is_repaired_and_said(browser: Caller, typed: str, language: str, repaired: str) -> None:
    answer = browser.search(typed, language)
    assert answer["corrected_query"] == repaired
    assert answer["results"]
    exact = browser.search(typed, language, exact_spelling="true")
    assert exact["corrected_query"] == ""


@pytest.mark.parametrize(("typed", "language"), [("choc", "en"), ("ＣＨＯＣ", "en"), ("巧克", "zh")])
def test_half_a_word_is_completed_into_something_that_finds(browser: Caller, typed: str, language: str) -> None:
    suggestions = browser.get("/v1/suggest", q=typed, language=language)["suggestions"]
    assert suggestions
    for each in suggestions[:3]:
        assert browser.search(each["text"], language)["results"], each


def test_what_shoppers_search_for_becomes_a_suggestion(shop: Shop) -> None:
    word = fresh("zhik")
    product = fresh("p-")
    shop.backend().bring("products", [{"id": product, "title": {"en": f"Lamp {word}", "zh": f"台灯 {word}"}}])
    eventually(lambda: shop.browser().found(word), "the new product is not found")

    def texts() -> list[str]:
        suggestions = shop.browser().get("/v1/suggest", q=word[:8], language="en")["suggestions"]
        return [each["text"].lower() for each in suggestions]

    eventually(lambda: any(word in text for text in texts()), "the new product is not suggested", limit_s=60)


def test_a_new_price_and_sold_out_stock_show_in_search_within_seconds(shop: Shop) -> None:
    backend, product, word = shop.backend(), fresh("p-"), fresh("lamp")
    row = {"id": product, "title": {"en": word}, "price": {"amount": "10.00", "currency": "USD"}}
    backend.bring("products", [row | {"available_quantity": 5}])
    eventually(lambda: backend.found(word) == [product], "the new product is not found")
    backend.patch(product, price={"amount": "7.50", "currency": "USD"}, available_quantity=0)
    card = lambda: backend.search(word)["results"][0]["product"]  # noqa: E731
    eventually(lambda: card()["price"]["amount"] == "7.50", "the new price is not seen")
    assert card()["availability"] == "out-of-stock"
    assert product not in backend.found(word, filter="in_stock:true")
    backend.patch(product, withdrawn=True)
    eventually(lambda: product not in backend.found(word), "what was withdrawn is still found")


def test_two_editors_of_a_product_do_not_overwrite_each_other(shop: Shop) -> None:
    backend, product = shop.backend(), fresh("p-")
    backend.bring("products", [{"id": product, "title": "灯", "price": {"amount": "10.00", "currency": "USD"}}])
    path = f"/v1/products/{product}"
    etag = backend.send("GET", path).headers["etag"]
    assert backend.send("GET", path, headers={"If-None-Match": etag}).status_code == 304
    first = backend.send("PATCH", path, json={"available_quantity": 3}, headers={"If-Match": etag})
    assert first.is_success, first.text
    late = backend.send("PATCH", path, json={"available_quantity": 9}, headers={"If-Match": etag})
    assert problem_of(late)["reason"] == "VERSION_MISMATCH"
    assert backend.get(path)["available_quantity"] == 3


def test_the_same_edit_twice_is_made_once_and_another_under_its_key_is_refused(shop: Shop) -> None:
    backend, product = shop.backend(), fresh("p-")
    backend.bring("products", [{"id": product, "title": "灯", "available_quantity": 5}])
    path, key = f"/v1/products/{product}", {"Idempotency-Key": fresh("k-")}
    versions = set()
    for _ in range(2):
        versions.add(backend.send("PATCH", path, json={"available_quantity": 3}, headers=key).json()["version"])
    assert len(versions) == 1
    other = backend.refused("PATCH", path, json={"available_quantity": 9}, headers=key)
    assert (other["status"], other["reason"]) == (422, "REQUEST_ID_REUSED")
    assert backend.get(path)["available_quantity"] == 3


def test_many_tills_may_edit_one_product_at_once(shop: Shop) -> None:
    backend, product = shop.backend(), fresh("p-")
    backend.bring("products", [{"id": product, "title": "灯", "available_quantity": 5}])
    before = backend.get(f"/v1/products/{product}")["version"]
    with ThreadPoolExecutor(8) as tills:
        versions = set(
            tills.map(lambda number: backend.patch(product, available_quantity=number)["version"], range(48))
        )
    assert versions == set(range(before + 1, before + 49)), "each edit is one version"


def test_prices_rise_along_a_price_order_across_pages_of_one(browser: Caller) -> None:
    prices = []
    for number, page in enumerate(browser.pages("milk", order_by="price", page_size=1)):
        prices += _prices(page)
        if number == 10:
            break
    assert all(cheaper <= dearer for cheaper, dearer in pairwise(prices))


def _ids(page: Any) -> list[str]:
    return [each["product"]["id"] for each in page["results"]]
