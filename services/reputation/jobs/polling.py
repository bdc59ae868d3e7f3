"""Fetches the feeds that are due and writes what is new of them into the log of mentions; one pass of a job.

How a fetch went is saved after its mentions are: what a crash cuts off is fetched again, and what was written already
is recognised by its id. An item that changed at its source after it was heard stays as it was heard.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from services.chassis.clock import Clock
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.port import NewEvent, VerdictStatus
from services.chassis.logs import get_log
from services.chassis.metrics import Metric, MetricKind, Metrics
from services.reputation.domain.errors import FeedRefusedError, MentionRefusedError
from services.reputation.domain.feeds import Feed, form_of_item
from services.reputation.domain.mentions import (
    CHANNEL,
    MENTION_PUBLISHED,
    CheckedMention,
    MentionRules,
    check_mention,
    writer_of,
)
from services.reputation.domain.sources import (
    LONGEST_INTERVAL,
    HostBudget,
    Source,
    SourceKind,
    Standing,
    after_failure,
    after_success,
)
from services.reputation.jobs.fetching import Fetch, FetchFailedError
from services.reputation.store.sources import SourceStore, StoredStanding

LOOK_INTERVAL_S: Final = 1.0
DUE_LIMIT: Final = 500
AT_ONCE: Final = 4
HOST_BURST: Final = 4  # fetches from one host that may follow one another
HOST_PAUSE: Final = timedelta(seconds=10)  # between two of them in the long run
OWNER: Final = "feed"
POLLING_METRICS: Final = (
    Metric("zhike_reputation_polls_total", MetricKind.COUNTER, "Feeds fetched, by how it went.", ("outcome",)),
    Metric(
        "zhike_reputation_feed_items_total", MetricKind.COUNTER, "Items of feeds by what became of them.", ("status",)
    ),
)
_FINE, _UNCHANGED = "fine", "unchanged"
_NEW, _KNOWN, _SKIPPED = "new", "known", "skipped"

log = get_log("polling")


class ReadFeed(Protocol):
    """What reads a feed (jobs/feed_reader.py)."""

    async def read(self, body: bytes, content_type: str) -> Feed:
        """Return what a feed says. Raises FeedRefusedError."""


class Poller:
    """Polls the feeds of one deployment. ``poll`` is one pass; passes never overlap."""

    def __init__(
        self,
        sources: SourceStore,
        log: DocumentsLog,
        *,
        fetch: Fetch,
        reader: ReadFeed,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._sources, self._log, self._fetch, self._reader, self._clock = sources, log, fetch, reader, clock
        self._budget = HostBudget(HOST_BURST, HOST_PAUSE)
        self._polls = metrics.counter("zhike_reputation_polls_total")
        self._items = metrics.counter("zhike_reputation_feed_items_total")

    async def poll(self) -> None:
        """Fetch every feed that is due, as far as the budgets of their hosts allow."""
        due = await self._sources.due(self._clock.now(), DUE_LIMIT)
        if not due:
            return
        sources = {source.id: source for source in await self._sources.all()}
        asked: list[Callable[[], Awaitable[None]]] = []
        for stored in due:
            source = sources.get(stored.source_id)
            if source is None:
                await self._sources.forget_standing(stored.source_id)
            elif not source.enabled or source.kind is not SourceKind.FEED:
                await self._put_off(stored, LONGEST_INTERVAL)
            elif self._budget.take(source.host, self._clock.monotonic()):
                asked.append(_bound(self._poll_one, source, stored))
        await _at_once(asked, AT_ONCE)

    async def _poll_one(self, source: Source, stored: StoredStanding) -> None:
        standing, now = stored.standing, self._clock.now()
        try:
            after, outcome = await self._asked(source, standing, now)
        except FeedRefusedError as error:
            pause = error.wanted_pause if isinstance(error, FetchFailedError) else None
            after = after_failure(standing, now, source.poll_interval, error=error.reason, wanted_pause=pause)
            outcome = error.reason
            log.info("feed failed", source=source.id, reason=error.reason, failures=after.failures)
        self._polls.labels(outcome).inc()
        if not await self._sources.save_standing(replace(stored, standing=after)):
            log.info("feed was edited while it was fetched", source=source.id)

    async def _asked(self, source: Source, standing: Standing, now: datetime) -> tuple[Standing, str]:
        fetched = await self._fetch(source.url, etag=standing.etag, modified=standing.modified, now=now)
        if not fetched.is_news:
            etag, modified = fetched.etag or standing.etag, fetched.modified or standing.modified
            return after_success(standing, now, source.poll_interval, etag=etag, modified=modified), _UNCHANGED
        feed = await self._reader.read(fetched.body, fetched.content_type)
        new, skipped = await self._take(source, feed, now)
        after = after_success(
            standing, self._clock.now(), source.poll_interval, etag=fetched.etag, modified=fetched.modified
        )
        return replace(after, new_items=after.new_items + new, skipped_items=after.skipped_items + skipped), _FINE

    async def _take(self, source: Source, feed: Feed, now: datetime) -> tuple[int, int]:
        """Write the items that are new; return how many, and how many could not be kept."""
        mentions, skipped = _mentions(source, feed, now)
        owner = writer_of(OWNER, source.id)
        known = await self._log.events_named(source.shop, owner, [mention.id for mention in mentions])
        heard = {event.payload["id"] for event in known}
        fresh = [mention for mention in mentions if mention.id not in heard]
        new = 0
        if fresh:
            verdicts = await self._log.append([_new_event(mention, owner) for mention in fresh])
            new = sum(verdict.status is VerdictStatus.STORED for verdict in verdicts)
        for status, count in ((_NEW, new), (_KNOWN, len(mentions) - new), (_SKIPPED, skipped)):
            self._items.labels(status).inc(count)
        if new or skipped:
            log.info("feed read", source=source.id, new=new, known=len(mentions) - new, skipped=skipped)
        return new, skipped

    async def _put_off(self, stored: StoredStanding, pause: timedelta) -> None:
        """Look at a standing that is not polled later; enabling a source wakes it."""
        later = replace(stored.standing, next_time=self._clock.now() + pause)
        await self._sources.save_standing(replace(stored, standing=later))


def _mentions(source: Source, feed: Feed, now: datetime) -> tuple[list[CheckedMention], int]:
    rules, found, skipped = MentionRules(now, source.shop), dict[str, CheckedMention](), feed.skipped
    for item in feed.items:
        form = form_of_item(item, source.id, source.shop, now)
        try:
            mention = None if form is None else check_mention(form, rules)
        except MentionRefusedError:
            mention = None
        if mention is None:
            skipped += 1
        else:
            found.setdefault(mention.id, mention)  # a feed that names an item twice means the first
    return list(found.values()), skipped


def _new_event(mention: CheckedMention, owner: str) -> NewEvent:
    return NewEvent(
        client_event_id=mention.id,
        owner=owner,
        type=MENTION_PUBLISHED,
        occurred_time=mention.published,
        shop=mention.shop,
        channel=CHANNEL,
        subject=mention.subject,
        payload=mention.payload,
    )


def _bound(
    poll: Callable[[Source, StoredStanding], Awaitable[None]], source: Source, stored: StoredStanding
) -> Callable[[], Awaitable[None]]:
    return lambda: poll(source, stored)


async def _at_once(work: Sequence[Callable[[], Awaitable[None]]], limit: int) -> None:
    """Do all of it, at most ``limit`` at a time."""
    turns = asyncio.Semaphore(limit)

    async def one(do: Callable[[], Awaitable[None]]) -> None:
        async with turns:
            await do()

    async with asyncio.TaskGroup() as group:
        for each in work:
            group.create_task(one(each))
