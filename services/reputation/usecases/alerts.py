"""What happens to alerts: trouble is seen, persons act, the clock ticks. Load, decide, save; again when another won.

Every decision is the pure domain's. What a save adds to a history leaves by the alert's outbox, and ``saved`` hears of
it, so that the log follows at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from services.chassis.clock import Clock
from services.reputation.domain import alert_steps
from services.reputation.domain.alerts import Alert, AlertState, Entry, Group, GroupKind, entries_since
from services.reputation.domain.errors import (
    AlertContendedError,
    AlertNotFoundError,
    SilenceNotFoundError,
    SilenceTakenError,
    TooManyError,
    VersionMismatchError,
)
from services.reputation.domain.escalation import Ladder, Suppress, Suppression, tick
from services.reputation.domain.raising import Sighting, closed_by_next, needs_closing, observed
from services.reputation.domain.silences import SILENCES_LIMIT, Silence, checked_silence, expired, suppression_of
from services.reputation.store.alerts import AlertStore, SilenceStore, StoredAlert

TRIES: Final = 16  # against others who change the same alert
ANY_VERSION: Final = 0

Change = Callable[[Alert], Alert]
Saved = Callable[[Alert, tuple[Entry, ...]], None]


@dataclass(frozen=True, slots=True)
class AlertDesk:
    """What alerts are kept with. ``hold``: before the same group is raised anew."""

    alerts: AlertStore
    silences: SilenceStore
    clock: Clock
    hold: timedelta
    ladder: Ladder
    saved: Saved


@dataclass(frozen=True, slots=True)
class Deed:
    """What a person does to which alert. ``expected_version`` 0 means any."""

    alert_id: str
    actor: str
    comment: str = ""
    expected_version: int = ANY_VERSION


async def observe(desk: AlertDesk, sighting: Sighting) -> Alert:
    """Return the group's alert after it was seen in trouble; seen again in the same bucket, nothing changes.

    Raises AlertContendedError.
    """
    suppress = await _suppress(desk)
    for _ in range(TRIES):
        newest, now = await desk.alerts.newest(sighting.group.key), desk.clock.now()
        before = None if newest is None else newest.alert
        after = observed(before, sighting, now, desk.hold, suppress)
        if newest is not None and after.id == newest.alert.id:
            kept = await _save(desk, newest, after)
        else:
            kept = await _insert(desk, after) if await _made_way(desk, newest, after) else None
        if kept is not None:
            return kept
    raise AlertContendedError("others keep changing this group's alert", group=sighting.group.subject)


async def settle(desk: AlertDesk, group: Group, comment: str) -> Alert | None:
    """Resolve a group's alert because its trouble ended by itself; None when it has none."""
    for _ in range(TRIES):
        newest = await desk.alerts.newest(group.key)
        if newest is None:
            return None
        after = alert_steps.resolve_by_itself(newest.alert, now=desk.clock.now(), comment=comment)
        if (kept := await _save(desk, newest, after)) is not None:
            return kept
    raise AlertContendedError("others keep changing this group's alert", group=group.subject)


async def get_alert(desk: AlertDesk, alert_id: str) -> Alert:
    """Return an alert. Raises AlertNotFoundError."""
    return (await _existing(desk, alert_id)).alert


async def list_alerts(
    desk: AlertDesk, shop: str, state: AlertState | None, *, live: bool = False, after: str | None, limit: int
) -> tuple[tuple[Alert, ...], str | None]:
    """Return a shop's alerts, the latest raised first, and where the next page begins.

    ``live``: those whose trouble goes on, instead of a state.
    """
    return await desk.alerts.page(shop, state, live=live, after=after, limit=limit)


async def acknowledge_alert(desk: AlertDesk, deed: Deed, *, owner: str) -> Alert:
    """Take an alert in hand, or hand it over. Raises as services.reputation.domain.alert_steps.acknowledge."""

    def change(alert: Alert) -> Alert:
        return alert_steps.acknowledge(alert, actor=deed.actor, owner=owner, comment=deed.comment, now=desk.clock.now())

    return await _changed(desk, deed, change)


async def mitigate_alert(desk: AlertDesk, deed: Deed) -> Alert:
    """Say that something is being done. Raises as services.reputation.domain.alert_steps.mitigate."""

    def change(alert: Alert) -> Alert:
        return alert_steps.mitigate(alert, actor=deed.actor, comment=deed.comment, now=desk.clock.now())

    return await _changed(desk, deed, change)


async def comment_alert(desk: AlertDesk, deed: Deed, *, request: str) -> Alert:
    """Say something beside an alert. Raises as services.reputation.domain.alert_steps.comment_on."""

    def change(alert: Alert) -> Alert:
        return alert_steps.comment_on(
            alert, actor=deed.actor, comment=deed.comment, request=request, now=desk.clock.now()
        )

    return await _changed(desk, deed, change)


async def resolve_alert(desk: AlertDesk, deed: Deed) -> Alert:
    """Say that it is over. Raises as services.reputation.domain.alert_steps.resolve."""

    def change(alert: Alert) -> Alert:
        return alert_steps.resolve(alert, actor=deed.actor, comment=deed.comment, now=desk.clock.now())

    return await _changed(desk, deed, change)


async def close_alert(desk: AlertDesk, deed: Deed) -> Alert:
    """Put a resolved alert away. Raises as services.reputation.domain.alert_steps.close."""

    def change(alert: Alert) -> Alert:
        return alert_steps.close(alert, actor=deed.actor, comment=deed.comment, now=desk.clock.now())

    return await _changed(desk, deed, change)


