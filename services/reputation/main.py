"""Puts reputation together and runs it."""

from services.chassis.server import Runtime, Service, run_service
from services.reputation.settings import ReputationSettings

SERVICE = "reputation"


async def build(runtime: Runtime[ReputationSettings]) -> Service:  # noqa: ARG001 - nothing to compose yet
    """Compose the service."""
    return Service(servicers=[])


if __name__ == "__main__":
    run_service(SERVICE, ReputationSettings, build)
