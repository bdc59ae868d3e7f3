"""The start page, the search box and a reader's own settings."""

from typing import Final

from gateway.console.areas.start import home, preferences, search
from gateway.console.pages import Area

AREA: Final = Area(name="start", pages=(home.PAGE, search.PAGE, preferences.PAGE, preferences.KEYS_PAGE))
