"""Imports orders out of a shop's books: one ``order-placed`` for each, a correction where the books changed.

Safe to run again from its beginning: a placing is named by its content, so what an interrupted run wrote is met again
as what stands already.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.chassis.erasure.suppression import ERASED_MESSAGE, SubjectErasedError, Suppression
from services.chassis.eventlog.port import EventLog, NewEvent, Verdict, VerdictStatus
from services.chassis.operation_run import OperationRun, RowError
from services.kits.imports.running import ImportParts, ImportRun, Items, append_patiently
from services.kits.purchases import ORDER_PLACED
from services.kits.times import time_of
from services.orders.domain.import_plan import ORDERS
from services.orders.domain.payloads import fact_of, order_of
from services.orders.domain.reimporting import placing_to_tell
from services.orders.domain.reports import CheckedEvent
from services.orders.store.orders import OrderStore, StoredOrder
from services.orders.usecases.writing import MAX_ORDER_EVENTS, Writer, new_event


@dataclass(frozen=True, slots=True)
class Importing:
    """What imports of orders take. ``read_back`` returns when what earlier ones wrote is readable."""

    parts: ImportParts
    log: EventLog
    orders: OrderStore
    read_back: Callable[[], Awaitable[None]]
    suppression: Suppression | None = None

    async def run_import(self, run: OperationRun) -> None:
        """Do the work of an import operation."""
        await _Import(self, run).run()


class _Import:
    """One run of one import."""

    def __init__(self, importing: Importing, run: OperationRun) -> None:
        self._importing, self._run = importing, run
        self._import = ImportRun(importing.parts, ORDERS, run)
        self._is_current = False

    async def run(self) -> None:
        await self._import.carry_out(self._append, prepare=self._prepare)

    async def _prepare(self, items: Items) -> Items:
        """Return what is to be told: leave out what stands already, say what a correction replaces."""
        if not self._is_current:
            await self._importing.read_back()
            self._is_current = True
        items = [item for item in items if self._is_taken(item)]
        known = await self._importing.orders.get_many([item["payload"]["order"]["id"] for item in items])
        return [item for item in items if self._is_to_tell(item, known.get(item["payload"]["order"]["id"]))]

    def _is_taken(self, item: dict[str, Any]) -> bool:
        """Tell whether nobody was erased whose order it is."""
        suppression = self._importing.suppression
        if suppression is None or not suppression.any_erased(item["payload"].get("identifiers") or ()):
            return True
        suppression.count("import", len(item["rows"]))
        self._refuse(item["rows"], SubjectErasedError.reason, ERASED_MESSAGE, "identifiers")
        return False

    def _is_to_tell(self, item: dict[str, Any], stored: StoredOrder | None) -> bool:
        if stored is None:
            return True
        payload = placing_to_tell(item["payload"], item["time_us"], stored.facts, again=self._run.id)
        if payload is None:
            self._run.progress.duplicate += len(item["rows"])
            return False
        if len(stored.facts) >= MAX_ORDER_EVENTS:
            words = f"an order takes at most {MAX_ORDER_EVENTS:,} events"
            self._refuse(item["rows"], "ORDER_FULL", words, "order_number")
            return False
        item["payload"] = payload
        return True

    async def _append(self, items: Items) -> None:
        if items:
            events = [self._placed(item["payload"], item["time_us"]) for item in items]
            verdicts = await append_patiently(self._importing.log, events)
            for item, verdict in zip(items, verdicts, strict=True):
                self._count(item["rows"], item["kinds"], verdict)

    def _placed(self, payload: dict[str, Any], time_us: int) -> NewEvent:
        synthetic = self._import.plan.synthetic
        checked = CheckedEvent(
            time=time_of(time_us),
            shop=payload["shop"],
            channel=payload["channel"],
            payload=payload,
            fact=fact_of(ORDER_PLACED, payload, occurred_us=time_us),
            order=order_of(payload, synthetic=synthetic),
        )
        return new_event(checked, Writer(synthetic))

    def _count(self, rows: Sequence[int], kinds: Mapping[str, int], verdict: Verdict) -> None:
        if verdict.status is VerdictStatus.STORED:
            self._import.accept(kinds)
        elif verdict.status is VerdictStatus.DUPLICATE:
            self._run.progress.duplicate += len(rows)
        else:
            self._refuse(rows, "EVENT_ID_REUSED", "another import told something else of the order meanwhile", "")

    def _refuse(self, rows: Sequence[int], reason: str, message: str, field: str) -> None:
        for row in rows:
            self._run.reject(RowError(row, reason, message, field))
