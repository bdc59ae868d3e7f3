"""Gathering what every service holds of a person into one archive, which is kept for a day."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from services.chassis.artifacts.port import ArtifactStore
from services.chassis.clock import Clock
from services.chassis.erasure.subjects import Subject
from services.chassis.erasure.suppression import Suppression
from services.chassis.errors import NotFoundError
from services.chassis.eventlog.record import micros_from_time
from services.chassis.operation_run import Operation, OperationRun
from services.chassis.operations import Operations
from services.knowledge.domain.archive import archive_of
from services.knowledge.domain.erasure import SERVICES
from services.knowledge.domain.errors import ExportNotFoundError
from services.knowledge.domain.identifiers import own_customer_id
from services.knowledge.domain.profile import Customer
from services.knowledge.store.exports import ExportStore, PersonExport
from services.knowledge.usecases.customers import CustomerReading, identifier_named, profile_of
from services.knowledge.usecases.statements import Request

EXPORT_KIND: Final = "export-customer"
EXPORT_KEPT: Final = timedelta(hours=24)
IDENTIFIER: Final = "identifier"


class ExportingServices(Protocol):
    """Every service of the deployment, as an export asks it."""

    async def export(self, service: str, subject: Subject) -> tuple[Mapping[str, bytes], bool]:
        """Return the files of a person that a service holds, and whether it holds more."""


@dataclass(frozen=True, slots=True)
class Exporting:
    """What exporting takes."""

    reading: CustomerReading
    exports: ExportStore
    operations: Operations
    artifacts: ArtifactStore
    services: ExportingServices
    suppression: Suppression
    clock: Clock


@dataclass(frozen=True, slots=True)
class ExportView:
    """How an export stands. ``ready`` None: there is no archive."""

    operation: Operation
    ready: PersonExport | None


async def start_export(exporting: Exporting, name: str, request: Request) -> Operation:
    """Begin, or return the export that this request began. Raises CustomerNotFoundError, SubjectErasedError."""
    identifier = await identifier_named(exporting.reading.customers, name, must_be_known=True)
    exporting.suppression.check([identifier], where="export")
    return await exporting.operations.start(
        EXPORT_KIND, {IDENTIFIER: identifier}, request_id=request.request_id, owner=request.owner
    )


async def run_export(exporting: Exporting, run: OperationRun) -> None:
    """Do the work of the operation."""
    identifier = run.arguments[IDENTIFIER]
    closure = await exporting.reading.customers.closure([identifier])
    members = closure.people[identifier].identifiers
    subject = Subject("export", members, tuple(sorted(own_customer_id(each) for each in members)))
    run.progress.rows = len(SERVICES)
    files: dict[str, bytes] = {}
    truncated = False

    async def gather(service: str) -> None:
        nonlocal truncated
        found, more = await exporting.services.export(service, subject)
        files.update({f"{service}/{name}": content for name, content in found.items()})
        truncated = truncated or more
        run.progress.accepted += 1
        await run.report()

    await asyncio.gather(*(gather(service) for service in SERVICES))
    exporting.suppression.check(members, where="export")
    now = exporting.clock.now()
    content, names = archive_of(files, day=f"{now:%Y-%m-%d}", identifiers=members, truncated=truncated)
    blob = await exporting.artifacts.put(content)
    run.progress.result_file = blob.digest
    await exporting.exports.insert(
        PersonExport(
            run.id,
            members,
            blob.digest,
            blob.size_bytes,
            names,
            truncated,
            micros_from_time(now),
            micros_from_time(now + EXPORT_KEPT),
        )
    )


async def get_export(exporting: Exporting, export_id: str, only_identifiers: frozenset[str]) -> ExportView:
    """Return how an export stands. Raises ExportNotFoundError, also for another person's."""
    try:
        operation = await exporting.operations.get(export_id)
    except NotFoundError as error:
        raise _not_found(export_id) from error
    if operation.kind != EXPORT_KIND:
        raise _not_found(export_id)
    ready = await exporting.exports.get(export_id)
    if only_identifiers:
        own = frozenset(ready.identifiers) if ready is not None else frozenset([operation.arguments[IDENTIFIER]])
        if not own & only_identifiers:
            raise _not_found(export_id)
    return ExportView(operation, ready)


async def expire_exports(exporting: Exporting) -> None:
    """Delete the archives whose time is over: a pass of a job."""
    for export in await exporting.exports.expired(micros_from_time(exporting.clock.now())):
        await exporting.artifacts.delete(export.digest)
        await exporting.exports.delete(export.id)


async def profiles_of(reading: CustomerReading, subject: Subject) -> list[Customer]:
    """Return what is known of a person; more than one profile where identifiers were parted since."""
    closure = await reading.customers.closure(list(subject.identifiers))
    people = {closure.people[each].id: closure.people[each] for each in subject.identifiers}
    return [await profile_of(reading, closure, person) for person in people.values()]


def _not_found(export_id: str) -> ExportNotFoundError:
    return ExportNotFoundError("there is no export of this id", resource="export", id=export_id)
