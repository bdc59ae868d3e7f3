"""What is left of an erased event: its place, its times and its type's silence (docs/consistency.md rule 14).

The number stays, so no reader meets a hole. Payload and subject become keyed hashes, trace and fingerprint go; the
event's identity is a hash already and stays, so that the same event sent again is still known as a duplicate.
"""

from collections.abc import Mapping
from typing import Any, Final

from services.chassis.canonical import canonical_json
from services.chassis.documents.port import Body

ERASED: Final = "Erased"  # the type of an event of which nothing else is left
SUBJECT_ERASED: Final = "SubjectErased"  # says in a log that a person was erased from it
_SILENT: Final = frozenset({ERASED, SUBJECT_ERASED})


def leaves_no_trace(event_type: str) -> bool:
    """Tell whether an event says nothing to any reader."""
    return event_type in _SILENT


def tombstone(body: Body, *, hidden_subject: str, proof: str) -> dict[str, Any]:
    """Return the stored body of an event without what it said. ``proof``: keyed hash of the payload."""
    return {
        **rewritten(body, payload={"erased": proof}),
        "type": ERASED,
        "subject": hidden_subject,
        "channel": "",
        "shop": "",
    }


def rewritten(body: Body, *, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored body of an event with another payload: no trace, and no fingerprint of what it said before."""
    return {**body, "payload": dict(payload), "trace": "", "fingerprint": ""}


def said_by(body: Body) -> str:
    """Return what the payload says, to be hashed."""
    return canonical_json(body["payload"]).decode()
