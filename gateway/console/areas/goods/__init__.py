"""Products and orders as staff look them up: one page each, reached by the search box and from other pages."""

from typing import Final

from gateway.console.areas.goods import order, product, products
from gateway.console.pages import Area

AREA: Final = Area(name="goods", pages=(products.PAGE, product.PAGE, order.PAGE))
