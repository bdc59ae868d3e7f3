"""Puts the service desk together: cases, their clock and log, and the calendar of contacts."""

from collections.abc import Mapping
from typing import Final

from services.chassis.eventlog.outbox import OutboxRelay
from services.chassis.jobs import Job
from services.chassis.metrics import Metric, MetricKind
from services.chassis.server import Runtime
from services.knowledge.domain.cases import Case, Entry, What
from services.knowledge.settings import KnowledgeSettings
from services.knowledge.store.cases import CASES, CASES_LOG, CaseStore
from services.knowledge.store.class_basis import ClassStore
from services.knowledge.store.contacts import ContactStore
from services.knowledge.store.customers import CustomerStore
from services.knowledge.usecases.cases import CaseDesk, tick_cases
from services.knowledge.usecases.contacts import ContactDesk

CLOCK_INTERVAL_S: Final = 5.0
DESK_METRICS: Final = (
    Metric("zhike_knowledge_case_steps_total", MetricKind.COUNTER, "What happened to cases.", ("kind", "step")),
    Metric("zhike_knowledge_case_breaches_total", MetricKind.COUNTER, "Cases not answered in time.", ("kind",)),
)


class ServiceDesk:
    """Everything that the service desk works with."""

    def __init__(self, runtime: Runtime[KnowledgeSettings], customers: CustomerStore, classes: ClassStore) -> None:
        runtime.metrics.declare(DESK_METRICS)
        self._relay = OutboxRelay(runtime.documents, CASES, runtime.event_log(CASES_LOG), metrics=runtime.metrics)
        self._steps = runtime.metrics.counter("zhike_knowledge_case_steps_total")
        self._breaches = runtime.metrics.counter("zhike_knowledge_case_breaches_total")
        self.cases = CaseDesk(
            CaseStore(runtime.documents),
            customers,
            runtime.clock,
            runtime.settings.answer_clock(),
            self._saved,
            runtime.suppression,
        )
        self.contacts = ContactDesk(
            ContactStore(runtime.documents),
            customers,
            classes,
            runtime.clock,
            runtime.settings.work_calendar(),
            runtime.settings.default_consent,
            runtime.suppression,
        )

    async def open(self) -> None:
        """Create the collections."""
        await self.cases.cases.declare()
        await self.contacts.contacts.declare()

    def jobs(self) -> tuple[Job, ...]:
        """Return what runs beside the requests, once whichever replica does it."""
        return (
            Job("cases-outbox", self._relay.run),
            Job("answer-clock", self._tick, every_s=CLOCK_INTERVAL_S),
        )

    async def facts(self) -> Mapping[str, int]:
        """Say how much there is, for an operator."""
        return {"cases": await self.cases.cases.count(), "contacts": await self.contacts.contacts.count_all()}

    async def _tick(self) -> None:
        while await tick_cases(self.cases):
            pass

    def _saved(self, case: Case, entries: tuple[Entry, ...]) -> None:
        for entry in entries:
            self._steps.labels(case.kind.value, entry.what.value).inc()
            if entry.what is What.BREACHED:
                self._breaches.labels(case.kind.value).inc()
        self._relay.announce()
