"""What a slot shows of a product."""

from services.recommendation.domain.catalog import OUT_OF_STOCK, Product, product_card


def test_what_is_sold_out_or_withdrawn_cannot_be_shown() -> None:
    assert Product("p", {}).sellable
    assert Product("p", {}, availability="backorder").sellable
    assert not Product("p", {}, availability=OUT_OF_STOCK).sellable
    assert not Product("p", {}, withdrawn=True).sellable


def test_a_title_falls_back_to_the_other_language_and_then_to_the_id() -> None:
    assert Product("p", {"zh": "茶"}).title("en") == "茶"
    assert Product("p", {}).title("zh") == "p"


def test_the_card_is_the_public_one() -> None:
    product = Product(
        "p",
        {"zh": "茶", "en": "Tea"},
        "Plain",
        {"amount": "1", "currency": "CNY"},
        None,
        "in-stock",
        {"zh": ("食品", "茶")},
    )
    assert product_card(product, "zh") == {
        "id": "p",
        "title": "茶",
        "titles": {"zh": "茶", "en": "Tea"},
        "brand": "Plain",
        "price": {"amount": "1", "currency": "CNY"},
        "original_price": None,
        "availability": "in-stock",
        "category": "食品 > 茶",
        "tags": [],
        "attributes": {},
        "image": "",
    }
