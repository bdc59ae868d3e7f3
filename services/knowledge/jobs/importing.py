"""Imports customers and events: appends what staging made of a file.

Safe to run again from its beginning: events carry the ids that they came with, rows of customers ids made of the
operation and the row, so what an interrupted run wrote is met again as a duplicate.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.chassis.canonical import fingerprint
from services.chassis.erasure.suppression import ERASED_MESSAGE, SubjectErasedError, Suppression
from services.chassis.eventlog.port import EventLog, NewEvent, Verdict, VerdictStatus
from services.chassis.operation_run import OperationRun, RowError
from services.kits.imports.running import ImportParts, ImportRun, Items, append_patiently
from services.kits.times import time_of
from services.knowledge.domain.customer_rows import is_news
from services.knowledge.domain.import_plan import CUSTOMERS
from services.knowledge.domain.statements import CLAIMS_WRITTEN, records_of_event
from services.knowledge.store.customers import CustomerStore

PAYLOADS_REMEMBERED: Final = 1_000_000  # rows of one file that are recognised when they come twice
CUSTOMER: Final = "customer"


@dataclass(frozen=True, slots=True)
class Importing:
    """What imports take. ``read_back`` returns when what earlier ones wrote is readable."""

    parts: ImportParts
    user_events: EventLog
    customer_claims: EventLog
    customers: CustomerStore
    read_back: Callable[[], Awaitable[None]]
    suppression: Suppression | None = None

    def worker(self, kind: str) -> Callable[[OperationRun], Awaitable[None]]:
        """Return what runs an import of a kind."""

        async def run_import(run: OperationRun) -> None:
            await _Import(self, kind, run).run()

        return run_import


class _Import:
    """One run of one import."""

    def __init__(self, importing: Importing, kind: str, run: OperationRun) -> None:
        self._importing, self._kind, self._run = importing, kind, run
        self._import = ImportRun(importing.parts, kind, run)
        self._seen: set[str] = set()
        self._is_current = False

    async def run(self) -> None:
        if self._kind == CUSTOMERS:
            await self._import.carry_out(self._append_customers, in_flight=1)
        else:
            await self._import.carry_out(self._append_events)

    async def _append_events(self, items: Items) -> None:
        items = [item for item in items if self._is_taken(item["rows"], item["event"]["payload"]["identifiers"])]
        if not items:
            return
        events = [self._user_event(item["event"]) for item in items]
        verdicts = await append_patiently(self._importing.user_events, events)
        for item, verdict in zip(items, verdicts, strict=True):
            self._count(item["rows"], item["kinds"], verdict)

    async def _append_customers(self, items: Items) -> None:
        items = [
            item
            for item in items
            if self._is_taken([item["row"]], [name for name, _ in item["payload"]["identifiers"]])
        ]
        fresh = [item for item in items if self._is_first(item["payload"])]
        self._run.progress.duplicate += len(items) - len(fresh)
        await self._read_back_once()
        said = [records_of_event(CLAIMS_WRITTEN, item["payload"], self._import.now_us) for item in fresh]
        known = await self._importing.customers.records(sorted({name for records in said for name in records}))
        news = []
        for item, records in zip(fresh, said, strict=True):
            is_new = any(is_news(known[name], record) for name, record in records.items())
            if is_new or await self._is_first_met(item["payload"]):
                news.append(item)
            else:
                self._run.progress.duplicate += 1
        if news:
            statements = [self._statement_event(item) for item in news]
            verdicts = await append_patiently(self._importing.customer_claims, statements)
            for item, verdict in zip(news, verdicts, strict=True):
                self._count([item["row"]], {CUSTOMER: 1}, verdict)

    def _is_taken(self, rows: Sequence[int], identifiers: Sequence[str]) -> bool:
        """Tell whether nobody of these was erased; who was is refused and counted, and the row is not kept."""
        suppression = self._importing.suppression
        if suppression is None or not suppression.any_erased(identifiers):
            return True
        suppression.count("import", len(rows))
        for row in rows:
            self._run.reject(RowError(row, SubjectErasedError.reason, ERASED_MESSAGE, "identifiers"))
        return False

    async def _is_first_met(self, payload: dict[str, Any]) -> bool:
        """Tell whether a row names nobody but one who was never met, and says nothing else."""
        if payload["claims"] or payload["consents"] or payload["account"]:
            return False
        return not await self._importing.customers.is_known(payload["identifiers"][0][0])

    async def _read_back_once(self) -> None:
        """Wait until what earlier imports wrote can be read."""
        if not self._is_current:
            await self._importing.read_back()
            self._is_current = True

    def _is_first(self, payload: dict[str, Any]) -> bool:
        """Tell whether no earlier row of the file said the same."""
        name = fingerprint(payload)
        if name in self._seen:
            return False
        if len(self._seen) < PAYLOADS_REMEMBERED:
            self._seen.add(name)
        return True

    def _user_event(self, event: dict[str, Any]) -> NewEvent:
        return NewEvent(
            client_event_id=event["id"],
            owner=self._import.plan.owner,
            type=event["type"],
            occurred_time=time_of(event["time_us"]),
            shop=event["shop"],
            channel=event["channel"],
            subject=event["subject"],
            payload=event["payload"],
            synthetic=self._import.plan.synthetic,
        )

    def _statement_event(self, item: dict[str, Any]) -> NewEvent:
        payload, plan = item["payload"], self._import.plan
        return NewEvent(
            client_event_id=f"{self._run.id}/{item['row']}"[-128:],
            owner=plan.owner,
            type=CLAIMS_WRITTEN,
            occurred_time=time_of(self._import.now_us),
            shop=plan.shop,
            channel=plan.channel,
            subject=payload["identifiers"][0][0],
            payload=payload,
            synthetic=plan.synthetic,
        )

    def _count(self, rows: Sequence[int], kinds: dict[str, int], verdict: Verdict) -> None:
        if verdict.status is VerdictStatus.STORED:
            self._import.accept(kinds)
        elif verdict.status is VerdictStatus.DUPLICATE or self._kind == CUSTOMERS:
            self._run.progress.duplicate += len(rows)
        else:
            for row in rows:
                self._run.reject(RowError(row, "EVENT_ID_REUSED", "this id came with another event before", "id"))
