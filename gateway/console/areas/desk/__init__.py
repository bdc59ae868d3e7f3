"""The service desk: customers, cases, the contact calendar."""

from typing import Final

from gateway.console.pages import Area

AREA: Final = Area(name="desk")
