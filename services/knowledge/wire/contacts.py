"""Contacts as protobuf."""

from typing import Final

from zhike.knowledge.v1 import contact_pb2 as pb
from zhike.knowledge.v1 import contact_service_pb2 as service_pb

from services.chassis.errors import InvalidArgumentError
from services.knowledge.domain.contacts import ContactKind, ContactState, Outcome, Purpose, Wish, day_of
from services.knowledge.usecases.contacts import ContactDeed, DayCount, Planned, Shown

_KINDS: Final = {
    ContactKind.TELEPHONE: pb.CONTACT_KIND_TELEPHONE,
    ContactKind.EMAIL: pb.CONTACT_KIND_EMAIL,
    ContactKind.MAIL: pb.CONTACT_KIND_MAIL,
    ContactKind.VISIT: pb.CONTACT_KIND_VISIT,
}
_STATES: Final = {
    ContactState.PLANNED: pb.CONTACT_STATE_PLANNED,
    ContactState.DONE: pb.CONTACT_STATE_DONE,
    ContactState.CANCELLED: pb.CONTACT_STATE_CANCELLED,
}
_OUTCOMES: Final = {
    Outcome.REACHED: pb.CONTACT_OUTCOME_REACHED,
    Outcome.NOT_REACHED: pb.CONTACT_OUTCOME_NOT_REACHED,
    Outcome.DECLINED: pb.CONTACT_OUTCOME_DECLINED,
}
_PURPOSES: Final = {
    Purpose.CARE: pb.CONTACT_PURPOSE_CARE,
    Purpose.SERVICE: pb.CONTACT_PURPOSE_SERVICE,
}
_KINDS_BY_NUMBER: Final = {int(number): kind for kind, number in _KINDS.items()}
_STATES_BY_NUMBER: Final = {int(number): state for state, number in _STATES.items()}
_OUTCOMES_BY_NUMBER: Final = {int(number): outcome for outcome, number in _OUTCOMES.items()}
_PURPOSES_BY_NUMBER: Final = {int(number): purpose for purpose, number in _PURPOSES.items()}


def contact_to_pb(shown: Shown) -> pb.Contact:
    """Encode a contact."""
    contact = shown.contact
    message = pb.Contact(
        id=contact.id,
        customer=contact.customer,
        shop=contact.shop,
        kind=_KINDS[contact.kind],
        purpose=_PURPOSES[contact.purpose],
        state=_STATES[contact.state],
        day=contact.day.isoformat(),
        owner=contact.owner,
        note=contact.note,
        outcome_note=contact.outcome_note,
        done_by=contact.done_by,
        planned_by=contact.planned_by,
        abc_class=contact.abc_class,
        blocked=shown.blocked,
        version=contact.version,
    )
    if contact.outcome is not None:
        message.outcome = _OUTCOMES[contact.outcome]
    if contact.done_time is not None:
        message.done_time.FromDatetime(contact.done_time)
    message.planned_time.FromDatetime(contact.planned_time)
    return message


def day_to_pb(day: DayCount) -> pb.ContactDay:
    """Encode what a day holds."""
    return pb.ContactDay(
        day=day.day.isoformat(), planned=day.planned, done=day.done, workday=day.is_workday, holiday=day.holiday
    )


def planned_to_pb(planned: Planned) -> service_pb.PlanContactsResponse:
    """Encode what a planning brought."""
    return service_pb.PlanContactsResponse(
        planned=planned.planned,
        had_one=planned.had_one,
        not_consented=planned.not_consented,
        not_reachable=planned.not_reachable,
        next_after=planned.next_after,
    )


def wish_from_pb(request: service_pb.CreateContactRequest) -> Wish:
    """Decode what a contact is planned with. Raises InvalidArgumentError."""
    kind, purpose = _KINDS_BY_NUMBER.get(request.kind), _PURPOSES_BY_NUMBER.get(request.purpose)
    if kind is None:
        raise InvalidArgumentError("a contact is by telephone, email, mail or visit", field="kind")
    if purpose is None:
        raise InvalidArgumentError("a contact is for care or service", field="purpose")
    return Wish(request.customer, request.shop, kind, purpose, day_of(request.day, "day"), request.owner, request.note)


def deed_from_pb(deed: service_pb.ContactDeed) -> ContactDeed:
    """Decode who does what to which contact."""
    return ContactDeed(deed.id, deed.actor, deed.expected_version)


def state_from_pb(number: int) -> ContactState | None:
    """Decode a state, None for not given."""
    return _STATES_BY_NUMBER.get(number)


def outcome_from_pb(number: int) -> Outcome:
    """Decode what came of a contact. Raises InvalidArgumentError."""
    outcome = _OUTCOMES_BY_NUMBER.get(number)
    if outcome is None:
        raise InvalidArgumentError("what came of it: reached, not-reached or declined", field="outcome")
    return outcome
