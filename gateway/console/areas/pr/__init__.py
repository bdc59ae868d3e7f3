"""What the public says: mentions, alerts, sources, brands. Cards and the finder for mentions are the start area's."""

from typing import Final

from gateway.console.areas.pr import alert, alerts, brands, mentions, silences, sources, topics
from gateway.console.pages import Area

AREA: Final = Area(
    name="pr",
    pages=(
        alerts.PAGE,
        alert.PAGE,
        mentions.PAGE,
        mentions.ONE_PAGE,
        sources.PAGE,
        sources.ONE_PAGE,
        brands.PAGE,
        brands.ONE_PAGE,
        silences.PAGE,
    ),
    topics=(topics.MENTIONS,),
)
