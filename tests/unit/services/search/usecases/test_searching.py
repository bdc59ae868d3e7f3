"""An answer has its page, facets, highlight and token, and what it showed is noted."""

import pytest

from services.chassis.paging import InvalidPageTokenError
from services.search.domain.attribution import attribution_in, query_key
from services.search.domain.errors import FacetError, FilterError, OrderByError
from services.search.usecases.searching import Shopper
from tests.unit.services.search.shop import SECRET, Shop, row


async def walked(shop: Shop, query: str, **changes: object) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    token = ""
    for _ in range(50):
        answer = await shop.search(query, "en", page_token=token, **changes)
        found += [(each.product.id, each.position) for each in answer.results]
        token = answer.next_page_token
        if not token:
            return found
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize("order_by", ["relevance", "price", "-price", "newest", "popularity"])
@pytest.mark.parametrize("query", ["green tea", ""])
async def test_pages_join_up_without_gap_or_double_in_every_order(shop: Shop, query: str, order_by: str) -> None:
    await shop.stock(
        *(row(f"t{number:02}", en=f"green tea {number}", price=f"{number % 4 + 1}.00") for number in range(23))
    )
    found = await walked(shop, query, limit=5, order_by=order_by)
    whole = await shop.ids(query, "en", limit=100, order_by=order_by)
    assert [product for product, _ in found] == whole
    assert len(set(whole)) == len(whole) >= 23
    assert [position for _, position in found] == list(range(1, len(found) + 1))


async def test_pages_of_a_repaired_and_of_a_relaxed_query_go_on_as_they_began(shop: Shop) -> None:
    await shop.stock(*(row(f"t{number:02}", en=f"oolong blend {number}") for number in range(13)))
    repaired = await walked(shop, "oolonk", limit=5)
    assert len(repaired) == 13
    relaxed = await walked(shop, "oolong mozzarella", limit=5)
    assert len(relaxed) == 14


async def test_prices_sort_and_the_unpriced_come_last(shop: Shop) -> None:
    await shop.stock(row("free", "赠品"))
    assert await shop.ids("", order_by="price") == ["pepsi", "cola", "cheese", "shampoo", "milk", "free"]
    assert await shop.ids("", order_by="-price") == ["milk", "shampoo", "cheese", "cola", "pepsi", "free"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["category:奶酪"], {"cheese"}),
        (["category:乳品"], {"milk", "cheese"}),
        (["category:Dairy > Milk,Soda"], {"milk", "cola", "pepsi"}),
        (["brand:Acme\\, Inc"], {"cheese", "shampoo"}),
        (["price:750..3500"], {"cola", "cheese"}),
        (["price:..750"], {"pepsi"}),
        (["price:3500..*"], {"shampoo", "milk"}),
        (["in_stock:false"], {"pepsi"}),
        (["tag:own-label", "in_stock:true"], {"milk"}),
        (["attribute.size:250 ml"], {"milk"}),
        (["brand:nobody"], set()),
    ],
)
async def test_filters_keep_what_they_name(shop: Shop, filters: list[str], expected: set[str]) -> None:
    assert set(await shop.ids("", filters=tuple(filters))) == expected


@pytest.mark.parametrize("filters", [["foo"], ["foo:bar"], ["price:a..b"], ["price:.."], ["in_stock:yes"], ["brand:"]])
async def test_a_filter_that_cannot_be_read_is_refused(shop: Shop, filters: list[str]) -> None:
    with pytest.raises(FilterError):
        await shop.search("cola", filters=tuple(filters))


async def test_an_unknown_order_or_facet_is_refused(shop: Shop) -> None:
    with pytest.raises(OrderByError):
        await shop.search("cola", order_by="best")
    with pytest.raises(FacetError):
        await shop.search("cola", facets=("colour",))


async def test_facets_count_and_their_values_filter(shop: Shop) -> None:
    answer = await shop.search("", "zh", facets=("category", "brand", "tag"))
    facets = {name: {each.value: (each.label, each.count) for each in values} for name, values in answer.facets}
    assert facets["category"]["乳品"] == ("乳品", 2)
    assert facets["category"]["饮料 > 汽水"] == ("汽水", 2)
    assert facets["brand"]["Acme\\, Inc"] == ("Acme, Inc", 2)
    assert facets["tag"] == {"own-label": ("own-label", 1), "sugar-free": ("sugar-free", 1)}
    for name, values in answer.facets:
        for value in values:
            assert len(await shop.ids("", filters=(f"{name}:{value.value}",))) == value.count


