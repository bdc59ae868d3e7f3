"""A person's own data: consents, the archive, the receipt of an erasure."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.schemas.desk import Consent
from gateway.schemas.forms import Read, RequestId, Shown


class MyConsentRequest(Read):
    """Yes or no to a purpose."""

    granted: bool
    request_id: RequestId = ""


class MyConsents(Shown):
    """What holds for every purpose."""

    consents: list[Consent]


class PersonRequest(Read):
    """Asks for a person's data to be gathered, or erased."""

    request_id: RequestId = ""


class EraseRequest(Read):
    """Asks for a person to be erased; cannot be taken back."""

    confirm: Annotated[Literal["erase"], Field(description='The word "erase": nobody sends it by accident.')]
    request_id: RequestId = ""


class PersonExport(Shown):
    """The archive of a person's data: a zip of JSON files with a page that says what they are, in zh and en."""

    id: str
    state: Literal["running", "ready", "failed", "expired"]
    create_time: datetime | None
    expire_time: Annotated[datetime | None, Field(description="When the archive is deleted: a day after it was made.")]
    size_bytes: int
    digest: Annotated[str, Field(description="SHA-256 of the archive, empty before it is ready.")]
    files: list[str]
    truncated: Annotated[bool, Field(description="A service holds more than its bound lets through.")]


class ServiceErasure(Shown):
    """What one service did."""

    service: str
    logs_time: Annotated[datetime | None, Field(description="Refused from then on, and its logs rewritten.")]
    copies_time: Annotated[datetime | None, Field(description="Everything made of the logs rewritten.")]
    counts: Annotated[dict[str, int], Field(description="events, projections, snapshots, documents, files, names.")]
    proof: Annotated[str, Field(description="The service's keyed hash of what it did.")]


class Erasure(Shown):
    """A receipt: what was done where and when, and nothing of whom."""

    id: str
    state: Literal["requested", "logs", "copies", "done"]
    requested_by: Literal["shopper", "desk"]
    request_time: datetime | None
    done_time: datetime | None
    services: list[ServiceErasure]
    progress_percent: int
    proof: Annotated[str, Field(description="Hash over the services' proofs, empty before it is done.")]


class ErasurePage(Shown):
    """Receipts, latest first."""

    erasures: list[Erasure]
    next_page_token: str
