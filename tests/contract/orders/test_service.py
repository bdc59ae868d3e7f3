"""The orders service as its callers see it: over the wire, restarted, rebuilt."""

from typing import Any

import grpc
import orjson
import pytest
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from zhike.chassis.v1 import system_service_pb2, system_service_pb2_grpc
from zhike.orders.v1 import order_pb2
from zhike.orders.v1 import order_service_pb2 as pb

from gateway.public_form import public_form
from gateway.schemas.orders import Order, ReturnReceipt, ShipmentReceipt
from tests.contract.orders.conftest import TIMEOUT_S, WRITER, OpenShop, Shop, ago, fact, placing


def reason_of(error: grpc.RpcError) -> str:
    status: status_pb2.Status | None = rpc_status.from_call(error)
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(info) for detail in status.details)
    return str(info.reason)


async def refusal(call: Any) -> str:
    with pytest.raises(grpc.RpcError) as refused:
        await call
    return reason_of(refused.value)


REBUILD_LIMIT_S = 90.0  # the old generation stays a while for those who still read it
PARCEL = {"carrier": "sf-express", "tracking_number": "SF1"}


async def told(shop: Shop) -> str:
    """Tell a whole life; return the order's id."""
    verdicts = await shop.tell(
        placing(),
        fact("payment-captured", "paid", minutes=59),
        fact("shipment-created", "pack", minutes=50, shipment=PARCEL, items=[{"line": 1, "quantity": 1}]),
        fact("shipment-delivered", "done", minutes=20, shipment=PARCEL),
        fact("return-requested", "ask", minutes=10, return_id="R1", line=1, quantity=1),
    )
    assert [each["status"] for each in verdicts] == ["stored"] * 5
    return str(verdicts[0]["order_id"])


async def test_what_is_told_is_read_in_the_public_form(open_shop: OpenShop) -> None:
    async with open_shop() as shop:
        order = await shop.read(await told(shop), seq=5)
        form = public_form(order)
        assert set(form) == set(Order.model_fields)
        assert (form["headline"], form["payment"]["state"], form["shipping"], form["returning"]) == (
            "partially-delivered", "paid", "partially-delivered", "requested",
        )  # fmt: skip
        line = form["lines"][0]
        assert [line[name] for name in ("quantity", "open", "shipped", "delivered")] == [2, 1, 1, 1]
        assert line["price"] == {"amount": "10.00", "currency": "CNY"}
        assert form["payment"]["captured"] == {"amount": "20.00", "currency": "CNY"}
        assert form["shipments"][0]["items"] == [{"line": 1, "quantity": 1}]
        assert form["headline_words"] == {"zh": "部分送达", "en": "Delivered in part"}
        assert [each["seq"] for each in form["events"]] == [1, 2, 3, 4, 5]
        data = orjson.loads(orjson.dumps(form["linked_data"]))
        assert (data["@type"], data["orderStatus"]) == ("Order", "https://schema.org/OrderInTransit")
        assert data["orderDelivery"][0]["trackingNumber"] == "SF1"


async def test_a_shopper_sees_what_is_the_shoppers(open_shop: OpenShop) -> None:
    async with open_shop() as shop:
        order_id = await told(shop)
        await shop.read(order_id, seq=5)
        get = shop.stub.GetOrder
        mine = await get(pb.GetOrderRequest(id=order_id, only_identifiers=["card:1000231"]), timeout=TIMEOUT_S)
        assert not (mine.identifiers or mine.remarks or any(event.source for event in mine.events))
        other = get(pb.GetOrderRequest(id=order_id, only_identifiers=["login:x"]), timeout=TIMEOUT_S)
        assert await refusal(other) == "ORDER_NOT_YOURS"
        assert await refusal(get(pb.GetOrderRequest(id="o-none"), timeout=TIMEOUT_S)) == "ORDER_NOT_FOUND"
        by_number = await get(pb.GetOrderRequest(shop="main", number="7"), timeout=TIMEOUT_S)
        assert by_number.id == order_id


