"""All routes of the API, in one list."""

from gateway.endpoints import Endpoint
from gateway.routers import admin, collect, desk, merchandising, operations, orders, public, storefront, webhooks


def all_endpoints() -> tuple[Endpoint, ...]:
    """Return every endpoint, the hot ones first."""
    return (
        *storefront.ENDPOINTS,
        *collect.ENDPOINTS,
        *orders.ENDPOINTS,
        *operations.ENDPOINTS,
        *merchandising.ENDPOINTS,
        *desk.ENDPOINTS,
        *admin.ENDPOINTS,
        *webhooks.ENDPOINTS,
        *public.endpoints(),
    )
