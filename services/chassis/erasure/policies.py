"""What becomes of an event or a document that names an erased person; a service says so where the default is wrong.

By default an event that is about the person becomes a tombstone, and one that only names them loses the name.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from services.chassis.documents.port import Body, Collection, Document
from services.chassis.erasure.subjects import AlsoNamed, Subject, Subjects
from services.chassis.eventlog.tombstones import rewritten, said_by, tombstone

Digest = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What stays in an event's place, and the receipt that it counts for."""

    body: dict[str, Any]
    erasure_id: str


class LogPolicy:
    """How the events of one log are erased. One object serves one step: ``learn`` sees every event before the first
    is rewritten, and again before the second walk; what ``teaches`` is rewritten after everything else.
    """

    needs_learning = False  # whether what one event says decides over another

    def learn(self, body: Body, subjects: Subjects) -> None:
        """Note what decides over other events."""

    def teaches(self, body: Body) -> bool:  # noqa: ARG002 - by default no event decides over another
        """Tell whether ``learn`` notes something of such an event."""
        return False

    def rewritten(self, body: Body, subjects: Subjects, digest: Digest) -> Rewritten | None:
        """Return what stays in the event's place, None where it concerns nobody of them."""
        about = self.about(body, subjects)
        if about:
            hidden = subjects.hidden(body["subject"])
            return Rewritten(tombstone(body, hidden_subject=hidden, proof=digest(said_by(body))), about)
        named = subjects.named(body["payload"])
        if named:
            return Rewritten(rewritten(body, payload=subjects.scrubbed(body["payload"])), named)
        return None

    def about(self, body: Body, subjects: Subjects) -> str:
        """Return the receipt's id of the person whose own the event is, "" for nobody of them."""
        return subjects.erasures.get(body["subject"], "")

    def exported(self, body: Body, subjects: Subjects) -> dict[str, Any] | None:
        """Return what the person is shown of an event, None where it is not theirs."""
        return dict(body["payload"]) if self.about(body, subjects) else None


DELETED: Final = "deleted"
DocumentPolicy = Callable[[Document, Subjects], "Body | str | None"]
Exporter = Callable[[Subject], Awaitable[Mapping[str, Any]]]


def scrub(document: Document, subjects: Subjects) -> Body | None:
    """Take the names out of a document: what becomes of one that no policy speaks of."""
    if document.key not in subjects and not subjects.names_any(document.body):
        return None
    body: Body = subjects.scrubbed(document.body)
    return body


def delete(document: Document, subjects: Subjects) -> Body | str | None:
    """Remove a document that names one of them."""
    return DELETED if document.key in subjects or subjects.names_any(document.body) else None


def keep(_document: Document, _subjects: Subjects) -> Body | str | None:
    """Leave a document as it is: its names are needed for the erasure and go with its end."""
    return None


@dataclass(frozen=True, slots=True)
class ErasureParts:
    """What a service adds to what the chassis erases by itself.

    ``projections``: those that keep people, with the logs that they read; each is rebuilt when a log of its was
    rewritten. ``states``: names of snapshots whose earlier versions go then. ``hooks`` run last, for what lives in
    memory. ``export``: further files of a person, by name.
    """

    projections: Mapping[str, Sequence[str]] = field(default_factory=dict)
    logs: Mapping[str, Callable[[], LogPolicy]] = field(default_factory=dict)
    documents: Mapping[str, DocumentPolicy] = field(default_factory=dict)
    rebuilt: Sequence[Collection] = ()  # collections of those projections, which no policy needs to look at
    states: Sequence[str] = ()
    also_named: AlsoNamed | None = None  # under which names a service knows who has an identifier
    hooks: Sequence[Callable[[], Awaitable[None]]] = ()
    export: Mapping[str, Exporter] = field(default_factory=dict)
