"""What people search and buy: queries, products, models."""

from typing import Final

from gateway.console.pages import Area

AREA: Final = Area(name="insight")
