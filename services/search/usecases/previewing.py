"""What a search would show with a Control: one query slot by slot, the top queries in numbers."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import orjson

from services.chassis.operation_run import OperationRun
from services.kits.controls.control import Control
from services.kits.controls.live_controls import ControlSet, LiveControls
from services.kits.controls.plan import Plan as Ruling
from services.kits.controls.previewing import Look, Preview, Side, Tally, TracedSlot
from services.search.domain.answers import product_card
from services.search.domain.query import checked_query
from services.search.usecases.controlled import Sheet, first_sheet, redirect_of, ruled, ruling_of, untouched
from services.search.usecases.finding import Finder
from services.search.usecases.searching import Query, Shopper, request_of

SLOTS: Final = 24  # of a dry run's page
SOURCE, PINNED = "relevance", "pinned"


class SearchPreviewer:
    """Looks at searches through the finder that answers shoppers; nothing of it gets into the search log.

    ``top_queries``: what people search for most, the most first.
    """

    def __init__(
        self, finder: Finder, live: LiveControls, top_queries: Callable[[int], Awaitable[Sequence[str]]]
    ) -> None:
        self._finder, self._live, self._top_queries = finder, live, top_queries

    async def preview(self, control: Control, look: Look) -> Preview:
        """Look at one query. Raises QueryTooLongError."""
        query = Query(
            checked_query(look.query),
            "en" if look.language.startswith("en") else "zh",
            look.page_size,
            shopper=Shopper(look.identifiers, look.shop, look.channel),
        )
        before, _ = await self._side(query, self._live.without(control.id))
        after, ruling = await self._side(query, self._live.with_draft(control))
        applies = ruling is not None and any(each.id == control.id for each in ruling.controls)
        return Preview(before, after, applies)

    async def dry_run(self, control: Control, run: OperationRun, *, sample: int) -> Mapping[str, Any]:
        """Look at the first page of the top queries, those that the Control names among them; return what changes."""
        before_set, after_set, tally = self._live.without(control.id), self._live.with_draft(control), Tally()
        named = (*control.condition.queries, *control.condition.terms)
        queries = list(dict.fromkeys((*named, *await self._top_queries(sample))))[:sample]
        titles: dict[str, Mapping[str, str]] = {}
        for text in queries:
            await asyncio.sleep(0)
            await run.report()
            query = Query(text, "zh", SLOTS)
            before, _ = await self._sheet(query, before_set)
            after, ruling = await self._sheet(query, after_set)
            ids = [[hit.id for hit in sheet.hits] for sheet in (before, after)]
            tally.add(ids[0], ids[1], redirected=bool(redirect_of(ruling)))
            run.progress.rows += 1
            run.progress.accept("query")
            moved = set(ids[0]).symmetric_difference(ids[1]).difference(titles)
            for hit in (*before.hits, *after.hits):
                if hit.id in moved:
                    titles[hit.id] = dict(self._finder.index.shown(hit, "zh").read_product().title)
        return tally.result("queries", titles)

    async def _sheet(self, query: Query, controls: ControlSet) -> tuple[Sheet, Ruling | None]:
        request, shopper = request_of(query), query.shopper
        ruling = ruling_of(controls, request, shopper.identifiers, shop=shopper.shop, channel=shopper.channel)
        return await first_sheet(self._finder, ruled(request, ruling), ruling), ruling

    async def _side(self, query: Query, controls: ControlSet) -> tuple[Side, Ruling | None]:
        sheet, ruling = await self._sheet(query, controls)
        placed = sheet.placed or untouched(sheet.hits, 0)
        found = {hit.id for hit in sheet.found.page.hits}
        slots = []
        for hit, place in zip(sheet.hits, placed, strict=True):
            product = self._finder.index.shown(hit, query.language).read_product()
            slots.append(
                TracedSlot(
                    product_id=hit.id,
                    card=orjson.dumps(product_card(product, query.language)),
                    reason="",
                    source=SOURCE if hit.id in found else PINNED,
                    model="",
                    score=hit.score,
                    rank=place.rank,
                    origin=place.origin,
                    position=place.position,
                    effects=place.effects,
                )
            )
        side = Side(
            tuple(slots),
            redirect=redirect_of(ruling),
            synonyms=ruled(request_of(query), ruling).variants,
            total_size=sheet.total,
        )
        return side, ruling
