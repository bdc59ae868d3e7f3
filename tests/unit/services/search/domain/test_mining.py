"""What an event says about queries and products."""

from typing import Any

import pytest

from services.search.domain.attribution import Attribution, attribution_in, query_key, token_of
from services.search.domain.mining import (
    PRODUCTS_LIMIT,
    SHARDS,
    attribution_tokens,
    served_search,
    shard_of,
    user_act,
    wanted_products,
)

SECRET = b"k" * 32
SEARCH = Attribution("0" * 16, query_key("tea", "en"), "20260105")


def test_a_token_leads_back_to_its_search_and_a_forged_one_to_none() -> None:
    token = token_of(SEARCH, SECRET)
    assert attribution_in(token, SECRET) == SEARCH
    for forged in (
        "",
        "x",
        token[:-1] + "0" if token[-1] != "0" else token[:-1] + "1",
        token.replace("20260105", "20260106"),
        "é" * 80,
    ):
        assert attribution_in(forged, SECRET) is None
    assert attribution_in(token, b"o" * 32) is None


@pytest.mark.parametrize("event_type", ["purchase-complete", "order-placed", "add-to-cart", "detail-page-view"])
def test_each_product_of_an_event_counts_once_and_charges_do_not(event_type: str) -> None:
    payload = {"products": [{"id": "a"}, {"id": "b", "kind": "charge"}, {"id": "a"}, {"id": "c"}, {}]}
    assert wanted_products(event_type, payload) == ("a", "c")


def test_a_return_wants_nothing() -> None:
    assert wanted_products("purchase-complete", {"products": [{"id": "a"}], "order": {"kind": "return"}}) == ()
    assert wanted_products("home-page-view", {"products": [{"id": "a"}]}) == ()
    assert wanted_products("purchase-complete", {"products": None}) == ()


def test_products_past_the_limit_are_not_read() -> None:
    many = {"products": [{"id": str(number)} for number in range(PRODUCTS_LIMIT + 1)]}
    assert len(wanted_products("purchase-complete", many)) == PRODUCTS_LIMIT


def test_products_spread_over_the_shards() -> None:
    assert {shard_of(f"p{number}") for number in range(2_000)} == set(range(SHARDS))


def served(**changes: Any) -> Any:
    payload = {
        "normalised_query": "tea",
        "language": "en",
        "total": 3,
        "results": [{"product_id": "a", "position": 1}],
        "filters": [],
        **changes,
    }
    return served_search(payload, day="20260105", time_us=9)


def test_a_served_search_counts_on_its_first_page_only() -> None:
    assert served().search
    assert served().results == 3
    assert served(results=[], total=0).results == 0
    assert served(results=[{"product_id": "a", "position": 25}]) is None
    assert served(normalised_query="") is None


def test_results_under_a_filter_say_nothing_about_the_query() -> None:
    assert served(filters=["brand:x"], total=0, results=[]).results is None


def act(event_type: str, payload: dict[str, Any], attributed: Attribution | None = None) -> Any:
    return user_act(event_type, payload, attributed=attributed, day="20260106", time_us=1)


def test_an_attributed_click_counts_for_the_search_it_names_on_its_day() -> None:
    click = act("detail-page-view", {"position": 4}, SEARCH)
    assert (click.query_key, click.day, click.click, click.position) == (SEARCH.query_key, "20260105", True, 4)
    assert act("purchase-complete", {}, SEARCH).purchase
    assert act("order-placed", {}, SEARCH).purchase


def test_a_return_counts_for_no_query() -> None:
    assert act("order-placed", {"order": {"kind": "return"}}, SEARCH) is None
    assert act("purchase-complete", {"order": {"kind": "return"}, "search": {"query": "tea"}}) is None


def test_the_browsers_search_event_of_a_served_search_is_not_counted_again() -> None:
    assert act("search", {"search": {"query": "tea"}}, SEARCH) is None
    assert act("search", {"search": {"query": " TEA "}}).search


def test_words_of_an_event_name_the_query_where_no_token_does() -> None:
    click = act("detail-page-view", {"search": {"query": "茶"}})
    assert (click.query, click.language, click.day) == ("茶", "zh", "20260106")
    assert act("detail-page-view", {}) is None
    assert act("home-page-view", {"search": {"query": "tea"}}) is None


def test_a_foreign_search_found_the_products_that_it_shows() -> None:
    assert act("search", {"search": {"query": "tea"}, "products": [{"id": "a"}, {"id": "b"}]}).results == 2
    assert act("search", {"search": {"query": "durian"}}).results == 0
    assert act("detail-page-view", {"search": {"query": "tea"}, "products": [{"id": "a"}]}).results is None


def test_an_event_carries_its_own_token_before_its_searchs() -> None:
    payload = {"attribution_token": "a", "search": {"attribution_token": "b"}}
    assert list(attribution_tokens(payload)) == ["a", "b"]
    assert list(attribution_tokens({"search": None})) == []
