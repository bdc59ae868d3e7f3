"""The finished JSON of the hot routes says what the typed message says, in the gateway's own public form."""

from datetime import datetime
from typing import Any

import orjson
import pytest
from google.type import money_pb2
from zhike.search.v1 import product_pb2, product_service_pb2, search_service_pb2
from zhike.type.v1 import answer_pb2, import_pb2

from gateway.public_form import money_to_json, public_form
from gateway.schemas.storefront import Product, SearchAnswer, SuggestAnswer
from services.chassis.errors import InvalidArgumentError
from services.kits.money import Money
from services.search.domain.errors import ImportConfigError, ProductFieldError, UpdateMaskError
from services.search.servicer.products import ProductPorts, ProductServicer, arguments_from_pb
from services.search.servicer.searches import SearchServicer
from services.search.wire.products import edit_from_pb, money_from_pb, money_to_pb
from tests.unit.services.search.shop import Shop

JSON = answer_pb2.ANSWER_FORMAT_JSON


def servicer(shop: Shop) -> SearchServicer:
    return SearchServicer(shop.searching, lambda: shop.memory.completion, shop.memory.price_of)


def card_of(product: Any, language: str) -> dict[str, Any]:
    """The card as it follows from the typed product, written from docs/architecture.md."""
    shown = public_form(product)
    other = {"zh": "en", "en": "zh"}[language]
    category = shown["categories"][-1] if shown["categories"] else {}
    return {
        "id": shown["id"],
        "title": shown["title"].get(language) or shown["title"][other],
        "titles": shown["title"],
        "brand": next(iter(shown["brands"]), ""),
        "price": shown["price"],
        "original_price": shown["original_price"],
        "availability": shown["availability"],
        "category": category.get(language) or category.get(other, ""),
        "tags": shown["tags"],
        "attributes": shown["attributes"],
        "image": next(iter(shown["images"]), ""),
    }


def parts_of(highlighted: str) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for place, piece in enumerate(highlighted.replace("\ue001", "\ue000").split("\ue000")):
        if piece:
            parts.append({"text": piece, "hit": place % 2 == 1})
    return parts


@pytest.mark.parametrize(
    "request_fields",
    [
        {"query": "可乐", "language": "zh", "facets": ["category", "brand", "tag", "price"]},
        {"query": "cola", "language": "en", "page_size": 1},
        {"query": "shampo", "language": "en"},
        {"query": "", "language": "en", "order_by": "-price", "filters": ["in_stock:true"]},
        {"query": "💥"},
    ],
)
async def test_search_json_says_what_the_typed_answer_says(shop: Shop, request_fields: dict[str, Any]) -> None:
    typed = (await servicer(shop).Search(search_service_pb2.SearchRequest(**request_fields), None)).answer
    raw = (await servicer(shop).Search(search_service_pb2.SearchRequest(**request_fields, format=JSON), None)).json
    shown = orjson.loads(raw)
    language = request_fields.get("language", "zh")
    assert shown["results"] == [
        {
            "product": card_of(each.product, language),
            "highlight": parts_of(each.highlighted_title),
            "position": each.position,
        }
        for each in typed.results
    ]
    expected = public_form(typed)
    assert shown["facets"] == expected["facets"]
    for name in ("total_size", "corrected_query", "matched_terms"):
        assert shown[name] == expected[name]
    assert bool(shown["next_page_token"]) == bool(typed.next_page_token)
    assert len(shown["attribution_token"]) == len(typed.attribution_token)
    assert set(shown) == set(SearchAnswer.model_fields) - {"stale"} == set(expected)  # the gateway alone says "stale"
    SearchAnswer.model_validate(shown)


async def test_suggestion_json_says_what_the_typed_answer_says(shop: Shop) -> None:
    request = search_service_pb2.CompleteQueryRequest(query="co", language="en")
    typed = await servicer(shop).CompleteQuery(request, None)
    request.format = JSON
    shown = orjson.loads((await servicer(shop).CompleteQuery(request, None)).json)
    assert shown["suggestions"] == public_form(typed)["suggestions"]
    assert shown["suggestions"]
    SuggestAnswer.model_validate(shown)


