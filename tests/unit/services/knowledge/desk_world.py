"""The service desk in memory, beside the rest of knowledge."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.metrics import EVENTLOG_METRICS
from services.chassis.eventlog.outbox import OutboxRelay
from services.chassis.metrics import Metrics
from services.kits.calendars.chinese_days import ChineseDays
from services.kits.calendars.work_calendar import WorkCalendar
from services.knowledge.domain.answer_clock import AnswerClock
from services.knowledge.domain.cases import Case, CaseKind, Entry, Opening
from services.knowledge.store.cases import CASES, CASES_LOG, CaseStore
from services.knowledge.usecases.cases import CaseDesk, create_case
from tests.unit.services.knowledge.conftest import World

SHANGHAI = ZoneInfo("Asia/Shanghai")
FRIDAY = datetime(2026, 11, 27, 7, 0, tzinfo=UTC)  # 15:00 in Shanghai
CLOCK = AnswerClock(
    WorkCalendar(SHANGHAI, ChineseDays()), answer_within=timedelta(hours=24), warn_before=timedelta(hours=4)
)


@dataclass
class DeskWorld:
    """The desk, its log and what it told of."""

    world: World
    desk: CaseDesk
    log: DocumentsLog
    relay: OutboxRelay
    told: list[tuple[Case, Entry]]

    async def complaint(self, request_id: str = "r-1", **changes: str) -> Case:
        """Open a complaint."""
        return await create_case(self.desk, opening(**changes), actor="customer", request_id=request_id)

    async def events(self) -> list[str]:
        """Return the types of what the log tells, after the relay looked."""
        await self.relay.relay_all()
        return [event.type for event in await self.log.read(0, after=0)]


def opening(**changes: str) -> Opening:
    """Return what a complaint is opened with."""
    words = {
        "customer": "login:u42",
        "shop": "main",
        "channel": "web",
        "order_number": "1001",
        "product_id": "p-1",
        "title": "",
        "text": "牛奶坏了 The milk was off",
    }
    return Opening(kind=CaseKind.COMPLAINT, **{**words, **changes})


async def make_desk(world: World) -> DeskWorld:
    """Put a desk beside a world of knowledge."""
    told: list[tuple[Case, Entry]] = []
    log = DocumentsLog(world.documents, CASES_LOG, 1, world.clock, Random(1))
    await log.open()
    store = CaseStore(world.documents)
    await store.declare()
    relay = OutboxRelay(world.documents, CASES, log, metrics=Metrics([EVENTLOG_METRICS]))
    desk = CaseDesk(
        store, world.customers, world.clock, CLOCK, lambda case, entries: told.extend((case, each) for each in entries)
    )
    return DeskWorld(world, desk, log, relay, told)