async def reopen_alert(desk: AlertDesk, deed: Deed) -> Alert:
    """Begin a new life of an alert. Raises as services.reputation.domain.alert_steps.reopen."""
    suppress = await _suppress(desk)
    newest = await desk.alerts.newest((await get_alert(desk, deed.alert_id)).group.key)

    def change(alert: Alert) -> Alert:
        return alert_steps.reopen(
            alert,
            actor=deed.actor,
            comment=deed.comment,
            now=desk.clock.now(),
            is_newest=newest is not None and newest.alert.id == alert.id,
            suppress=suppress,
        )

    return await _changed(desk, deed, change)


async def tick_alerts(desk: AlertDesk) -> tuple[Alert, ...]:
    """Let the clock pass over every live alert: pages that were withheld, escalations. Return the live ones.

    An alert that another changes meanwhile is left for the next tick.
    """
    live = await desk.alerts.live()
    if not live:
        return ()
    suppress = await _suppress(desk)
    now = desk.clock.now()
    for stored in live:
        await _save(desk, stored, tick(stored.alert, now, desk.ladder, suppress))
    return tuple(stored.alert for stored in live)


async def create_silence(desk: AlertDesk, silence: Silence) -> Silence:
    """Keep a new silence; the same one again is a success.

    Raises SilenceInvalidError, SilenceTakenError, TooManyError.
    """
    now = desk.clock.now()
    checked = checked_silence(silence, now)
    known = await desk.silences.get(checked.id)
    if known is None:
        if len(await desk.silences.ending_after(now, SILENCES_LIMIT)) >= SILENCES_LIMIT:
            raise TooManyError(f"{SILENCES_LIMIT} silences are in force; expire one first", limit=SILENCES_LIMIT)
        if await desk.silences.insert(checked):
            return checked
        known = await _existing_silence(desk, checked.id)
    if _wish(known[0]) != _wish(checked):
        raise SilenceTakenError("another silence has this id", id=checked.id)
    return known[0]


async def get_silence(desk: AlertDesk, silence_id: str) -> Silence:
    """Return a silence. Raises SilenceNotFoundError."""
    return (await _existing_silence(desk, silence_id))[0]


async def list_silences(desk: AlertDesk, *, after: str | None, limit: int) -> tuple[tuple[Silence, ...], str | None]:
    """Return silences, the last to end first, and where the next page begins."""
    return await desk.silences.page(after=after, limit=limit)


async def expire_silence(desk: AlertDesk, silence_id: str) -> Silence:
    """End a silence now; what it withheld goes out with the next tick. Raises SilenceNotFoundError."""
    for _ in range(TRIES):
        silence, revision = await _existing_silence(desk, silence_id)
        ended = expired(silence, desk.clock.now())
        if ended == silence or await desk.silences.save(ended, revision):
            return ended
    raise AlertContendedError("others keep changing this silence", id=silence_id)


def _wish(silence: Silence) -> tuple[object, ...]:
    """Return what a repeated request has in common with the first; its times may be counted from another moment."""
    return silence.matchers, silence.reason, silence.created_by


async def _changed(desk: AlertDesk, deed: Deed, change: Change) -> Alert:
    for _ in range(TRIES):
        stored = await _existing(desk, deed.alert_id)
        if deed.expected_version not in (ANY_VERSION, stored.alert.version):
            raise VersionMismatchError(
                f"the alert stands at version {stored.alert.version}; read it again", id=deed.alert_id
            )
        if (kept := await _save(desk, stored, change(stored.alert))) is not None:
            return kept
    raise AlertContendedError("others keep changing this alert", id=deed.alert_id)


async def _save(desk: AlertDesk, before: StoredAlert, after: Alert) -> Alert | None:
    """Save a change; what did not change is not saved. None when another was faster."""
    if after == before.alert:
        return after
    kept = await desk.alerts.save(before, after)
    if kept is None:
        return None
    desk.saved(kept.alert, entries_since(before.alert, kept.alert))
    return kept.alert


async def _made_way(desk: AlertDesk, newest: StoredAlert | None, after: Alert) -> bool:
    """Close the group's alert before its next one, where that must be; False when another was faster."""
    if newest is None or not needs_closing(newest.alert, after):
        return True
    return await _save(desk, newest, closed_by_next(newest.alert, desk.clock.now())) is not None


async def _insert(desk: AlertDesk, alert: Alert) -> Alert | None:
    kept = await desk.alerts.insert(alert)
    if kept is None:
        return None
    desk.saved(kept.alert, kept.alert.history)
    return kept.alert


async def _suppress(desk: AlertDesk) -> Suppress:
    """Return what withholds pages now: the silences in force and the live alerts of brands."""
    silences = await desk.silences.ending_after(desk.clock.now(), SILENCES_LIMIT)
    brands = [stored.alert for stored in await desk.alerts.live(GroupKind.BRAND)]

    def suppression(alert: Alert) -> Suppression | None:
        return suppression_of(alert, silences, brands, desk.clock.now())

    return suppression


async def _existing(desk: AlertDesk, alert_id: str) -> StoredAlert:
    stored = await desk.alerts.get(alert_id)
    if stored is None:
        raise AlertNotFoundError("there is no alert of this id", resource="alert", id=alert_id)
    return stored


async def _existing_silence(desk: AlertDesk, silence_id: str) -> tuple[Silence, int]:
    found = await desk.silences.get(silence_id)
    if found is None:
        raise SilenceNotFoundError("there is no silence of this id", resource="silence", id=silence_id)
    return found
