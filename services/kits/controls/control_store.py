"""Owns a service's Controls as documents; each is changed by compare and set, its history within it."""

from collections.abc import Callable, Mapping
from typing import Final

from services.chassis.documents.port import (
    Collection,
    Document,
    DocumentStore,
    Index,
    KeyTakenError,
    RevisionMismatchError,
)
from services.kits.controls.control import Control
from services.kits.controls.errors import ControlNotFoundError, ControlVersionError
from services.kits.controls.form import control_from_json, control_to_json

BY_SERVED: Final = "served"
BY_UPDATE: Final = "update"
CONTROLS: Final = Collection(
    "controls", (Index(BY_SERVED, ("served", "create_time_us")), Index(BY_UPDATE, ("update_time_us",)))
)
SERVED_LIMIT: Final = 500  # live or scheduled at once
CONTROLS_LIMIT: Final = 2_000  # of a service, archived ones too
ATTEMPTS_LIMIT: Final = 8  # against others who change the same Control
PAGE: Final = 500


class ControlStore:
    """Controls by id. ``declare()`` before use."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def declare(self) -> None:
        """Create the collection."""
        await self._documents.declare(CONTROLS)

    async def find(self, control_id: str) -> Control | None:
        """Return a Control, None where there is none of this id."""
        document = await self._documents.get(CONTROLS, control_id) if control_id else None
        return None if document is None else _control(document)

    async def get(self, control_id: str) -> Control:
        """Return a Control. Raises ControlNotFoundError."""
        control = await self.find(control_id)
        if control is None:
            raise ControlNotFoundError("there is no such Control", resource="control", id=control_id[:64])
        return control

    async def served(self, known: Mapping[str, Control] | None = None) -> tuple[Control, ...]:
        """Return those that are, or by the clock will be, live; the oldest first.

        ``known``: Controls by id that were read before; what has not changed since is one of them, not read anew.
        """
        page = await self._documents.find(CONTROLS, BY_SERVED, {"served": 1}, limit=SERVED_LIMIT * 2)
        before = known or {}
        return tuple(
            same if (same := before.get(each.key)) is not None and same.revision == each.revision else _control(each)
            for each in page.documents
        )

    async def all(self) -> tuple[Control, ...]:
        """Return every Control, the last changed first."""
        found: list[Control] = []
        after: str | None = None
        while True:
            page = await self._documents.find(CONTROLS, BY_UPDATE, {}, after=after, limit=PAGE, descending=True)
            found += map(_control, page.documents)
            after = page.next_after
            if after is None:
                return tuple(found)

    async def count(self) -> int:
        """Return how many there are."""
        return await self._documents.count(CONTROLS)

    async def count_served(self) -> int:
        """Return how many are live or scheduled."""
        return await self._documents.count(CONTROLS, BY_SERVED, {"served": 1})

    async def insert(self, control: Control) -> bool:
        """Store a new Control; False when its id is taken."""
        try:
            await self._documents.insert(CONTROLS, control.id, control_to_json(control))
        except KeyTakenError:
            return False
        return True

    async def change(self, control_id: str, change: Callable[[Control], Control]) -> Control:
        """Change a Control until no other is faster; a change that returns what it was given saves nothing.

        Raises ControlNotFoundError, ControlVersionError and what ``change`` raises.
        """
        for _ in range(ATTEMPTS_LIMIT):
            control = await self.get(control_id)
            changed = change(control)
            if changed == control:
                return control
            try:
                await self._documents.replace(
                    CONTROLS, control_id, control_to_json(changed), expected_revision=control.revision
                )
            except RevisionMismatchError:
                continue
            return changed
        raise ControlVersionError("this Control is being changed by somebody else; try again", id=control_id)


def _control(document: Document) -> Control:
    return control_from_json(document.key, document.revision, document.body)
