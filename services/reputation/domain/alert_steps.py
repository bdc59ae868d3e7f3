"""Owns what persons do to an alert: acknowledge, hand over, mitigate, comment, resolve, close, reopen.

Each step says by whom, asked again by the same person it changes nothing, and from a state that does not allow it it
is refused. A step that ends pages (acknowledge, resolve) settles the withheld ones too: nobody is woken for what
another one has in hand.
"""

import unicodedata
from datetime import datetime
from typing import Final

from services.reputation.domain.alerts import (
    COMMENTS_LIMIT,
    Alert,
    AlertState,
    Cause,
    CauseKind,
    EntryKind,
    written,
)
from services.reputation.domain.errors import (
    AlertCommandError,
    AlertCommentTakenError,
    AlertFullError,
    AlertStateError,
)
from services.reputation.domain.escalation import Suppress, told, unsuppressed

PERSON_LIMIT: Final = 128  # characters
COMMENT_LIMIT: Final = 2_000
_LINES: Final = "\n\t"


def acknowledge(alert: Alert, *, actor: str, owner: str, comment: str, now: datetime) -> Alert:
    """Take the alert in hand: escalation stops. With another owner than before it is handed over.

    Raises AlertCommandError, AlertStateError, AlertFullError.
    """
    actor, owner = _person(actor, "actor"), _person(owner or actor, "owner")
    comment = _comment(comment, required=False)
    life = alert.life
    if life.state is AlertState.OPEN:
        said = written(alert, EntryKind.ACKNOWLEDGED, now, actor=actor, owner=owner, comment=comment)
        return _news(said, CauseKind.ACKNOWLEDGED, now)
    if not life.state.is_live:
        raise _refused(alert, "acknowledged")
    if owner == life.owner:
        return alert
    _require_room(alert)
    return written(alert, EntryKind.HANDED_OVER, now, actor=actor, owner=owner, comment=comment)


def mitigate(alert: Alert, *, actor: str, comment: str, now: datetime) -> Alert:
    """Say that something is being done. Raises AlertCommandError, AlertStateError."""
    actor, comment = _person(actor, "actor"), _comment(comment, required=False)
    if alert.life.state is AlertState.MITIGATING:
        return alert
    if alert.life.state is not AlertState.ACKNOWLEDGED:
        raise _refused(alert, "mitigated")
    return written(alert, EntryKind.MITIGATING, now, actor=actor, comment=comment)


def comment_on(alert: Alert, *, actor: str, comment: str, request: str, now: datetime) -> Alert:
    """Say something beside the alert, whatever its state is. ``request``: equal for a repetition, which adds nothing.

    Raises AlertCommandError, AlertCommentTakenError, AlertFullError.
    """
    actor, comment = _person(actor, "actor"), _comment(comment, required=True)
    comments = [entry for entry in alert.history if entry.kind is EntryKind.COMMENTED]
    said = next((entry for entry in comments if entry.request == request), None)
    if said is not None:
        if (said.actor, said.comment) != (actor, comment):
            raise AlertCommentTakenError("this request id came with another comment before", field="request_id")
        return alert
    if len(comments) >= COMMENTS_LIMIT:
        raise AlertFullError(f"an alert takes at most {COMMENTS_LIMIT} comments", entries=len(alert.history))
    _require_room(alert)
    return written(alert, EntryKind.COMMENTED, now, actor=actor, comment=comment, request=request)


def resolve(alert: Alert, *, actor: str, comment: str, now: datetime) -> Alert:
    """Say that it is over and what was done. Raises AlertCommandError, AlertStateError."""
    actor, comment = _person(actor, "actor"), _comment(comment, required=True)
    if alert.life.state is AlertState.RESOLVED:
        return alert
    if not alert.life.state.is_live:
        raise _refused(alert, "resolved")
    return _news(written(alert, EntryKind.RESOLVED, now, actor=actor, comment=comment), CauseKind.RESOLVED, now)


def close(alert: Alert, *, actor: str, comment: str, now: datetime) -> Alert:
    """Put a resolved alert away. Raises AlertCommandError, AlertStateError."""
    actor, comment = _person(actor, "actor"), _comment(comment, required=False)
    if alert.life.state is AlertState.CLOSED:
        return alert
    if alert.life.state is not AlertState.RESOLVED:
        raise _refused(alert, "closed")
    return written(alert, EntryKind.CLOSED, now, actor=actor, comment=comment)


def reopen(alert: Alert, *, actor: str, comment: str, now: datetime, is_newest: bool, suppress: Suppress) -> Alert:
    """Begin a new life, which is paged as a new one. ``is_newest``: the group has no later alert.

    Raises AlertCommandError, AlertStateError, AlertFullError.
    """
    actor, comment = _person(actor, "actor"), _comment(comment, required=True)
    if alert.life.state is AlertState.OPEN:
        return alert
    if alert.life.state.is_live:
        raise _refused(alert, "reopened")
    if not is_newest:
        raise AlertStateError("the group has a later alert; work there", state=alert.life.state)
    _require_room(alert)
    said = written(alert, EntryKind.REOPENED, now, actor=actor, comment=comment, level=alert.life.level)
    return told(said, Cause(said.life.number, CauseKind.RAISED), now, suppress)


def resolve_by_itself(alert: Alert, *, now: datetime, comment: str) -> Alert:
    """Resolve because the trouble ended by itself: a silent source speaks again. Anything not live stays."""
    if not alert.life.state.is_live:
        return alert
    return _news(written(alert, EntryKind.RESOLVED, now, comment=comment), CauseKind.RESOLVED, now)


def _news(alert: Alert, kind: CauseKind, now: datetime) -> Alert:
    """Tell it to those who were paged in this life; who never heard of the alert need not hear of its end."""
    if alert.life.paged_time is None:
        return alert
    return told(alert, Cause(alert.life.number, kind), now, unsuppressed)


def _refused(alert: Alert, step: str) -> AlertStateError:
    return AlertStateError(f"an alert that is {alert.life.state} cannot be {step}", state=alert.life.state)


def _require_room(alert: Alert) -> None:
    if not alert.has_room:
        raise AlertFullError("the history is full: resolve and close the alert", entries=len(alert.history))


def _person(text: str, field: str) -> str:
    text = text.strip()
    if not 1 <= len(text) <= PERSON_LIMIT or _has_controls(text, ""):
        raise AlertCommandError(f"{field} is a name of 1 to {PERSON_LIMIT} characters", field=field)
    return text


def _comment(text: str, *, required: bool) -> str:
    text = text.strip().replace("\r\n", "\n")
    if len(text) > COMMENT_LIMIT or _has_controls(text, _LINES):
        raise AlertCommandError(f"a comment is plain text of at most {COMMENT_LIMIT} characters", field="comment")
    if required and not text:
        raise AlertCommandError("say why: the comment is missing", field="comment")
    return text


def _has_controls(text: str, allowed: str) -> bool:
    """Tell of control characters, marks that turn the direction of text, and half characters."""
    return any(unicodedata.category(each) in {"Cc", "Cf", "Cs"} and each not in allowed + "\u200d" for each in text)
