"""The machinery: services, logs, dead letters, keys, webhooks, shops."""

from typing import Final

from gateway.console.pages import Area

AREA: Final = Area(name="operations")
