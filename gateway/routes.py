"""All routes of the API, in one list."""

from gateway.endpoints import Endpoint
from gateway.routers import (
    admin,
    alerts,
    cases,
    collect,
    contacts,
    controls,
    desk,
    merchandising,
    operations,
    orders,
    pr,
    privacy,
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
        *controls.ENDPOINTS,
        *scenes.ENDPOINTS,
        *desk.ENDPOINTS,
        *cases.ENDPOINTS,
        *contacts.ENDPOINTS,
        *privacy.ENDPOINTS,
        *pr.ENDPOINTS,
        *alerts.ENDPOINTS,
        *tone.ENDPOINTS,
        *admin.ENDPOINTS,
        *webhooks.ENDPOINTS,
        *staff.ENDPOINTS,
        *public.endpoints(),
    )
