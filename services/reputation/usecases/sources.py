"""What people do with sources and brands: keep, change, remove, and see how they stand."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from services.chassis.clock import Clock
from services.reputation.domain.brands import Brand, check_brand
from services.reputation.domain.counters import Scope, ScopeKind
from services.reputation.domain.errors import SourceInvalidError
from services.reputation.domain.silence import HISTORY, Silence, SourceRhythm, silent_sources
from services.reputation.domain.sources import Source, SourceKind, Standing, check_source
from services.reputation.store.mentions import MentionStore
from services.reputation.store.sources import BrandStore, SourceStore

MAX_PAGE_SOURCES: Final = 200
# What can be changed, as the API names it, and what it is called here.
EDITABLE: Final = {
    "title": "title",
    "url": "url",
    "tier": "tier",
    "reach": "reach",
    "poll_interval_s": "poll_interval",
    "disabled": "enabled",
}


@dataclass(frozen=True, slots=True)
class Watching:
    """What watching sources takes."""

    sources: SourceStore
    mentions: MentionStore
    clock: Clock


@dataclass(frozen=True, slots=True)
class SourceView:
    """A source, how fetching it goes (None: never, or not a feed), and why it is missed, if it is."""

    source: Source
    standing: Standing | None
    silence: Silence | None


async def create_source(watching: Watching, source: Source) -> SourceView:
    """Watch a new source. Raises SourceInvalidError, SourceTakenError, TooManyError."""
    kept = await watching.sources.create(check_source(source), watching.clock.now())
    return (await _views(watching, [kept]))[0]


async def get_source(watching: Watching, source_id: str) -> SourceView:
    """Return a source. Raises SourceNotFoundError."""
    return (await _views(watching, [await watching.sources.get(source_id)]))[0]


async def list_sources(watching: Watching, *, after: str | None, limit: int) -> tuple[list[SourceView], str | None]:
    """Return the next sources in the order of their ids, and where to go on."""
    sources, next_after = await watching.sources.page(after=after, limit=limit)
    return await _views(watching, list(sources)), next_after


async def update_source(
    watching: Watching, source: Source, fields: Iterable[str], *, expected_version: int
) -> SourceView:
    """Change the named fields; a feed whose address or state changed is fetched at once.

    Raises SourceNotFoundError, SourceInvalidError, VersionMismatchError.
    """
    named = list(dict.fromkeys(fields))
    unknown = [field for field in named if field not in EDITABLE]
    if unknown or not named:
        raise SourceInvalidError(f"a change names some of {', '.join(EDITABLE)}", field="update_mask")
    before = await watching.sources.get(source.id)
    values = {EDITABLE[field]: getattr(source, EDITABLE[field]) for field in named}
    changed = check_source(replace(before, **values))
    # Whoever names no version means the one that was read here, so that two edits at once lose neither's fields.
    kept = await watching.sources.replace(changed, expected_version=expected_version or before.version)
    if kept.kind is SourceKind.FEED and (kept.url, kept.enabled) != (before.url, before.enabled):
        await watching.sources.wake(source.id, watching.clock.now(), anew=kept.url != before.url)
    return (await _views(watching, [kept]))[0]


async def delete_source(watching: Watching, source_id: str, *, expected_version: int) -> None:
    """Watch a source no longer; what it said stays. Raises SourceNotFoundError, VersionMismatchError."""
    await watching.sources.delete(source_id, expected_version=expected_version)


async def poll_source(watching: Watching, source_id: str) -> SourceView:
    """Have a feed fetched as soon as its host's budget allows. Raises SourceNotFoundError, SourceInvalidError."""
    source = await watching.sources.get(source_id)
    if source.kind is not SourceKind.FEED:
        raise SourceInvalidError("only a feed is fetched", field="kind")
    await watching.sources.wake(source_id, watching.clock.now())
    return (await _views(watching, [source]))[0]


async def missed_sources(watching: Watching) -> tuple[Silence, ...]:
    """Return the sources that are dead or silent now, of those that are enabled."""
    sources = await watching.sources.all()
    return silent_sources(await _rhythms(watching, sources), watching.clock.now())


async def put_brand(brands: BrandStore, brand: Brand, *, expected_version: int) -> Brand:
    """Keep a brand. Raises BrandInvalidError, VersionMismatchError, TooManyError."""
    return await brands.put(check_brand(brand), expected_version=expected_version)


async def _views(watching: Watching, sources: Sequence[Source]) -> list[SourceView]:
    standings = await watching.sources.standings([source.id for source in sources])
    rhythms = await _rhythms(watching, sources, standings)
    missed = {each.source_id: each for each in silent_sources(rhythms, watching.clock.now())}
    return [
        SourceView(
            source,
            standings.get(source.id) if source.kind is SourceKind.FEED else None,
            missed.get(source.id),
        )
        for source in sources
    ]


async def _rhythms(
    watching: Watching, sources: Iterable[Source], known: Mapping[str, Standing] | None = None
) -> list[SourceRhythm]:
    watched = [source for source in sources if source.enabled]
    standings = await watching.sources.standings([each.id for each in watched]) if known is None else known
    now, rhythms = watching.clock.now(), list[SourceRhythm]()
    for source in watched:
        scope = Scope(source.shop, ScopeKind.SOURCE, source.id)
        arrivals = await watching.mentions.hourly_totals(scope, HISTORY + timedelta(days=1))
        standing = standings.get(source.id)
        dead = source.kind is SourceKind.FEED and standing is not None and standing.is_dead(now)
        rhythms.append(
            SourceRhythm(
                source_id=source.id,
                shop=source.shop,
                arrivals=arrivals,
                failing_since=standing.failing_since if dead and standing is not None else None,
                error=standing.error if dead and standing is not None else "",
            )
        )
    return rhythms
