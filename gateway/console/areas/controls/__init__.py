"""Controls of search and recommendation: what stands first, what never shows, and what that would change."""

from typing import Final

from gateway.console.pages import Area

AREA: Final = Area(name="controls")
