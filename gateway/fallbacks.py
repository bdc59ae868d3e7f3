"""What is answered in a service's place while it is down or late: the last page of the same search, what is popular.

Both are kept in memory, bounded in number, bytes and age, and lost with the process. Neither is personal: the order of
a search does not depend on who asks, and what is popular is asked for nobody. Events that follow from such an answer
are credited to no search and no model: its attribution token is empty.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from typing import Any, Final

import orjson
from zhike.recommendation.v1 import prediction_service_pb2
from zhike.type.v1 import answer_pb2, identifier_pb2

from gateway.clients import PREDICT, Caller
from services.chassis.clock import Clock
from services.chassis.errors import ErrorKind, ZhikeError
from services.chassis.logs import get_log
from services.chassis.metrics import Metrics

PAGES_LIMIT: Final = 1_000
PAGES_LIMIT_BYTES: Final = 32 * 1024 * 1024
PAGE_LIMIT_S: Final = 600.0  # older prices and stocks are worse than no answer
POPULAR_LIMIT: Final = 64  # shops and languages
POPULAR_LIMIT_S: Final = 3_600.0
POPULAR_AGE_S: Final = 60.0  # asked for again when older
POPULAR_SLOTS: Final = 50  # the largest page, so that products to be left out do not empty it
REFRESH_PAUSE_S: Final = 2.0
POPULAR: Final = "popular"
STALE_PAGE: Final = "stale-page"
CHANNEL: Final = "web"
FALLBACK_REASON: Final = "RECOMMENDATION_UNAVAILABLE"
PLACEMENTS: Final = frozenset(
    {
        "recommended-for-you",
        "similar-items",
        "frequently-bought-together",
        "buy-it-again",
        "recently-viewed",
        POPULAR,
    }
)

Header = tuple[bytes, bytes]

log = get_log("fallbacks")


def is_absent(error: ZhikeError) -> bool:
    """Say whether a service is down, late or too busy: what another answer may stand in for."""
    return error.kind in {ErrorKind.UNAVAILABLE, ErrorKind.DEADLINE}


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer and when it was given, on the monotonic clock."""

    content: bytes
    time: float


class KeptPages:
    """The last page of each search; the one that was longest not asked for goes first."""

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        self._now = clock.monotonic
        self._pages: OrderedDict[Hashable, Kept] = OrderedDict()
        self._bytes = 0
        self._answers = metrics.counter("zhike_fallbacks_total").labels(STALE_PAGE)

    def __len__(self) -> int:
        return len(self._pages)

    @property
    def size_bytes(self) -> int:
        """What the pages take."""
        return self._bytes

    def keep(self, key: Hashable, content: bytes) -> None:
        """Keep a page that was answered now."""
        pages = self._pages
        before = pages.pop(key, None)
        self._bytes += len(content) - (0 if before is None else len(before.content))
        pages[key] = Kept(content, self._now())
        while len(pages) > PAGES_LIMIT or self._bytes > PAGES_LIMIT_BYTES:
            _, oldest = pages.popitem(last=False)
            self._bytes -= len(oldest.content)

    def find(self, key: Hashable) -> Kept | None:
        """Return the page, unless it is too old."""
        kept = self._pages.get(key)
        return None if kept is None or self._now() - kept.time > PAGE_LIMIT_S else kept

    def answer(self, kept: Kept) -> tuple[bytes, Header]:
        """Return the page, marked as what it is, and its age."""
        self._answers.inc()
        page = orjson.loads(kept.content)
        page |= {"stale": True, "attribution_token": ""}
        return orjson.dumps(page), _age(self._now() - kept.time)


class KeptPopular:
    """What was popular last, for each shop and language that asked for any recommendation."""

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        self._now = clock.monotonic
        self._kept: OrderedDict[tuple[str, str], Kept | None] = OrderedDict()
        self._answers = metrics.counter("zhike_fallbacks_total").labels(POPULAR)

    def want(self, shop: str, language: str) -> None:
        """Have ``refresh`` ask for this shop and language from now on."""
        key = (shop, language)
        if key in self._kept:
            self._kept.move_to_end(key)
            return
        self._kept[key] = None
        if len(self._kept) > POPULAR_LIMIT:
            self._kept.popitem(last=False)

    def find(self, placement: str, shop: str, language: str) -> Kept | None:
        """Return what may stand in for a placement."""
        kept = self._kept.get((shop, language)) if placement in PLACEMENTS else None
        return None if kept is None or self._now() - kept.time > POPULAR_LIMIT_S else kept

    def answer(self, kept: Kept, placement: str, *, page_size: int, without: Collection[str]) -> tuple[bytes, Header]:
        """Fill the placement with what is popular, named as such; return its age too."""
        self._answers.inc()
        slots = [each for each in orjson.loads(kept.content)["slots"] if each["product"]["id"] not in without]
        body: dict[str, Any] = {
            "slots": slots[:page_size],
            "placement": placement,
            "source": POPULAR,
            "model_version": "",
            "fallback_reason": FALLBACK_REASON,
            "attribution_token": "",
            "engine_us": 0,
        }
        return orjson.dumps(body), _age(self._now() - kept.time)

    async def refresh(self, caller: Caller) -> None:
        """Ask once for all that is missing or has grown old; what cannot be had now is left as it was."""
        for (shop, language), kept in tuple(self._kept.items()):
            if kept is not None and self._now() - kept.time < POPULAR_AGE_S:
                continue
            request = prediction_service_pb2.PredictRequest(
                placement=POPULAR,
                shopper=identifier_pb2.Shopper(shop=shop, channel=CHANNEL),
                page_size=POPULAR_SLOTS,
                language=language,
                format=answer_pb2.ANSWER_FORMAT_JSON,
                synthetic=True,  # nobody saw it
            )
            try:
                response = await PREDICT.briefly(caller, request)
            except ZhikeError as error:
                log.debug("what is popular was not had", reason=error.reason)
                return
            # A shop that sold nothing yet has nothing to show in another's place: it is asked again at the next turn.
            if (shop, language) in self._kept and orjson.loads(response.json)["slots"]:
                self._kept[shop, language] = Kept(response.json, self._now())

    async def keep_fresh(self, caller: Caller, sleep: Callable[[float], Any] = asyncio.sleep) -> None:
        """Refresh for ever."""
        while True:
            await self.refresh(caller)
            await sleep(REFRESH_PAUSE_S)


class Fallbacks:
    """All that this process keeps to answer in another's place."""

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        self.pages = KeptPages(clock, metrics)
        self.popular = KeptPopular(clock, metrics)


def _age(seconds: float) -> Header:
    return b"age", b"%d" % seconds
