"""The machinery: services, logs, dead letters, keys, webhooks, shops."""

from typing import Final

from gateway.console.areas.operations import keys, letters, shops, system, webhooks
from gateway.console.pages import Area

AREA: Final = Area(
    name="operations",
    pages=(
        system.PAGE,
        letters.PAGE,
        letters.ONE_PAGE,
        keys.PAGE,
        webhooks.PAGE,
        webhooks.ONE_PAGE,
        shops.PAGE,
    ),
)
