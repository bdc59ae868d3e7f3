"""Puts orders together and runs it."""

from services.chassis.server import Runtime, Service, run_service
from services.orders.settings import OrdersSettings
from services.orders.store.collections import ORDER_EVENTS

SERVICE = "orders"


async def build(runtime: Runtime[OrdersSettings]) -> Service:
    """Compose the service."""
    runtime.event_log(ORDER_EVENTS)
    return Service(servicers=[])


if __name__ == "__main__":
    run_service(SERVICE, OrdersSettings, build)
