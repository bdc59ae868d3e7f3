"""One box over everything: every finder is asked at once, and one that is away takes nothing from the others."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.console.pages import Finder, Found, Page, View
from gateway.console.staffing import EVERYBODY
from gateway.console.visit import Visit
from gateway.fallbacks import is_absent
from services.chassis.errors import ErrorKind, ZhikeError

TEXT_LIMIT: Final = 200
QUICK_HITS, PAGE_HITS = 3, 10
PATIENCE_S: Final = 2.0  # with one finder


@dataclass(frozen=True, slots=True)
class Hits:
    """What one finder found."""

    finder: Finder
    found: Sequence[Found]
    away: bool = False


async def show(visit: Visit) -> View:
    """Ask every finder of the reader's roles; "quick" wants the short list below the box."""
    text = visit.text("q", TEXT_LIMIT)
    quick = visit.query.get("quick") == "1"
    hits: Sequence[Hits] = ()
    if text:
        finders = [each for area in visit.areas for each in area.finders if each.roles & visit.staff.roles]
        wanted = QUICK_HITS if quick else PAGE_HITS
        hits = await asyncio.gather(*(_asked(visit, finder, text, wanted) for finder in finders))
    return {
        "text": text,
        "quick": quick,
        "hits": [each for each in hits if each.found],
        "away": [visit.words(each.finder.title) for each in hits if each.away],
    }


async def _asked(visit: Visit, finder: Finder, text: str, wanted: int) -> Hits:
    try:
        async with asyncio.timeout(PATIENCE_S):
            found = await finder.find(visit, text, wanted)
    except TimeoutError:
        return Hits(finder, (), away=True)
    except ZhikeError as error:
        if error.kind in {ErrorKind.NOT_FOUND, ErrorKind.INVALID}:
            return Hits(finder, ())  # this text is no identifier of that kind
        if not is_absent(error):
            raise
        return Hits(finder, (), away=True)
    return Hits(finder, found[:wanted])


PAGE: Final = Page(
    path="/search",
    roles=EVERYBODY,
    title="search.title",
    template="start/search.html",
    show=show,
    help="search.help",
)
