"""All routes of the API, in one list."""

from gateway.endpoints import Endpoint
from gateway.routers import (
    admin,
    alerts,
    collect,
    desk,
    merchandising,
    operations,
    orders,
    pr,
    promises,
    public,
    scenes,
    staff,
    storefront,
    tone,
    webhooks,
)


def all_endpoints() -> tuple[Endpoint, ...]:
    """Return every endpoint, the hot ones first."""
    return (
        *storefront.ENDPOINTS,
        *collect.ENDPOINTS,
        *orders.ENDPOINTS,
        *promises.ENDPOINTS,
        *operations.ENDPOINTS,
        *merchandising.ENDPOINTS,
        *scenes.ENDPOINTS,
        *desk.ENDPOINTS,
        *pr.ENDPOINTS,
        *alerts.ENDPOINTS,
        *tone.ENDPOINTS,
        *admin.ENDPOINTS,
        *webhooks.ENDPOINTS,
        *staff.ENDPOINTS,
        *public.endpoints(),
    )
