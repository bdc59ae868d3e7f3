"""The secrets that both sides know: their form, and their rotation, two live at once at most."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from services.kits.webhooks.errors import SecretLimitError, SecretMalformedError

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32
LEAST_BYTES, MOST_BYTES = 24, 64  # the specification's bounds
TEXT_LIMIT: Final = 128  # characters
LIVE_LIMIT: Final = 2
OVERLAP_DEFAULT: Final = timedelta(hours=24)
OVERLAP_LIMIT: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """A secret and the time from which it signs nothing any more, None while it is the newest."""

    text: str = field(repr=False)
    create_time: datetime
    end_time: datetime | None = None


def new_secret(random_bytes: Callable[[int], bytes]) -> str:
    """Return the text of a fresh secret."""
    return PREFIX + base64.b64encode(random_bytes(SECRET_BYTES)).decode()


def key_of(text: str) -> bytes:
    """Return the bytes that sign. Raises SecretMalformedError."""
    malformed = SecretMalformedError(
        f"a secret is {PREFIX} and the base64 of {LEAST_BYTES} to {MOST_BYTES} bytes", field="secret"
    )
    if not text.startswith(PREFIX) or len(text) > TEXT_LIMIT:
        raise malformed
    encoded = text.removeprefix(PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise malformed from None
    if not LEAST_BYTES <= len(key) <= MOST_BYTES:
        raise malformed
    return key


def live_secrets(secrets: Sequence[SigningSecret], now: datetime) -> tuple[SigningSecret, ...]:
    """Return those that sign now, the newest first."""
    return tuple(each for each in secrets if each.end_time is None or each.end_time > now)


def rotated(
    secrets: Sequence[SigningSecret], fresh: str, now: datetime, *, overlap: timedelta
) -> tuple[SigningSecret, ...]:
    """Return the secrets after a rotation: the fresh one first, the one before it until ``overlap`` has passed.

    Without overlap all older ones end at once, also when two are live: that is what one does with a secret that got
    out. Raises SecretLimitError when a third would be live.
    """
    new = SigningSecret(fresh, now)
    if not overlap:
        return (new,)
    live = live_secrets(secrets, now)
    if len(live) >= LIVE_LIMIT:
        last = max(each.end_time for each in live if each.end_time is not None)
        raise SecretLimitError(
            f"{LIVE_LIMIT} secrets are live until {last.isoformat()}; rotate without overlap to end both now",
            until=last.isoformat(),
        )
    return (new, *(replace(each, end_time=now + overlap) for each in live))
