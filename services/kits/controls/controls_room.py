"""A service's Controls put together: stored, followed, edited, previewed. What a composition root needs of the kit."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from services.chassis.jobs import Job, JobKind
from services.chassis.server import Runtime
from services.kits.controls.catalogue import Catalogue
from services.kits.controls.control_checks import Abilities
from services.kits.controls.control_store import ControlStore
from services.kits.controls.controlling import Controlling
from services.kits.controls.live_controls import REFRESH_INTERVAL_S, LiveControls
from services.kits.controls.previewing import Previewer
from services.kits.controls.servicer import DRY_RUN_KIND, ControlServicer, DryRuns, control_servicer

ID_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class ControlsRoom:
    """The parts that a service holds on to."""

    store: ControlStore
    live: LiveControls

    async def open(self) -> None:
        """Create the collection and read what is live; before the first answer."""
        await self.store.declare()
        await self.live.refresh()

    def jobs(self) -> tuple[Job, ...]:
        """Return what runs beside the requests: other replicas' changes are seen within a second."""
        return (Job("controls", self.live.refresh, JobKind.PER_REPLICA, every_s=REFRESH_INTERVAL_S),)

    def servicer(
        self, runtime: Runtime[Any], catalogue: Catalogue, abilities: Abilities, previewer: Previewer, *, sample: int
    ) -> tuple[Callable[..., None], object]:
        """Return the servicer; dry runs are among the runtime's operations from here on."""
        dry_runs = DryRuns(previewer, runtime.artifacts, runtime.clock)
        runtime.operations.register(DRY_RUN_KIND, dry_runs.run, repeatable=True)
        controlling = Controlling(
            self.store,
            self.live,
            catalogue,
            abilities,
            clock=runtime.clock,
            random_id=lambda: secrets.token_hex(ID_BYTES),
        )
        servicer = ControlServicer(
            controlling, previewer, runtime.operations, runtime.clock, service=runtime.name, sample=sample
        )
        return control_servicer(servicer)


def controls_room(runtime: Runtime[Any], catalogue: Catalogue) -> ControlsRoom:
    """Return the parts; ``open`` them before use."""
    store = ControlStore(runtime.documents)
    return ControlsRoom(store, LiveControls(store, catalogue, runtime.clock))
