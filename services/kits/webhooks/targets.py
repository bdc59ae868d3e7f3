"""A target: whom to call, with what, signed by which secrets. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from typing import Final

from services.chassis.errors import InvalidArgumentError
from services.kits.webhooks.errors import EventTypeUnknownError
from services.kits.webhooks.messages import TEST_EVENT
from services.kits.webhooks.signing_secrets import SigningSecret, live_secrets, rotated

TARGETS_LIMIT: Final = 100  # of one service, disabled ones too
EVENT_TYPES_LIMIT: Final = 32  # that one target names
OWNER_LIMIT: Final = 64  # characters
_ID_BYTES: Final = 16


class TargetState(StrEnum):
    """Whether anything is sent to a target. Of a deleted one a tombstone stays, so that no repeat brings it back."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    DELETED = "deleted"


class DisableCause(StrEnum):
    """Why a target is disabled."""

    NONE = ""
    OPERATOR = "operator"
    GONE = "gone"  # it answered 410
    BACKLOG = "backlog"  # more waited for it than is kept


@dataclass(frozen=True, slots=True)
class Target:
    """``event_types`` empty: all. ``owner``: whose endpoint it is, in words. ``create_print``: of what made it.

    ``rotation_id``: the request that made the newest secret. ``revision`` 0: not stored yet.
    """

    id: str
    url: str = field(repr=False)  # it may hold a token of the receiver's
    event_types: tuple[str, ...]
    owner: str
    state: TargetState
    cause: DisableCause
    secrets: tuple[SigningSecret, ...] = field(repr=False)
    create_time: datetime
    update_time: datetime
    create_print: str = ""
    rotation_id: str = ""
    revision: int = 0

    @property
    def is_enabled(self) -> bool:
        """Whether deliveries go there."""
        return self.state is TargetState.ENABLED

    def wants(self, event_type: str) -> bool:
        """Tell whether it listens to this type; everything that is enabled listens to a test."""
        return not self.event_types or event_type in self.event_types or event_type == TEST_EVENT

    def signing(self, now: datetime) -> tuple[str, ...]:
        """Return the secrets that sign now, the newest first."""
        return tuple(each.text for each in live_secrets(self.secrets, now))

    def enabled(self, now: datetime) -> "Target":
        """Return it taking deliveries, at once and again."""
        return self._in(TargetState.ENABLED, DisableCause.NONE, now)

    def disabled(self, cause: DisableCause, now: datetime) -> "Target":
        """Return it disabled; one that is disabled keeps its first cause."""
        return self if self.state is TargetState.DISABLED else self._in(TargetState.DISABLED, cause, now)

    def deleted(self, now: datetime) -> "Target":
        """Return the tombstone: nothing of the receiver's stays in it."""
        return replace(self._in(TargetState.DELETED, DisableCause.OPERATOR, now), url="", owner="", secrets=())

    def with_fresh_secret(self, fresh: str, rotation_id: str, now: datetime, *, overlap: timedelta) -> "Target":
        """Return it after a rotation; the same rotation again changes nothing. Raises SecretLimitError."""
        if rotation_id and rotation_id == self.rotation_id:
            return self
        secrets = rotated(self.secrets, fresh, now, overlap=overlap)
        return replace(self, secrets=secrets, rotation_id=rotation_id, update_time=now)

    def _in(self, state: TargetState, cause: DisableCause, now: datetime) -> "Target":
        if (self.state, self.cause) == (state, cause):
            return self
        return replace(self, state=state, cause=cause, update_time=now)


def target_id(request_id: str) -> str:
    """Return the id of the target that a request creates, equal for its repetition."""
    return "wht_" + blake2b(request_id.encode(), digest_size=_ID_BYTES).hexdigest()


def checked_event_types(event_types: Sequence[str], known: Collection[str]) -> tuple[str, ...]:
    """Return the types, each once. Raises EventTypeUnknownError, InvalidArgumentError."""
    if len(event_types) > EVENT_TYPES_LIMIT:
        raise InvalidArgumentError(f"a target names at most {EVENT_TYPES_LIMIT} event types", field="event_types")
    for each in event_types:
        if each not in known:
            names = ", ".join(sorted(known))
            raise EventTypeUnknownError(
                f"no event of this type is sent here; there are: {names}", field="event_types", known=names
            )
    return tuple(dict.fromkeys(event_types))


def checked_owner(owner: str) -> str:
    """Return the owner without blanks around it. Raises InvalidArgumentError."""
    text = owner.strip()
    if len(text) > OWNER_LIMIT or not text.isprintable():
        raise InvalidArgumentError(f"an owner has at most {OWNER_LIMIT} printable characters", field="owner")
    return text
