"""Staff's accounts and the audit trail, for the operator's command; people use the console."""

from http import HTTPStatus
from typing import Any, Final

from gateway.endpoints import Answer, Body, Call, Endpoint, json_answer
from gateway.parameters import PAGE_TOKEN, Integer, Moment, Query, Text
from gateway.principals import OPERATOR_ONLY
from gateway.schemas.staff import AuditEntries, NewStaff, StaffForm, StaffList, StaffRequest
from gateway.staff.accounts import NewAccount
from gateway.staff.audit import BY_OPERATOR, PAGE_LIMIT, THING_LIMIT, AuditEntry, AuditFilter
from gateway.staff.members import member_form

AUDIT_QUERY: Final = Query(
    Text("actor", "Only what this one did: staff:<id>, operator.", limit=THING_LIMIT),
    Text("thing", "Only what was done to this thing: <kind>:<id>.", limit=THING_LIMIT),
    Text("kind", "Only what was done to things of this kind; not together with thing.", limit=THING_LIMIT),
    Moment("start_time", "From then on."),
    Moment("end_time", "Before then."),
    Integer("page_size", "Entries on a page.", 1, PAGE_LIMIT, 50),
    PAGE_TOKEN,
)


async def create_staff(call: Call) -> Answer:
    """Make an account and show its one-time password once."""
    asked = await call.model(StaffRequest)
    wanted = NewAccount(asked.id, asked.name, tuple(asked.roles), asked.language)
    member, text = await call.parts.staff.accounts.create(BY_OPERATOR, wanted)
    location = f"/v1/staff/{member.id}".encode()
    return json_answer(
        {**member_form(member), "one_time_password": text},
        status=HTTPStatus.CREATED,
        headers=((b"location", location),),
    )


async def list_staff(call: Call) -> Answer:
    """Answer all accounts."""
    return json_answer({"staff": [member_form(each) for each in await call.parts.staff.members.list()]})


async def reset_staff(call: Call) -> Answer:
    """Put a one-time password in the place of a lost one."""
    member, text = await call.parts.staff.accounts.reset(BY_OPERATOR, call.path["id"])
    return json_answer({**member_form(member), "one_time_password": text})


async def disable_staff(call: Call) -> Answer:
    """Take an account away."""
    return json_answer(member_form(await call.parts.staff.accounts.disable(BY_OPERATOR, call.path["id"])))


async def enable_staff(call: Call) -> Answer:
    """Give an account back."""
    return json_answer(member_form(await call.parts.staff.accounts.enable(BY_OPERATOR, call.path["id"])))


async def list_audit(call: Call) -> Answer:
    """Answer a page of the trail."""
    query = call.query
    wanted = AuditFilter(query["actor"], query["thing"], query["kind"], query["start_time"], query["end_time"])
    page = await call.parts.staff.audit.page(wanted, size=query["page_size"], token=query["page_token"])
    return json_answer(
        {"entries": [_entry_form(each) for each in page.entries], "next_page_token": page.next_page_token}
    )


def _entry_form(entry: AuditEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "time": entry.time,
        "actor": entry.actor,
        "action": entry.action,
        "kind": entry.kind,
        "thing_id": entry.thing_id,
        "before": entry.before,
        "after": entry.after,
        "request_id": entry.request_id,
    }


ENDPOINTS: Final = (
    Endpoint(
        operation_id="createStaff",
        method="POST",
        path="/v1/staff",
        tag="operator",
        summary="Make an account of staff",
        description="Its one-time password is shown this once; it ends after 7 days and must be changed at the first "
        "sign-in. A name that is taken is 409: reset it if the first answer was lost.",
        roles=OPERATOR_ONLY,
        handle=create_staff,
        body=Body(StaffRequest),
        answer=NewStaff,
        status=HTTPStatus.CREATED,
        answer_headers=("Location",),
        problems=(HTTPStatus.CONFLICT,),
    ),
    Endpoint(
        operation_id="listStaff",
        method="GET",
        path="/v1/staff",
        tag="operator",
        summary="List accounts of staff",
        roles=OPERATOR_ONLY,
        handle=list_staff,
        answer=StaffList,
    ),
    Endpoint(
        operation_id="resetStaff",
        method="POST",
        path="/v1/staff/{id}:reset",
        tag="operator",
        summary="Give an account a one-time password",
        description="The old password and all sessions end at once.",
        roles=OPERATOR_ONLY,
        handle=reset_staff,
        answer=NewStaff,
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED),
    ),
    Endpoint(
        operation_id="disableStaff",
        method="POST",
        path="/v1/staff/{id}:disable",
        tag="operator",
        summary="Disable an account",
        description="All its sessions end at once. The last admin who can sign in stays.",
        roles=OPERATOR_ONLY,
        handle=disable_staff,
        answer=StaffForm,
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED),
    ),
    Endpoint(
        operation_id="enableStaff",
        method="POST",
        path="/v1/staff/{id}:enable",
        tag="operator",
        summary="Enable an account again",
        roles=OPERATOR_ONLY,
        handle=enable_staff,
        answer=StaffForm,
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED),
    ),
    Endpoint(
        operation_id="listAudit",
        method="GET",
        path="/v1/audit",
        tag="operator",
        summary="List what staff did, the latest first",
        roles=OPERATOR_ONLY,
        handle=list_audit,
        query=AUDIT_QUERY,
        answer=AuditEntries,
    ),
)
