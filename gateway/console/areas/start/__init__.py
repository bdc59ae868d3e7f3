"""The start page, the search box and a reader's own settings; what all areas' services have to say there."""

from typing import Final

from gateway.console.areas.start import attention, finders, home, preferences, search, topics
from gateway.console.pages import Area

AREA: Final = Area(
    name="start",
    pages=(home.PAGE, search.PAGE, preferences.PAGE, preferences.KEYS_PAGE),
    cards=attention.CARDS,
    finders=finders.FINDERS,
    topics=topics.TOPICS,
)
