"""How the machinery stands: services, what follows which log, jobs, how large things are."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field
from zhike.chassis.v1 import system_service_pb2 as pb

from gateway.clients import REBUILD_PROJECTION, SERVICES, WRITE_TIMEOUT_MS
from gateway.console.cells import Act, Cell, Chip, Column, Link, Moment, Table
from gateway.console.pages import ROOT, Flash, Form, FormModel, Page, Redirect, View
from gateway.console.staffing import StaffRole
from gateway.console.standings import Standing, standings_of
from gateway.console.visit import Visit
from services.chassis.errors import NotFoundError
from services.chassis.version import software_version

ADMINS: Final = frozenset({StaffRole.ADMIN})
HERE: Final = f"{ROOT}/system"
STALE_S: Final = 5.0  # a reader further behind than this is shown as behind
FILES_LIMIT: Final = 200_000  # looked at for the size of a folder
KINDS: Final = ("documents", "artifacts", "index", "other")


class RebuildForm(FormModel):
    """A projection of a service."""

    service: Annotated[str, Field(max_length=32)]
    projection: Annotated[str, Field(min_length=1, max_length=64)]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes by kind of data, each for every service."""

    labels: Sequence[str]
    series: Sequence[Sequence[int]]


async def show(visit: Visit) -> View:
    """Show what the services say of themselves."""
    standings = await standings_of(visit)
    answering = [(each.service, each.status) for each in standings if each.status is not None]
    readers = [(service, reader) for service, status in answering for reader in status.readers]
    jobs = [(service, job) for service, status in answering for job in status.jobs]
    facts = [(service, name, value) for service, status in answering for name, value in sorted(status.facts.items())]
    sizes = await asyncio.to_thread(_sizes, visit.parts.settings.data.absolute())
    visit.form("rebuild")
    return {
        "services": Table("services", _service_columns(visit), standings),
        "readers": Table("readers", _reader_columns(visit), readers, empty="operations.system.no_readers"),
        "jobs": Table("jobs", _job_columns(visit), jobs, empty="operations.system.no_jobs"),
        "facts": Table("facts", _fact_columns(), facts, empty="operations.system.no_facts"),
        "away": sum(each.status is None for each in standings),
        "degraded": sum(len(status.degraded) for _, status in answering),
        "lag": sum(reader.lag_events for _, reader in readers),
        "letters": sum(reader.dead_letters for _, reader in readers),
        "version": software_version(),
        "gateway": {
            "pid": os.getpid(),
            "start_time": visit.parts.start_time,
            "degraded": dict(visit.parts.readiness.degraded),
        },
        "lags": _lags(readers),
        "sizes": sizes,
        "size_total": sum(sum(each) for each in sizes.series),
        "size_names": [visit.words(f"operations.size.{kind}") for kind in KINDS],
        "models": visit.link("/models"),
    }


async def rebuild(visit: Visit, form: RebuildForm) -> Redirect:
    """Start the rebuild of a projection."""
    if form.service not in SERVICES:
        raise NotFoundError("there is no such service", resource="service")
    request = pb.RebuildProjectionRequest(projection=form.projection, request_id=visit.submit_id)
    await visit.parts.caller.call(REBUILD_PROJECTION[form.service], request, timeout_ms=WRITE_TIMEOUT_MS)
    await visit.record("projection.rebuild", "projection", f"{form.service}/{form.projection}")
    return Redirect(HERE, Flash("operations.system.rebuilding", {"projection": form.projection}))


def _service_columns(visit: Visit) -> tuple[Column, ...]:
    def state(row: Standing) -> Cell:
        if row.status is None:
            return Chip(visit.words("operations.system.away"), "bad")
        if not row.status.ready:
            return Chip(visit.words("operations.system.starting"), "warn")
        if row.status.degraded:
            return Chip(visit.words("operations.system.degraded"), "warn")
        return Chip(visit.words("operations.system.up"), "good")

    def troubles(row: Standing) -> Cell:
        if row.status is None or not row.status.degraded:
            return None
        return "; ".join(f"{part}: {cause}" for part, cause in sorted(row.status.degraded.items()))

    def version(row: Standing) -> Cell:
        """Return what it runs; one that runs another than the gateway stands out."""
        if row.status is None or not row.status.version:
            return None
        return row.status.version if row.status.version == software_version() else Chip(row.status.version, "warn")

    return (
        Column("operations.system.service", lambda row: row.service),
        Column("operations.system.state", state),
        Column("operations.system.version", version),
        Column("operations.system.troubles", troubles, wide=True),
        Column(
            "operations.system.since", lambda row: Moment(row.status.start_time) if row.status is not None else None
        ),
        Column("operations.system.pid", lambda row: str(row.status.pid) if row.status is not None else None),
        Column(
            "operations.system.readers",
            lambda row: len(row.status.readers) if row.status is not None else None,
            numeric=True,
        ),
        Column(
            "operations.system.jobs", lambda row: len(row.status.jobs) if row.status is not None else None, numeric=True
        ),
    )


