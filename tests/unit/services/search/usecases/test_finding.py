"""All words first, then a repaired spelling, then some of the words, then characters."""

import pytest

from services.search.domain.query import MatchedTerms
from tests.unit.services.search.shop import Shop, row


@pytest.mark.parametrize(
    ("query", "language", "expected"),
    [
        ("可口可乐", "zh", ["cola"]),
        ("可乐", "zh", ["cola", "pepsi"]),
        ("zero", "en", ["cola"]),
        ("ＣＯＣＡ－ｃｏｌａ", "en", ["cola"]),
        ("奶酪", "zh", ["cheese"]),
        ("mengniu", "en", ["milk"]),
        ("蒙牛", "zh", ["milk"]),
        ("soda", "en", ["cola", "pepsi"]),
        ("250ml", "en", ["milk"]),
        ("2升", "zh", ["cola"]),
    ],
)
async def test_a_query_finds_what_has_all_its_words(shop: Shop, query: str, language: str, expected: list[str]) -> None:
    answer = await shop.search(query, language)
    assert [found.product.id for found in answer.results] == expected
    assert answer.matched_terms is MatchedTerms.ALL
    assert answer.corrected_query == ""


async def test_the_title_counts_more_than_the_description(shop: Shop) -> None:
    assert await shop.ids("cola", "en") == ["cola", "pepsi", "shampoo"]


async def test_what_is_sold_out_sinks_and_stays(shop: Shop) -> None:
    await shop.stock(row("a", en="plain tea", available_quantity=0), row("b", en="plain tea", available_quantity=1))
    assert await shop.ids("plain tea", "en") == ["b", "a"]


@pytest.mark.parametrize(
    ("query", "language", "repaired", "expected"),
    [
        ("mozzarela", "en", "mozzarella", ["cheese"]),
        ("shampo", "en", "shampoo", ["shampoo"]),
        ("纯牛乃", "zh", "纯牛奶", ["milk"]),
        ("洗发睡", "zh", "洗发水", ["shampoo"]),
        ("可口可了", "zh", "可口可乐", ["cola"]),
        ("zero sodda", "en", "zero soda", ["cola"]),
    ],
)
async def test_one_wrong_letter_is_repaired_and_said_so(
    shop: Shop, query: str, language: str, repaired: str, expected: list[str]
) -> None:
    answer = await shop.search(query, language)
    assert answer.corrected_query == repaired
    assert [found.product.id for found in answer.results] == expected


async def test_who_asks_for_exact_spelling_gets_it(shop: Shop) -> None:
    answer = await shop.search("shampo", "en", exact_spelling=True)
    assert answer.results == ()
    assert answer.corrected_query == ""


async def test_a_repair_that_finds_nothing_is_none(shop: Shop) -> None:
    answer = await shop.search("shampo router", "en")
    assert answer.corrected_query == ""
    assert answer.results == ()


async def test_few_with_all_the_words_are_followed_by_those_with_more_of_them_first(shop: Shop) -> None:
    answer = await shop.search("zero soda cola", "en")
    assert [found.product.id for found in answer.results] == ["cola", "pepsi"]
    assert answer.matched_terms is MatchedTerms.ANY


async def test_some_of_the_words_are_enough_when_nothing_has_all(shop: Shop) -> None:
    answer = await shop.search("mozzarella router", "en")
    assert [found.product.id for found in answer.results] == ["cheese"]
    assert answer.matched_terms is MatchedTerms.ANY


async def test_a_word_inside_a_longer_one_is_enough_when_nothing_has_the_whole(shop: Shop) -> None:
    answer = await shop.search("鲜牛奶片", "zh")
    assert [found.product.id for found in answer.results] == ["milk"]
    assert answer.matched_terms is MatchedTerms.ANY


async def test_characters_are_asked_for_when_nothing_has_the_words(shop: Shop) -> None:
    answer = await shop.search("屑去发", "zh")
    assert [found.product.id for found in answer.results] == ["shampoo"]


async def test_two_characters_that_are_found_as_they_are_are_not_repaired(shop: Shop) -> None:
    answer = await shop.search("去水", "zh")
    assert answer.corrected_query == ""
    assert next(found.product.id for found in answer.results) == "shampoo"


async def test_a_filter_explains_few_hits_and_nothing_is_relaxed(shop: Shop) -> None:
    answer = await shop.search("zero soda", "en", filters=("brand:Coca-Cola",))
    assert answer.matched_terms is MatchedTerms.ALL


@pytest.mark.parametrize("query", ["💥", "?!*~", '"\\', "()", "+-", "\x00", "\ud800", "的"])
async def test_a_query_without_a_word_of_the_shop_finds_nothing(shop: Shop, query: str) -> None:
    assert await shop.ids(query) == []


@pytest.mark.parametrize(
    "query", ["title:cola", "cola*", "co?a", "cola~1", "cola AND zero", '"cola', "cola)", "NOT cola"]
)
async def test_metacharacters_mean_nothing(shop: Shop, query: str) -> None:
    answer = await shop.search(query, "en")
    assert {found.product.id for found in answer.results} <= {"cola", "pepsi", "shampoo"}


async def test_an_empty_query_browses(shop: Shop) -> None:
    answer = await shop.search(" ")
    assert answer.total_size == 5
    assert answer.matched_terms is MatchedTerms.NONE
