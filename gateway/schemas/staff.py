"""What is read and shown of staff's accounts and of the trail of what they did."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from gateway.schemas.forms import Read, Shown

RoleWord = Literal["merchandiser", "pr", "desk", "analyst", "admin"]


class StaffRequest(Read):
    """A new account. It gets a one-time password, which must be changed at the first sign-in."""

    id: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$", examples=["li.na"], description="Sign-in name; it never changes."
        ),
    ]
    name: Annotated[str, Field(min_length=1, max_length=80, description="What colleagues see.")]
    roles: Annotated[list[RoleWord], Field(min_length=1, max_length=5)]
    language: Annotated[Literal["", "zh", "en"], Field(description="Of the console; empty follows the browser.")] = ""


class StaffForm(Shown):
    """An account."""

    id: str
    name: str
    roles: list[RoleWord]
    language: Literal["", "zh", "en"]
    state: Annotated[Literal["active", "one-time-password", "disabled"], Field(description="How it stands.")]
    create_time: datetime
    sign_in_time: datetime | None
    disable_time: datetime | None
    version: int


class NewStaff(StaffForm):
    """An account with its one-time password, which is shown this once."""

    one_time_password: str


class StaffList(Shown):
    """All accounts, by sign-in name."""

    staff: list[StaffForm]


class AuditEntryForm(Shown):
    """One thing that was done."""

    id: str
    time: datetime
    actor: Annotated[str, Field(description="staff:<id>, operator or demo.", examples=["staff:li.na"])]
    action: Annotated[str, Field(examples=["staff.disable"])]
    kind: str
    thing_id: str
    before: Annotated[dict[str, Any] | None, Field(description="null: it was made.")]
    after: Annotated[dict[str, Any] | None, Field(description="null: it is gone.")]
    request_id: str


class AuditEntries(Shown):
    """A page of the trail, the latest first."""

    entries: list[AuditEntryForm]
    next_page_token: str