def _reader_columns(visit: Visit) -> tuple[Column, ...]:
    def state(row: tuple[str, pb.ReaderStatus]) -> Cell:
        _, reader = row
        if reader.staleness_s < 0 or reader.staleness_s > STALE_S:
            return Chip(visit.words("operations.system.behind"), "warn")
        return Chip(visit.words("operations.system.at_head"), "good")

    def seconds(row: tuple[str, pb.ReaderStatus]) -> Cell:
        stale = row[1].staleness_s
        return round(stale, 2) if 0 <= stale < 1e9 else None

    def letters(row: tuple[str, pb.ReaderStatus]) -> Cell:
        service, reader = row
        if not reader.dead_letters:
            return None
        return Link(visit.formats.number(reader.dead_letters), f"{ROOT}/dead-letters?service={service}")

    def again(row: tuple[str, pb.ReaderStatus]) -> Cell:
        service, reader = row
        fields = {"service": service, "projection": reader.projection}
        return Act("rebuild", "operations.system.rebuild", fields, "", "operations.system.rebuild_sure")

    return (
        Column("operations.system.service", lambda row: row[0]),
        Column("operations.system.projection", lambda row: row[1].projection, wide=True),
        Column("operations.system.log", lambda row: row[1].log),
        Column("operations.system.state", state),
        Column("operations.system.lag_events", lambda row: row[1].lag_events, numeric=True),
        Column("operations.system.lag_s", seconds, numeric=True),
        Column("operations.system.applied", lambda row: row[1].applied, numeric=True),
        Column("operations.system.letters", letters, numeric=True),
        Column("", again, export=False),
    )


def _job_columns(visit: Visit) -> tuple[Column, ...]:
    def state(row: tuple[str, pb.JobStatus]) -> Cell:
        _, job = row
        key = f"operations.job.{job.state}"
        tone = "bad" if job.last_error else "good" if job.state == "running" else "plain"
        return Chip(visit.words(key) if visit.words.has(key) else job.state, tone)

    return (
        Column("operations.system.service", lambda row: row[0]),
        Column("operations.system.job", lambda row: row[1].name, wide=True),
        Column("operations.system.state", state),
        Column("operations.system.error", lambda row: row[1].last_error or None),
    )


def _fact_columns() -> tuple[Column, ...]:
    return (
        Column("operations.system.service", lambda row: row[0]),
        Column("operations.system.fact", lambda row: row[1]),
        Column("operations.system.value", lambda row: row[2], wide=True),
    )


def _lags(readers: Sequence[tuple[str, pb.ReaderStatus]]) -> Mapping[str, Sequence[object]]:
    """Return how far behind readers are that are, the furthest first."""
    behind = [row for row in readers if row[1].lag_events]
    shown = sorted(behind, key=lambda row: (-row[1].lag_events, row[0], row[1].projection))[:12]
    return {
        "labels": [f"{service}/{reader.projection}" for service, reader in shown],
        "values": [reader.lag_events for _, reader in shown],
    }


def _sizes(data: Path) -> Sizes:
    """Return how much each service keeps in this machine's data directory, by kind."""
    names = [name for name in ("gateway", *SERVICES) if (data / name).is_dir()]
    series: list[list[int]] = [[], [], [], []]
    for name in names:
        by_kind = dict.fromkeys(KINDS, 0)
        for kind, size_bytes in _files(data / name):
            by_kind[kind] += size_bytes
        for place, kind in enumerate(KINDS):
            series[place].append(by_kind[kind])
    return Sizes(names, series)


def _files(folder: Path) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for where, _, files in os.walk(folder):
        below = Path(where).relative_to(folder).parts
        for name in files:
            if len(found) >= FILES_LIMIT:
                return found
            try:
                size_bytes = os.stat(os.path.join(where, name)).st_size
            except OSError:  # collected meanwhile
                continue
            found.append((_kind(below, name), size_bytes))
    return found


def _kind(below: tuple[str, ...], name: str) -> str:
    if below and below[0] in KINDS:
        return below[0]
    return "documents" if name.startswith("documents.") else "other"


PAGE: Final = Page(
    path="/system",
    roles=ADMINS,
    title="operations.system.title",
    help="operations.system.help",
    template="operations/system.html",
    show=show,
    nav="system",
    topics=("system",),
    forms=(Form("rebuild", RebuildForm, rebuild),),
)
