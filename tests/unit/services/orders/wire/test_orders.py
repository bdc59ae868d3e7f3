"""Orders on the wire: a fact names the parcel that it is of, however its carrier named it."""

from services.orders.domain.events import Portion
from services.orders.domain.folding import fold_order
from services.orders.domain.order import OrderRef
from services.orders.usecases.reading import OrderAnswer
from services.orders.wire.orders import order_to_pb
from tests.strategies.orders import parcel, placed, told


def test_a_scan_without_the_parcels_day_stands_under_the_parcel() -> None:
    facts = [
        placed(1),
        told("packed", "shipment-created", 1, parcel=parcel(1), portions=(Portion(1),)),
        told("scan", "shipment-picked-up", 2, parcel=parcel(1, day="")),
    ]
    shown = order_to_pb(OrderAnswer(OrderRef("main", "7"), fold_order(facts), 3), for_shop=False)
    (shipment,) = shown.shipments
    assert {event.type: event.shipment_id for event in shown.events} == {
        "order-placed": "",
        "shipment-created": shipment.id,
        "shipment-picked-up": shipment.id,
    }
