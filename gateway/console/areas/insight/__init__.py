"""What people search and buy: queries, and the models that answer what to show them."""

from typing import Final

from gateway.console.areas.insight import models, queries, query
from gateway.console.pages import Area

AREA: Final = Area(
    name="insight", pages=(queries.PAGE, query.PAGE, models.PAGE), cards=(models.CARD,), topics=(models.TOPIC,)
)
