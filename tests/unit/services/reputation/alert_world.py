"""Alerts in memory, with their log, as one process or several keep them."""

from dataclasses import dataclass, field
from random import Random

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.port import DocumentStore
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.metrics import EVENTLOG_METRICS
from services.chassis.eventlog.outbox import OutboxRelay
from services.chassis.eventlog.port import Event
from services.chassis.metrics import Metrics
from services.reputation.domain.alerts import Alert, Entry
from services.reputation.store.alerts import ALERTS, ALERTS_LOG, AlertStore, SilenceStore
from services.reputation.usecases.alerts import AlertDesk
from tests.fakes.clock import ManualClock
from tests.strategies.alerts import HOLD, LADDER, START


@dataclass
class AlertWorld:
    """One store of alerts and the log that they leave to."""

    documents: MemoryDocuments
    clock: ManualClock
    log: DocumentsLog
    saved: list[tuple[str, Entry]] = field(default_factory=list)

    def desk(self, documents: DocumentStore | None = None) -> AlertDesk:
        """Return what a process works with, over another view of the store if one is given."""

        def saved(alert: Alert, entries: tuple[Entry, ...]) -> None:
            self.saved += [(alert.id, entry) for entry in entries]

        store = documents or self.documents
        return AlertDesk(AlertStore(store), SilenceStore(store), self.clock, HOLD, LADDER, saved)

    async def relayed(self, documents: DocumentStore | None = None) -> list[Event]:
        """Relay what waits, and return the whole log."""
        relay = OutboxRelay(documents or self.documents, ALERTS, self.log, metrics=Metrics([EVENTLOG_METRICS]))
        await relay.relay_all()
        return list(await self.log.read(0, after=0, limit=1_000))


async def make_alert_world() -> AlertWorld:
    """Return a world without alerts. One partition, so that the order of telling is seen."""
    documents, clock = MemoryDocuments(), ManualClock(START)
    log = DocumentsLog(documents, ALERTS_LOG, 1, clock, Random(1))
    await log.open()
    world = AlertWorld(documents, clock, log)
    await world.desk().alerts.declare()
    await world.desk().silences.declare()
    return world
