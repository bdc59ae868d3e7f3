"""The order in schema.org's words: valid names for every state, nothing personal."""

import json

import pytest

from services.orders.domain import linked_data as module
from services.orders.domain.folding import fold_order
from services.orders.domain.lifecycle import Headline
from services.orders.domain.linked_data import linked_data
from services.orders.domain.order import OrderRef
from tests.strategies.orders import parcel, placed, portions, told

# https://schema.org/OrderStatus
STATUSES = {
    "OrderCancelled",
    "OrderDelivered",
    "OrderInTransit",
    "OrderPaymentDue",
    "OrderPickupAvailable",
    "OrderProblem",
    "OrderProcessing",
    "OrderReturned",
}
REF = OrderRef("main", "1001")


@pytest.mark.parametrize("headline", list(Headline))
def test_every_headline_has_a_status_of_schema_org(headline: Headline) -> None:
    assert module._ORDER_STATUS[headline] in STATUSES


def test_parcels_statuses_are_of_schema_org() -> None:
    assert set(module._PARCEL_STATUS.values()) <= STATUSES


def test_an_order_is_told_with_its_lines_and_parcels() -> None:
    events = [
        placed(2, 1, identifiers=["phone:+8613800138000"]),
        told("pack", "shipment-created", 2, parcel=parcel(1), portions=portions({1: 2})),
        told("pick", "shipment-picked-up", 3, parcel=parcel(1)),
    ]
    document = linked_data(REF, fold_order(events))
    assert document["@context"] == "https://schema.org"
    assert document["orderStatus"] == "https://schema.org/OrderInTransit"
    assert document["acceptedOffer"] == {"@type": "Offer", "price": "30.00", "priceCurrency": "CNY"}
    assert [each["orderQuantity"] for each in document["orderedItem"]] == [2, 1]
    delivery = document["orderDelivery"][0]
    assert (delivery["@type"], delivery["trackingNumber"], delivery["itemShipped"][0]["sku"]) == (
        "ParcelDelivery",
        "SF1",
        "p-1",
    )
    assert "13800138000" not in json.dumps(document)


def test_facts_without_an_order_are_told_too() -> None:
    document = linked_data(REF, fold_order([told("pick", "shipment-picked-up", 3, parcel=parcel(1))]))
    assert document["orderStatus"] == "https://schema.org/OrderProcessing"
    assert "orderDate" not in document
