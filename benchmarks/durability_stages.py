"""Which processes the durability benchmark kills, and which of their projections it compares with ones built anew."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.durability_processes import LOG, OWNER, PROJECTION, READER, VISITORS, visitors_projection
from services.chassis.documents.port import Collection, DocumentStore
from services.chassis.eventlog.rebuild import Build
from services.kits.purchases import ORDER_EVENTS
from services.knowledge.store.collections import (
    ACTIVITY,
    ORDERS,
    SHOPPING,
    USER_EVENTS,
)
from services.knowledge.store.projections import ShoppingProjection
from services.search.jobs.log_mining import SEARCHES_LOG, LogMiner, miner_projection
from services.search.settings import SearchSettings
from services.search.store.mined import COUNTED_ORDERS, MINED
from services.search.store.mined import PROJECTION as MINING
from services.search.store.secret import attribution_secret

SHOPPERS_LOGS = (("knowledge", USER_EVENTS), ("orders", ORDER_EVENTS))


@dataclass(frozen=True)
class Check:
    """A projection to compare: whose it is, what of it is stored, the logs (owner, name) that it is made from.

    ``prepare(live, anew)`` returns what builds it over the store ``anew``; ``live`` is its service's own store.
    """

    service: str
    name: str
    collections: Sequence[Collection]
    logs: Sequence[tuple[str, str]]
    prepare: Callable[[DocumentStore, DocumentStore], Awaitable[Build]]


@dataclass(frozen=True)
class Stage:
    """``programs``: service -> what Python runs. The first owns the user events, the second reads them."""

    programs: Mapping[str, Sequence[str]]
    checks: Sequence[Check]


async def _visitors(_live: DocumentStore, anew: DocumentStore) -> Build:
    return lambda name, resolve: visitors_projection(anew, name, resolve)


async def _shopping(_live: DocumentStore, anew: DocumentStore) -> Build:
    return lambda name, resolve: ShoppingProjection(anew, name, resolve)


async def _mined(live: DocumentStore, anew: DocumentStore) -> Build:
    secret = await attribution_secret(live, b"never taken: there is one")
    return miner_projection(anew, LogMiner(secret, SearchSettings().zone))


CHASSIS_STAGE = Stage(
    programs={
        OWNER: ("benchmarks.durability_processes", "owner"),
        READER: ("benchmarks.durability_processes", "reader"),
    },
    checks=[Check(READER, PROJECTION, [VISITORS], [(OWNER, LOG)], _visitors)],
)

PLATFORM_STAGE = Stage(
    programs={
        "knowledge": ("services.knowledge.main",),
        "search": ("services.search.main",),
        "orders": ("services.orders.main",),
    },
    checks=[
        Check("knowledge", SHOPPING, [ORDERS, ACTIVITY], SHOPPERS_LOGS, _shopping),
        Check("search", MINING, [MINED, COUNTED_ORDERS], [("search", SEARCHES_LOG), *SHOPPERS_LOGS], _mined),
    ],
)

STAGES: Mapping[str, Stage] = {"platform": PLATFORM_STAGE, "chassis": CHASSIS_STAGE}
