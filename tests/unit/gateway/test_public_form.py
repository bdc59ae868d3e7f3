"""Protobuf to public JSON, and money back."""

import orjson
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.type.money_pb2 import Money
from hypothesis import given
from hypothesis import strategies as st
from zhike.recommendation.v1 import prediction_service_pb2
from zhike.search.v1 import product_pb2

from gateway.public_form import enum_word, money_from_json, money_to_json, public_form, unpacked
from services.chassis.errors import InvalidArgumentError


def test_a_product_has_the_public_form() -> None:
    product = product_pb2.Product(id="p-1", availability=product_pb2.AVAILABILITY_OUT_OF_STOCK, available_quantity=-1)
    product.title.by_language["zh"] = "奶酪"
    product.categories.add().by_language["en"] = "Grocery > Cheese"
    product.attributes["size"].values.extend(["2 L", "1 L"])
    product.update_time.FromJsonString("2026-01-02T03:04:05.5Z")
    form = orjson.loads(orjson.dumps(public_form(product)))
    assert form["title"] == {"zh": "奶酪"}
    assert form["categories"] == [{"en": "Grocery > Cheese"}]
    assert form["attributes"] == {"size": ["2 L", "1 L"]}
    assert (form["availability"], form["available_quantity"]) == ("out-of-stock", -1)
    assert (form["price"], form["update_time"]) == (None, "2026-01-02T03:04:05.500Z")
    assert (form["brands"], form["uri"], form["withdrawn"]) == ([], "", False)


def test_a_json_field_is_the_json_that_it_holds() -> None:
    slot = prediction_service_pb2.Slot(product_id="p-1", product_json=b'{"id": "p-1"}')
    assert orjson.loads(orjson.dumps(public_form(slot)))["product"] == {"id": "p-1"}
    assert public_form(prediction_service_pb2.Slot())["product"] is None


def test_an_enum_value_that_is_not_given_or_not_known_is_empty() -> None:
    descriptor = product_pb2.Availability.DESCRIPTOR
    assert [enum_word(descriptor, number) for number in (0, 1, 3, 99)] == ["", "in-stock", "backorder", ""]


def test_what_cannot_be_unpacked_is_none() -> None:
    assert unpacked(AnyMessage()) is None
    assert unpacked(AnyMessage(type_url="type.googleapis.com/nobody.Knows", value=b"x")) is None


@given(st.integers(0, 10**14 - 1), st.sampled_from([("CNY", 2), ("JPY", 0), ("KWD", 3), ("USD", 2)]))
def test_money_goes_both_ways_exactly(minor: int, currency: tuple[str, int]) -> None:
    code, places = currency
    minor = min(minor, 10**12 * 10**places - 1)
    digits = str(minor).rjust(places + 1, "0")
    text = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    assert money_to_json(money_from_json(text, code, field="price")) == {"amount": text, "currency": code}


def test_money_without_a_currency_is_none() -> None:
    assert money_to_json(Money(units=3)) is None


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("", "CNY"),
        ("x", "CNY"),
        ("Infinity", "CNY"),
        ("1e12", "CNY"),
        ("-0.01", "CNY"),
        ("0.001", "CNY"),
        ("0.5", "JPY"),
    ],
)
def test_what_is_no_amount_is_refused(amount: str, currency: str) -> None:
    with pytest.raises(InvalidArgumentError):
        money_from_json(amount, currency, field="price")
