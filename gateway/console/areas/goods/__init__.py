"""Products and orders as staff look them up: one page each, reached by the search box and from other pages."""

from typing import Final

from gateway.console.areas.goods import late, order, product, products
from gateway.console.pages import Area

AREA: Final = Area(name="goods", pages=(products.PAGE, product.PAGE, late.PAGE, order.PAGE), cards=(late.CARD,))
