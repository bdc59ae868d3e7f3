"""What a merchandiser does with Controls."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from typing import Final

from services.chassis.canonical import fingerprint
from services.chassis.clock import Clock
from services.kits.controls.catalogue import Catalogue
from services.kits.controls.conflicts import Conflict, conflicts_of, summary
from services.kits.controls.control import (
    ActionType,
    Change,
    Content,
    Control,
    ControlState,
    Step,
    recorded,
    stepped,
)
from services.kits.controls.control_checks import Abilities, checked_content
from services.kits.controls.control_store import CONTROLS_LIMIT, SERVED_LIMIT, ControlStore
from services.kits.controls.errors import (
    ControlConflictError,
    ControlInvalidError,
    ControlLimitError,
    ControlRequestReusedError,
    ControlStateError,
    ControlVersionError,
)
from services.kits.controls.form import content_to_json, difference
from services.kits.controls.live_controls import LiveControls

ACTOR_LIMIT: Final = 120
ID_BYTES: Final = 12
ANY_VERSION: Final = 0
DRAFT_ID: Final = "draft"  # of what was never kept
_LATE: Final = frozenset({Step.SCHEDULE, Step.LAUNCH})


@dataclass(frozen=True, slots=True)
class Saved:
    """A Control with what contradicts it."""

    control: Control
    conflicts: tuple[Conflict, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which Controls to list: empty fields do not matter; ``text`` stands in the title or the note."""

    states: frozenset[ControlState] = frozenset()
    action: ActionType | None = None
    placement: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of Controls, and how many there are by state whatever was asked for."""

    controls: tuple[Control, ...]
    counts: dict[ControlState, int]
    next_after: str | None


class Controlling:
    """The use cases. ``random_id``: names a request that came without an id."""

    def __init__(
        self,
        store: ControlStore,
        live: LiveControls,
        catalogue: Catalogue,
        abilities: Abilities,
        *,
        clock: Clock,
        random_id: Callable[[], str],
    ) -> None:
        self._store, self._live, self._catalogue, self.abilities = store, live, catalogue, abilities
        self._clock, self._random_id = clock, random_id

    async def create(self, content: Content, *, actor: str, request_id: str) -> Saved:
        """Keep a draft; the same request again answers the same Control.

        Raises the errors of ``checked_content``, ControlLimitError, ControlRequestReusedError.
        """
        checked, now = await self._checked(content), self._clock.now()
        made = Control(
            id=control_id(request_id or self._random_id()),
            version=0,
            state=ControlState.DRAFT,
            content=checked,
            create_time=now,
            update_time=now,
            author=_actor(actor),
            create_print=fingerprint(content_to_json(checked)),
        )
        known = await self._store.find(made.id)
        if known is None:
            if await self._store.count() >= CONTROLS_LIMIT:
                raise ControlLimitError(f"{CONTROLS_LIMIT} Controls are kept", limit=CONTROLS_LIMIT)
            made = recorded(made, _change(None, made, "create", actor, now))
            if await self._store.insert(made):
                return await self._saved(made)
            known = await self._store.get(made.id)
        if known.create_print != made.create_print:
            raise ControlRequestReusedError("this request id made another Control", id=known.id)
        return await self._saved(known)

    async def get(self, control: str) -> Saved:
        """Return a Control with what contradicts it now. Raises ControlNotFoundError."""
        return await self._saved(await self._store.get(control))

    async def list(self, wanted: Wanted, *, after: str | None, limit: int) -> Listed:
        """Return a page, the last changed first."""
        now, counts = self._clock.now(), dict.fromkeys(ControlState, 0)
        controls = await self._store.all()
        for each in controls:
            counts[each.state_at(now)] += 1
        found = [each for each in controls if _is_wanted(each, wanted, now)]
        places = {each.id: place for place, each in enumerate(found, 1)}
        start = places.get(after, 0) if after is not None else 0
        page = tuple(found[start : start + limit])
        return Listed(page, counts, page[-1].id if start + limit < len(found) else None)

    async def edit(self, control: str, content: Content, *, actor: str, version: int) -> Saved:
        """Give a Control another content; of a live one it counts at once.

        Raises the errors of ``checked_content``, ControlNotFoundError, ControlVersionError, ControlStateError.
        """
        checked, now = await self._checked(content), self._clock.now()

        def edited(known: Control) -> Control:
            _check_version(known, version)
            if known.state is ControlState.ARCHIVED:
                raise ControlStateError("an archived Control is not edited: copy it", state=known.state.value)
            if known.state is ControlState.SCHEDULED and checked.start_time is None:
                raise ControlStateError("a scheduled Control needs a start", state=known.state.value)
            changed = replace(known, content=checked)
            return known if changed == known else recorded(changed, _change(known, changed, "edit", actor, now))

        saved = await self._store.change(control, edited)
        await self._live.refresh()
        return await self._saved(saved)

    async def step(self, control: str, step: Step, *, actor: str, version: int, despite_conflicts: bool) -> Saved:
        """Schedule, launch, pause or archive a Control; when it returns, it counts here.

        Raises ControlNotFoundError, ControlVersionError, ControlStateError, ControlLimitError, ControlConflictError.
        """
        now = self._clock.now()
        if step in _LATE:
            await self._live.refresh()
            known = await self._store.get(control)
            await self._checked(known.content)  # a product may have gone since
            found = await self._conflicts(known)
            if found and not despite_conflicts:
                raise ControlConflictError("it contradicts others; see them, then insist", conflicts=summary(found))
            if not known.is_served() and await self._store.count_served() >= SERVED_LIMIT:
                raise ControlLimitError(f"{SERVED_LIMIT} Controls are live or scheduled", limit=SERVED_LIMIT)

        def changed(known: Control) -> Control:
            _check_version(known, version)
            moved = stepped(known, step, now)
            return recorded(moved, _change(known, moved, step.value, actor, now))

        saved = await self._store.change(control, changed)
        await self._live.refresh()
        return await self._saved(saved)

    async def check(self, content: Content, own_id: str) -> tuple[Content, tuple[Conflict, ...]]:
        """Return a draft tidied with what contradicts it; nothing is kept. Raises the errors of ``checked_content``."""
        checked = await self._checked(content)
        return checked, await self._found(checked, own_id)

    async def as_live(self, control: str, content: Content | None) -> Control:
        """Return a Control, or its draft ``content``, as if it were live whatever its state and dates."""
        known = await self._store.get(control) if control else None
        if content is not None:
            written = await self._checked(content)
        elif known is not None:
            written = known.content
        else:
            raise ControlInvalidError("name a Control or write one", field="control")
        written, now = replace(written, start_time=None, end_time=None), self._clock.now()
        if known is None:
            return Control(DRAFT_ID, 0, ControlState.LIVE, written, now, now)
        return replace(known, state=ControlState.LIVE, content=written)

    async def _checked(self, content: Content) -> Content:
        """Check beside the requests: looking for a term, or for all products of a target, walks through a catalogue."""
        return await asyncio.to_thread(checked_content, content, self.abilities, self._catalogue)

    async def _found(self, content: Content, own_id: str) -> tuple[Conflict, ...]:
        served, now = self._live.served, self._clock.now()
        return await asyncio.to_thread(conflicts_of, content, served, self._catalogue, own_id=own_id, now=now)

    async def _conflicts(self, control: Control) -> tuple[Conflict, ...]:
        if control.state is ControlState.ARCHIVED:
            return ()
        return await self._found(control.content, control.id)

    async def _saved(self, control: Control) -> Saved:
        return Saved(control, await self._conflicts(control))


def control_id(request_id: str) -> str:
    """Return the id of the Control that a request creates, equal for its repetition."""
    return "ctl_" + blake2b(request_id.encode(), digest_size=ID_BYTES).hexdigest()


def _is_wanted(control: Control, wanted: Wanted, now: datetime) -> bool:
    content = control.content
    text = wanted.text.casefold()
    return (
        (not wanted.states or control.state_at(now) in wanted.states)
        and (wanted.action is None or content.action.type is wanted.action)
        and (not wanted.placement or wanted.placement in content.condition.placements)
        and (not text or text in content.title.casefold() or text in content.note.casefold())
    )


def _check_version(control: Control, version: int) -> None:
    if version not in {ANY_VERSION, control.version}:
        raise ControlVersionError("somebody else changed it meanwhile", version=control.version)


def _change(before: Control | None, after: Control, step: str, actor: str, now: datetime) -> Change:
    was, is_now = difference(before, after)
    return Change(now, _actor(actor), step, 0, was, is_now)


def _actor(actor: str) -> str:
    return "".join(each for each in actor if each.isprintable())[:ACTOR_LIMIT]
