"""Replicas of one service that share its singletons as a test wants it, not as the leases happen to fall."""

from dataclasses import replace
from typing import TypeVar

from services.chassis.jobs import JobKind
from services.chassis.server import Build, Runtime, Service
from services.chassis.settings import ChassisSettings

SettingsT = TypeVar("SettingsT", bound=ChassisSettings)


def holding(build: Build[SettingsT], *names: str) -> Build[SettingsT]:
    """Return the service as a replica composes it that gets the leases of these jobs and of no others."""

    async def built(runtime: Runtime[SettingsT]) -> Service:
        service = await build(runtime)
        unknown = set(names) - {job.name for job in service.jobs if job.kind is JobKind.SINGLETON}
        assert not unknown, f"no such singletons: {unknown}"
        return replace(
            service, jobs=[job for job in service.jobs if job.kind is JobKind.PER_REPLICA or job.name in names]
        )

    return built