async def test_the_doors_answer_what_the_api_documents(open_shop: OpenShop) -> None:
    async with open_shop() as shop:
        products = [{"id": "p-1", "quantity": 2}]
        new = {"number": "7", "time": ago(60), "products": products}
        create = pb.CreateOrderRequest(json=orjson.dumps(new), writer=WRITER, request_id="k1")
        placed = await shop.stub.CreateOrder(create, timeout=TIMEOUT_S)
        assert placed.created and placed.order.version == 1, "it can be read at once"
        again = await shop.stub.CreateOrder(create, timeout=TIMEOUT_S)
        assert again.created and again.order.id == placed.order.id
        create.json = orjson.dumps({**new, "number": "8"})
        assert await refusal(shop.stub.CreateOrder(create, timeout=TIMEOUT_S)) == "IDEMPOTENCY_KEY_REUSED"
        create.json, create.request_id = orjson.dumps({**new, "products": [{"id": "p-9"}]}), ""
        assert await refusal(shop.stub.CreateOrder(create, timeout=TIMEOUT_S)) == "ORDER_NUMBER_TAKEN"
        create.json = b'{"number": "9", "time": "yesterday", "products": []}'
        assert await refusal(shop.stub.CreateOrder(create, timeout=TIMEOUT_S)) == "ORDER_MALFORMED"

        parcel = {"order": {"number": "7"}, **PARCEL, "time": ago(50), "items": [{"line": 1, "quantity": 3}]}
        packed = await shop.stub.CreateShipment(
            pb.CreateShipmentRequest(json=orjson.dumps(parcel), writer=WRITER), timeout=TIMEOUT_S
        )
        assert set(public_form(packed)) == set(ShipmentReceipt.model_fields)
        assert [(each.reason, each.quantity) for each in packed.remarks] == [("OVER_SHIPPED", 1)]
        back = {"order": {"number": "7"}, "time": ago(5), "items": [{"line": 1, "quantity": 1}], "reason": "too big"}
        opened = await shop.stub.CreateReturn(
            pb.CreateReturnRequest(json=orjson.dumps(back), writer=WRITER), timeout=TIMEOUT_S
        )
        assert set(public_form(opened)) == set(ReturnReceipt.model_fields)
        assert opened.goods.state == order_pb2.RETURN_STATE_REQUESTED


async def test_a_batch_is_refused_as_a_whole_only_where_it_is_none(open_shop: OpenShop) -> None:
    async with open_shop() as shop:
        for body, reason in ((b"{}", "MALFORMED_BATCH"), (b"no", "MALFORMED_BATCH"), (b'{"events":[]}', "BATCH_SIZE")):
            request = pb.WriteOrderEventsRequest(json=body, writer=WRITER)
            assert await refusal(shop.stub.WriteOrderEvents(request, timeout=TIMEOUT_S)) == reason
        verdicts = await shop.tell(placing(), {"type": "payment-captured", "time": 3, "id": "x"})
        assert [each["status"] for each in verdicts] == ["stored", "rejected"]
        assert (verdicts[1]["id"], verdicts[1]["error"]["reason"]) == ("x", "EVENT_MALFORMED")


@pytest.mark.parametrize("count", [0, 201])
async def test_several_orders_are_asked_for_within_bounds(open_shop: OpenShop, count: int) -> None:
    async with open_shop() as shop:
        request = pb.BatchGetOrdersRequest(ids=[f"o-{number}" for number in range(count)])
        assert await refusal(shop.stub.BatchGetOrders(request, timeout=TIMEOUT_S)) == "INVALID_ARGUMENT"


async def test_what_was_acknowledged_is_there_after_a_restart(open_shop: OpenShop) -> None:
    async with open_shop() as shop:
        order_id = await told(shop)
    async with open_shop() as shop:
        assert len((await shop.read(order_id, seq=5)).events) == 5
        assert [each["status"] for each in await shop.tell(fact("payment-captured", "x"))] == ["stored"]


async def test_a_rebuild_gives_the_same_orders(open_shop: OpenShop) -> None:
    async with open_shop() as shop:
        scan = fact("shipment-picked-up", "early", shipment={**PARCEL, "tracking_number": "SF2"}, minutes=45)
        del scan["order"]
        await shop.tell(scan)
        order_id = await told(shop)
        pack = fact("shipment-created", "p2", minutes=50, shipment={**PARCEL, "tracking_number": "SF2"})
        await shop.tell(pack)
        before = await shop.read(order_id, seq=8)
        assert [each.type for each in before.events].count("shipment-picked-up") == 1
        channel = shop.clients.channel("orders")
        started = await system_service_pb2_grpc.SystemServiceStub(channel).RebuildProjection(
            system_service_pb2.RebuildProjectionRequest(projection="orders", request_id="r1"), timeout=TIMEOUT_S
        )
        done = await operations_pb2_grpc.OperationsStub(channel).WaitOperation(
            operations_pb2.WaitOperationRequest(name=started.name), timeout=REBUILD_LIMIT_S
        )
        assert done.done and not done.HasField("error")
        after = await shop.read(order_id)
        assert told_by_others(after) == told_by_others(before)
        assert (after.headline, after.payment, after.returns) == (before.headline, before.payment, before.returns)
        assert pieces(after) == pieces(before)


def pieces(order: order_pb2.Order) -> list[tuple[int, ...]]:
    return [
        (line.number, line.open, line.shipped, line.cancelled, line.delivered, line.returned) for line in order.lines
    ]


def told_by_others(order: order_pb2.Order) -> list[order_pb2.OrderEvent]:
    """Return the facts but for promises, which go on being made."""
    return [event for event in order.events if event.type != "promise-made"]
