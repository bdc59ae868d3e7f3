"""Cases as documents. Times are microseconds; a field that later versions add has its absent value on the way in."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.kits.times import micros, time_of
from services.knowledge.domain.cases import Case, CaseKind, CaseState, Cause, Entry, What


def case_body(case: Case) -> dict[str, Any]:
    """Return the body of a case."""
    return {
        "id": case.id,
        "kind": case.kind.value,
        "state": case.state.value,
        "customer": case.customer,
        "shop": case.shop,
        "channel": case.channel,
        "order_number": case.order_number,
        "product_id": case.product_id,
        "title": case.title,
        "text": case.text,
        "owner": case.owner,
        "cause": _word(case.cause),
        "opened_us": micros(case.opened_time),
        "warn_us": micros(case.warn_time),
        "due_us": micros(case.due_time),
        "due_estimated": case.due_estimated,
        "answered_us": _micros(case.answered_time),
        "closed_us": _micros(case.closed_time),
        "warned": case.warned,
        "breached": case.breached,
        "life": case.life,
        "history": [_entry_body(entry) for entry in case.history],
        "version": case.version,
    }


def case_from_body(body: Mapping[str, Any]) -> Case:
    """Invert ``case_body``."""
    return Case(
        id=body["id"],
        kind=CaseKind(body["kind"]),
        state=CaseState(body["state"]),
        customer=body["customer"],
        shop=body["shop"],
        channel=body["channel"],
        order_number=body["order_number"],
        product_id=body["product_id"],
        title=body["title"],
        text=body["text"],
        owner=body["owner"],
        cause=_cause(body["cause"]),
        opened_time=time_of(body["opened_us"]),
        warn_time=time_of(body["warn_us"]),
        due_time=time_of(body["due_us"]),
        due_estimated=body["due_estimated"],
        answered_time=_time(body["answered_us"]),
        closed_time=_time(body["closed_us"]),
        warned=body["warned"],
        breached=body["breached"],
        life=body["life"],
        history=tuple(_entry_from_body(each) for each in body["history"]),
        version=body["version"],
    )


def _entry_body(entry: Entry) -> list[Any]:
    return [
        entry.what.value,
        micros(entry.time),
        entry.actor,
        entry.text,
        entry.owner,
        _word(entry.cause),
        entry.request,
        entry.asked,
        entry.number,
    ]


def _entry_from_body(body: list[Any]) -> Entry:
    what, time_us, actor, text, owner, cause, request, asked, number = body
    return Entry(number, What(what), time_of(time_us), actor, text, owner, _cause(cause), request, asked)


def _word(cause: Cause | None) -> str:
    return "" if cause is None else cause.value


def _cause(word: str) -> Cause | None:
    return Cause(word) if word else None


def _micros(time: datetime | None) -> int | None:
    return None if time is None else micros(time)


def _time(time_us: int | None) -> datetime | None:
    return None if time_us is None else time_of(time_us)
