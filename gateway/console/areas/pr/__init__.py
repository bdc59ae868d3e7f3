"""What the public says: mentions, alerts, sources."""

from typing import Final

from gateway.console.pages import Area

AREA: Final = Area(name="pr")
