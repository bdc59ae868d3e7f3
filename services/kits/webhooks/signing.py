"""The signature of Standard Webhooks: HMAC-SHA256 over ``id.timestamp.body``, made and verified. Pure.

Source: Standard Webhooks 1.0.0, "Signature scheme", "Webhook headers", "Verifying signatures".
"""

import base64
import binascii
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from services.kits.webhooks.errors import WebhookStaleError, WebhookTamperedError, WebhookUnsignedError
from services.kits.webhooks.signing_secrets import LIVE_LIMIT, key_of

ID_HEADER: Final = "webhook-id"
TIMESTAMP_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"
VERSION: Final = "v1"

TOLERANCE: Final = timedelta(minutes=5)
SIGNATURES_LIMIT: Final = 8  # of one call that are looked at; a rotation needs two
SIGNATURE_LIMIT: Final = 1_024  # characters of the header
# What is signed is joined by points, so an id with one could be read in two ways.
_ID: Final = re.compile(r"[!-\-/-~]{1,128}", re.ASCII)
_TIMESTAMP: Final = re.compile(r"[0-9]{1,11}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Signed:
    """What a verified call says of itself."""

    id: str
    time: datetime


def signed_headers(message_id: str, body: bytes, secrets: Sequence[str], now: datetime) -> dict[str, str]:
    """Return the headers of a call: one signature for each live secret, the newest first."""
    timestamp = str(int(now.timestamp()))
    signatures = [f"{VERSION},{_signature(secret, message_id, timestamp, body)}" for secret in secrets]
    return {ID_HEADER: message_id, TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: " ".join(signatures)}


def verified(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> Signed:
    """Return who a call says it is once that is proven. ``headers`` by lower-case name; one or two ``secrets``.

    The signature is looked at before the time, so "stale" is only said of a call that was once true. Raises
    WebhookUnsignedError, WebhookTamperedError, WebhookStaleError, SecretMalformedError.
    """
    if not 1 <= len(secrets) <= LIVE_LIMIT:
        raise ValueError(f"{len(secrets)} secrets; 1 to {LIVE_LIMIT} are live at once")
    message_id, timestamp = headers.get(ID_HEADER, ""), headers.get(TIMESTAMP_HEADER, "")
    given = _given_signatures(headers.get(SIGNATURE_HEADER, ""))
    if not (_ID.fullmatch(message_id) and _TIMESTAMP.fullmatch(timestamp) and given):
        raise WebhookUnsignedError(f"a call has {ID_HEADER}, {TIMESTAMP_HEADER} and {SIGNATURE_HEADER} with {VERSION}")
    expected = [_signature(secret, message_id, timestamp, body) for secret in secrets]
    # Every pair is compared, each in constant time: how long it takes says nothing of which one came close.
    matches = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in given]
    if not any(matches):
        raise WebhookTamperedError("no signature is of this id, time and body")
    time = datetime.fromtimestamp(int(timestamp), UTC)
    if abs(now - time) > TOLERANCE:
        age_s = int((now - time).total_seconds())
        raise WebhookStaleError(
            f"signed {age_s} s ago; at most {TOLERANCE.seconds} s either way are taken", age_s=age_s
        )
    return Signed(message_id, time)


def _given_signatures(header: str) -> list[str]:
    """Return the signatures of our version, as canonical base64; what is no base64 of a digest is none."""
    if len(header) > SIGNATURE_LIMIT:
        return []
    found = []
    for part in header.split(" ")[:SIGNATURES_LIMIT]:
        version, _, signature = part.partition(",")
        if version == VERSION and _is_digest(signature):
            found.append(signature)
    return found


def _is_digest(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 32
    except (binascii.Error, ValueError):
        return False


def _signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    content = f"{message_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.digest(key_of(secret), content, "sha256")).decode()