async def test_a_suggestion_request_past_its_bounds_is_refused(shop: Shop) -> None:
    for fields in ({"query": "x" * 65}, {"query": "x", "max_suggestions": -1}):
        with pytest.raises(InvalidArgumentError):
            await servicer(shop).CompleteQuery(search_service_pb2.CompleteQueryRequest(**fields), None)


async def test_product_json_is_the_gateways_form_of_the_typed_product(shop: Shop) -> None:
    ports = ProductPorts(shop.store, None, None, shop.clock, lambda: None, 10)  # type: ignore[arg-type]
    products = ProductServicer(ports)
    for product_id in ("cola", "milk"):
        typed = await products.GetProduct(product_service_pb2.GetProductRequest(id=product_id), None)
        raw = await products.GetProduct(product_service_pb2.GetProductRequest(id=product_id, format=JSON), None)
        shown, expected = orjson.loads(raw.json), public_form(typed.product)
        for form in (shown, expected):
            form["update_time"] = datetime.fromisoformat(form["update_time"])
        assert shown == expected
        assert set(shown) == set(Product.model_fields)
        assert typed.version == raw.version == 1


@pytest.mark.parametrize(
    "money", [Money(1990, "CNY"), Money(5, "CNY"), Money(700, "JPY"), Money(1234, "KWD"), Money(0, "USD")]
)
def test_money_keeps_its_value_over_the_wire(money: Money) -> None:
    assert money_from_pb(money_to_pb(money), "price") == money
    shown = money_to_json(money_to_pb(money))
    assert shown is not None
    assert shown["currency"] == money.currency


@pytest.mark.parametrize(
    "message",
    [
        money_pb2.Money(units=1),
        money_pb2.Money(currency_code="yuan", units=1),
        money_pb2.Money(currency_code="CNY", units=-1),
        money_pb2.Money(currency_code="CNY", nanos=1),
        money_pb2.Money(currency_code="JPY", nanos=500_000_000),
        money_pb2.Money(currency_code="CNY", units=10**12),
    ],
)
def test_money_that_cannot_be_kept_exactly_is_refused(message: money_pb2.Money) -> None:
    with pytest.raises(ProductFieldError):
        money_from_pb(message, "price")


def update(product: product_pb2.Product, *paths: str) -> Any:
    return product_service_pb2.UpdateProductRequest(product=product, update_mask={"paths": paths})


def test_an_edit_names_what_it_changes() -> None:
    product = product_pb2.Product(id="p", price=money_to_pb(Money(100, "CNY")), available_quantity=3)
    edit = edit_from_pb(update(product, "price", "original_price", "available_quantity"))
    assert edit.values == {"price": Money(100, "CNY"), "original_price": None, "available_quantity": 3}


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (update(product_pb2.Product(id="p"), "title"), UpdateMaskError),
        (update(product_pb2.Product(id="p"), "price"), ProductFieldError),
        (update(product_pb2.Product(id="p"), "availability"), ProductFieldError),
        (update(product_pb2.Product(id="p", available_quantity=-2), "available_quantity"), ProductFieldError),
    ],
)
def test_an_edit_that_cannot_be_made_is_refused(request_: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        edit_from_pb(request_)


def test_an_import_without_format_or_with_foreign_options_is_refused() -> None:
    for config in (
        import_pb2.ImportConfig(),
        import_pb2.ImportConfig(format=import_pb2.IMPORT_FORMAT_CSV, shop="x" * 65),
        import_pb2.ImportConfig(format=import_pb2.IMPORT_FORMAT_CSV, options={"cancelled_prefix": "C"}),
    ):
        with pytest.raises(ImportConfigError):
            arguments_from_pb(config)
