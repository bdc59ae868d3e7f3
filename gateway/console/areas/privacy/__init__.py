"""Consent, export and erasure on a customer's request."""

from typing import Final

from gateway.console.pages import Area

AREA: Final = Area(name="privacy")
