"""Dead letters: events that a reader set aside, one of them whole, and having them applied after all."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import orjson
from pydantic import Field
from zhike.chassis.v1 import event_log_service_pb2
from zhike.chassis.v1 import system_service_pb2 as pb

from gateway.clients import (
    GET_LOG_EVENT,
    LIST_DEAD_LETTERS,
    PROBE_TIMEOUT_MS,
    READ_TIMEOUT_MS,
    REDRIVE_DEAD_LETTERS,
    SERVICES,
    WRITE_TIMEOUT_MS,
)
from gateway.console.areas.operations.system import ADMINS
from gateway.console.areas.pr.public_text import shown
from gateway.console.cells import Act, Cell, Column, Link, Moment, Table
from gateway.console.pages import ROOT, Flash, Form, FormModel, Page, Redirect, View
from gateway.console.visit import Visit
from services.chassis.errors import NotFoundError, ZhikeError

HERE: Final = f"{ROOT}/dead-letters"
SHOWN: Final = 200  # of each service
PAYLOAD_SHOWN: Final = 20_000  # characters
PAGES_LIMIT: Final = 50  # looked through for one letter
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
Row = tuple[str, pb.DeadLetter]


class RedriveForm(FormModel):
    """One letter, or all of a projection."""

    service: Annotated[str, Field(max_length=32)]
    projection: Annotated[str, Field(min_length=1, max_length=64)]
    id: Annotated[str, Field(max_length=64)] = ""


async def show(visit: Visit) -> View:
    """Show what waits, over all services."""
    wanted = visit.choice("service", dict.fromkeys(SERVICES))
    found = await asyncio.gather(*(_letters(visit, each) for each in SERVICES if wanted in ("", each)))
    rows = [row for rows in found for row in rows]
    visit.form("redrive")
    groups = sorted({(service, letter.projection) for service, letter in rows})
    return {
        "letters": Table(
            "letters",
            _columns(),
            rows,
            total=len(rows),
            empty="operations.letters.none",
            empty_hint="operations.letters.none_hint",
        ),
        "service_options": [(each, each) for each in SERVICES],
        "groups": [
            (service, projection, sum(row[0] == service and row[1].projection == projection for row in rows))
            for service, projection in groups
        ],
    }


async def show_one(visit: Visit) -> View:
    """Show a letter with what its event says; only now is the event asked for: it is personal data."""
    service = _service(visit.path["service"])
    letter = await _letter(visit, service, visit.path["projection"], visit.path["id"])
    event, problem = await _event(visit, letter)
    visit.form("redrive")
    await visit.record("dead-letter.read", "dead-letter", f"{service}/{letter.projection}/{letter.id}")
    facts: list[tuple[str, Cell]] = [
        (visit.words("operations.letters.reader"), f"{service}/{letter.projection}"),
        (visit.words("operations.letters.place"), _place(letter)),
        (visit.words("operations.letters.type"), letter.type),
        (visit.words("operations.letters.reason"), letter.reason),
        (visit.words("operations.letters.tries"), letter.tries),
        (visit.words("operations.letters.redrives"), letter.redrives),
        (visit.words("operations.letters.failed"), Moment(letter.fail_time, relative=False)),
    ]
    if event is not None:
        facts += [
            (visit.words("operations.letters.shop"), event.shop),
            (visit.words("operations.letters.subject"), shown(event.subject, 200)),
            (visit.words("operations.letters.occurred"), _EPOCH + timedelta(microseconds=event.occurred_time_us)),
        ]
    return {
        "service": service,
        "letter": letter,
        "facts": facts,
        "message": shown(letter.message, PAYLOAD_SHOWN),
        "payload": _written(event),
        "problem": problem,
    }


async def redrive(visit: Visit, form: RedriveForm) -> Redirect:
    """Have letters applied after all."""
    service = _service(form.service)
    request = pb.RedriveDeadLettersRequest(
        projection=form.projection, ids=[form.id] if form.id else [], request_id=visit.submit_id
    )
    await visit.parts.caller.call(REDRIVE_DEAD_LETTERS[service], request, timeout_ms=WRITE_TIMEOUT_MS)
    await visit.record(
        "dead-letter.redrive", "projection", f"{service}/{form.projection}", after={"id": form.id or "all"}
    )
    return Redirect(HERE, Flash("operations.letters.redriven", {"projection": form.projection}))


def _service(name: str) -> str:
    if name not in SERVICES:
        raise NotFoundError("there is no such service", resource="service")
    return name


async def _letters(visit: Visit, service: str) -> Sequence[Row]:
    request = pb.ListDeadLettersRequest(page_size=SHOWN)
    try:
        page = await visit.parts.caller.call(
            LIST_DEAD_LETTERS[service], request, timeout_ms=READ_TIMEOUT_MS, waits=False
        )
    except ZhikeError:
        visit.missing.add(service)
        return ()
    return [(service, each) for each in page.dead_letters]


async def _letter(visit: Visit, service: str, projection: str, letter_id: str) -> pb.DeadLetter:
    token = ""
    for _ in range(PAGES_LIMIT):
        request = pb.ListDeadLettersRequest(projection=projection, page_size=200, page_token=token, with_message=True)
        page = await visit.parts.caller.call(LIST_DEAD_LETTERS[service], request, timeout_ms=READ_TIMEOUT_MS)
        for letter in page.dead_letters:
            if letter.id == letter_id:
                return letter
        token = page.next_page_token
        if not token:
            break
    raise NotFoundError("there is no such dead letter; it may have been redriven", resource="dead letter")


async def _event(visit: Visit, letter: pb.DeadLetter) -> tuple[event_log_service_pb2.LogEvent | None, str]:
    request = event_log_service_pb2.GetLogEventRequest(
        log=letter.log, partition=letter.partition, seq=letter.seq, key=letter.id
    )
    if letter.log_owner not in GET_LOG_EVENT:
        return None, letter.log_owner
    try:
        found = await visit.parts.caller.call(GET_LOG_EVENT[letter.log_owner], request, timeout_ms=PROBE_TIMEOUT_MS)
    except ZhikeError as error:
        return None, error.reason
    return found, ""


def _written(event: event_log_service_pb2.LogEvent | None) -> str:
    if event is None:
        return ""
    try:
        text = orjson.dumps(orjson.loads(event.payload), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        text = event.payload.decode(errors="replace")
    return shown(text, PAYLOAD_SHOWN)


def _place(letter: pb.DeadLetter) -> str:
    return f"{letter.log} {letter.partition}/{letter.seq}"


def _columns() -> tuple[Column, ...]:
    def line(row: Row) -> Cell:
        service, letter = row
        return Link(letter.type or letter.id, f"{HERE}/{service}/{letter.projection}/{letter.id}", _place(letter))

    def again(row: Row) -> Cell:
        service, letter = row
        fields = {"service": service, "projection": letter.projection, "id": letter.id}
        return Act("redrive", "operations.letters.redrive", fields)

    return (
        Column("operations.letters.type", line, wide=True),
        Column("operations.letters.reader", lambda row: f"{row[0]}/{row[1].projection}"),
        Column("operations.letters.reason", lambda row: row[1].reason),
        Column("operations.letters.tries", lambda row: row[1].tries, numeric=True),
        Column("operations.letters.redrives", lambda row: row[1].redrives or None, numeric=True),
        Column("operations.letters.failed", lambda row: Moment(row[1].fail_time)),
        Column("", again, export=False),
    )


PAGE: Final = Page(
    path="/dead-letters",
    roles=ADMINS,
    title="operations.letters.title",
    help="operations.letters.help",
    template="operations/letters.html",
    show=show,
    nav="letters",
    topics=("system",),
    counts="system",
    forms=(Form("redrive", RedriveForm, redrive),),
)
ONE_PAGE: Final = Page(
    path="/dead-letters/{service}/{projection}/{id}",
    roles=ADMINS,
    title="operations.letters.one",
    template="operations/letter.html",
    show=show_one,
    forms=(Form("redrive", RedriveForm, redrive),),
)