async def test_a_facet_ignores_its_own_filter_in_every_language(shop: Shop) -> None:
    for language in ("zh", "en"):
        answer = await shop.search("", language, facets=("category",), filters=("category:乳品",))
        assert sum(each.count for _, values in answer.facets for each in values if ">" not in each.value) == 5


async def test_price_ranges_have_round_bounds_and_their_values_filter(shop: Shop) -> None:
    await shop.stock(*(row(f"t{number}", en="tea", price=f"{number}.37") for number in range(1, 40)))
    answer = await shop.search("tea", "en", facets=("price",))
    ((_, values),) = answer.facets
    assert sum(each.count for each in values) == 39
    assert values[0].label.startswith("< ")
    for value in values:
        assert (await shop.search("tea", "en", filters=(f"price:{value.value}",))).total_size == value.count


async def test_the_title_of_the_language_asked_for_is_highlighted(shop: Shop) -> None:
    (found,) = (await shop.search("mozzarella", "en")).results
    assert [found.title[start:end] for start, end in found.spans] == ["Mozzarella"]
    (found,) = (await shop.search("奶酪", "zh")).results
    assert [found.title[start:end] for start, end in found.spans] == ["奶酪"]


async def test_a_token_of_another_query_or_with_a_flipped_bit_is_refused(shop: Shop) -> None:
    token = (await shop.search("可乐", limit=1)).next_page_token
    assert token
    for query, changed in (("牛奶", token), ("可乐", token[:-2] + "xx"), ("可乐", "x")):
        with pytest.raises(InvalidPageTokenError):
            await shop.search(query, limit=1, page_token=changed)
    with pytest.raises(InvalidPageTokenError):
        await shop.search("可乐", limit=1, page_token=token, filters=("in_stock:true",))


async def test_what_was_shown_is_noted_with_its_positions(shop: Shop) -> None:
    shopper = Shopper(("card:1", "visitor:v-1"), "main", "web")
    first = await shop.search(" Cola ", "en", limit=2, shopper=shopper)
    second = await shop.search(" Cola ", "en", limit=2, shopper=shopper, page_token=first.next_page_token)
    one, two = shop.served
    assert one.payload["results"] == [{"product_id": "cola", "position": 1}, {"product_id": "pepsi", "position": 2}]
    assert two.payload["results"] == [{"product_id": "shampoo", "position": 3}]
    assert (one.first_position, two.first_position) == (1, 3)
    assert one.search_id == two.search_id
    assert first.attribution_token == second.attribution_token == one.payload["attribution_token"]
    assert one.payload["normalised_query"] == "cola"
    assert one.payload["total"] == 3
    assert one.payload["identifiers"] == ["card:1", "visitor:v-1"]


async def test_the_token_names_the_query_and_the_shops_day(shop: Shop) -> None:
    shop.clock.advance(9 * 3600)  # 17:00 UTC is the next day in Shanghai
    answer = await shop.search("Cola", "en")
    attribution = attribution_in(answer.attribution_token, SECRET)
    assert attribution is not None
    assert attribution.query_key == query_key("cola", "en")
    assert attribution.day == "20260106"
    assert attribution_in(answer.attribution_token, b"x" * 32) is None


async def test_two_searches_have_two_names(shop: Shop) -> None:
    assert (await shop.search("cola")).attribution_token != (await shop.search("cola")).attribution_token


async def test_the_longest_query_and_id_make_a_token_that_fits(shop: Shop) -> None:
    await shop.stock(*(row(f"{number}" + "奶" * 127, "奇" * 20) for number in range(3)))
    answer = await shop.search("奇" * 256, limit=1)
    assert answer.next_page_token
    following = await shop.search("奇" * 256, limit=1, page_token=answer.next_page_token)
    assert [each.position for each in following.results] == [2]
