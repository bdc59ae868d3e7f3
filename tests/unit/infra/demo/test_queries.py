"""Simulated queries: out of the catalogue's words, in both languages, a few of them heavy."""

from collections import Counter

import numpy as np
import pytest

from infra.demo.products import CatalogItem
from infra.demo.queries import KIND_SHARES, QuerySet, build_queries


@pytest.fixture(scope="module")
def queries(tiny_items: list[CatalogItem]) -> QuerySet:
    return build_queries(tiny_items, rng=np.random.default_rng(1))


@pytest.fixture(scope="module")
def real_queries(real_items: list[CatalogItem]) -> QuerySet:
    return build_queries(real_items, rng=np.random.default_rng(1))


def test_a_query_finds_the_goods_that_it_was_made_from_best_sellers_first(
    queries: QuerySet, tiny_items: list[CatalogItem]
) -> None:
    (drink,) = (query for query in queries.queries if (query.text, query.kind) == ("碳酸饮料", "type"))
    assert [tiny_items[place].id for place in drink.products] == ["p10", "p20"]


def test_every_text_comes_in_both_languages(queries: QuerySet) -> None:
    assert Counter(query.language for query in queries.queries)["zh"] * 2 == len(queries.queries)


def test_a_query_for_nothing_finds_nothing(queries: QuerySet) -> None:
    assert all(bool(query.products) == (query.kind != "nothing") for query in queries.queries)


def test_the_ends_of_chance_pick_the_ends_of_the_set(queries: QuerySet) -> None:
    assert queries.pick(0.0) is queries.queries[0]
    assert queries.pick(0.999_999_999) is queries.queries[-1]
    assert queries.totals[-1] == 1.0


def test_a_sample_is_as_long_as_asked_and_repeats_with_its_seed(queries: QuerySet) -> None:
    samples = [queries.sample(np.random.default_rng(5), 50) for _ in range(2)]
    assert samples[0] == samples[1]
    assert len(samples[0]) == 50
    assert queries.sample(np.random.default_rng(5), 0) == []


def test_an_empty_catalogue_has_no_queries() -> None:
    with pytest.raises(ValueError, match="without items"):
        build_queries([], rng=np.random.default_rng(1))


def test_the_kinds_share_all_of_the_weight() -> None:
    assert sum(KIND_SHARES.values()) == pytest.approx(1.0)


@pytest.mark.data
def test_a_few_queries_are_heavy_and_the_tail_is_long(real_queries: QuerySet) -> None:
    drawn = Counter(query.text for query in real_queries.sample(np.random.default_rng(3), 50_000))
    top = sum(count for _, count in drawn.most_common(20)) / 50_000
    assert 0.15 < top < 0.40
    assert len(drawn) > 2_000


@pytest.mark.data
def test_a_mistyped_query_is_one_edit_away_from_a_type(real_queries: QuerySet) -> None:
    types = {query.text for query in real_queries.queries if query.kind == "type"}
    typos = [query.text for query in real_queries.queries if query.kind == "typo" and query.language == "en"]
    mistyped = [text for text in typos if text not in types]
    assert len(mistyped) > 0.8 * len(typos)
    for text in mistyped:
        deleted = {
            word[:at] + word[at + 1 :] for word in types for at in range(len(word)) if len(word) == len(text) + 1
        }
        swapped = {
            word[:at] + word[at + 1] + word[at] + word[at + 2 :]
            for word in types
            if len(word) == len(text)
            for at in range(len(word) - 1)
        }
        assert text in deleted | swapped


@pytest.mark.data
def test_what_the_shop_does_not_sell_is_in_no_title(real_queries: QuerySet, real_items: list[CatalogItem]) -> None:
    titles = " ".join(f"{item.title.en} {item.title.zh}".lower() for item in real_items)
    assert not [query.text for query in real_queries.queries if query.kind == "nothing" and query.text in titles]
