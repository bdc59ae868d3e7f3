"""Controls of search and recommendation: what stands first, what never shows, and what that would change."""

from typing import Final

from gateway.console.areas.controls import listing, previewing, showing, writing
from gateway.console.pages import Area

AREA: Final = Area(
    name="controls",
    pages=(listing.PAGE, writing.NEW_PAGE, showing.PAGE, writing.EDIT_PAGE, previewing.PAGE),
    cards=(listing.CARD,),
    finders=(listing.FINDER,),
)
