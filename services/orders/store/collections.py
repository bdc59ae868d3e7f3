"""The collections of orders and the projection that fills them, out of the log ``order-events``."""

from typing import Final

from services.chassis.documents.port import Collection

ORDER_PROJECTION: Final = "orders"

# The facts of each order, keyed by the order's id, which is made of its natural key.
ORDERS: Final = Collection("orders")
# By carrier and tracking number: which orders' parcels have it, and scans that came before anybody told.
PARCELS: Final = Collection("parcels")
