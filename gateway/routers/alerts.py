"""What PR staff do with alerts: read and follow them, take them through their lives, keep pages back."""

from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing
from http import HTTPStatus
from typing import Final

import orjson
from pydantic import BaseModel
from zhike.reputation.v1 import alert_pb2
from zhike.reputation.v1 import alert_service_pb2 as pb

from gateway.alert_clients import (
    ACKNOWLEDGE_ALERT,
    CLOSE_ALERT,
    COMMENT_ALERT,
    CREATE_SILENCE,
    EXPIRE_SILENCE,
    GET_ALERT,
    GET_SILENCE,
    LIST_ALERTS,
    LIST_SILENCES,
    MITIGATE_ALERT,
    REOPEN_ALERT,
    RESOLVE_ALERT,
)
from gateway.alert_streams import Place, Watcher
from gateway.clients import Remote
from gateway.endpoints import Answer, Body, Call, Endpoint, Handler, json_answer
from gateway.etag import etag_of, expected_version
from gateway.event_stream import HEARTBEAT, HEARTBEAT_S, MEDIA_TYPE, EventStream, message, opening
from gateway.idempotency import request_id_of
from gateway.parameters import PAGE_TOKEN, Choice, Integer, Query, Text
from gateway.principals import DESK
from gateway.public_form import public_form
from gateway.schemas.alerts import (
    AcknowledgeAlert,
    Alert,
    Alerts,
    ChangeAlert,
    CommentAlert,
    Silence,
    SilenceRequest,
    Silences,
)
from services.chassis.errors import ErrorKind, NotFoundError, ZhikeError

ID_LIMIT: Final = 64  # characters
LIVE: Final = "live"
STATES: Final = ("open", "acknowledged", "mitigating", "resolved", "closed")
_SHOP: Final = Text("shop", "Of which shop; by default the key's.", 64)
ALERTS_QUERY: Final = Query(
    Choice("state", "In one state, or live: open, acknowledged or mitigating. All without it.", (*STATES, LIVE)),
    _SHOP,
    Integer("page_size", "Alerts on a page.", 1, 200, 50),
    PAGE_TOKEN,
)
STREAM_QUERY: Final = Query(_SHOP, Text("after", "The id of the last event that was seen.", 1_500))
SILENCES_QUERY: Final = Query(Integer("page_size", "Silences on a page.", 1, 200, 50), PAGE_TOKEN)
_STATE_NUMBERS: Final = {word: alert_pb2.AlertState.Value(f"ALERT_STATE_{word.upper()}") for word in STATES}


async def list_alerts(call: Call) -> Answer:
    """Answer a page of alerts."""
    query = call.query
    request = pb.ListAlertsRequest(
        shop=query["shop"] or call.shop,
        state=_STATE_NUMBERS.get(query["state"], alert_pb2.ALERT_STATE_UNSPECIFIED),
        live=query["state"] == LIVE,
        page_size=query["page_size"],
        page_token=query["page_token"],
    )
    return json_answer(public_form(await LIST_ALERTS(call.parts.caller, request)))


async def get_alert(call: Call) -> Answer:
    """Answer one alert with its history."""
    return _alert_answer(await GET_ALERT(call.parts.caller, pb.GetAlertRequest(id=_id_in(call, "alert"))))


async def acknowledge_alert(call: Call) -> Answer:
    """Take an alert in hand."""
    asked = await call.model(AcknowledgeAlert)
    request = pb.AcknowledgeAlertRequest(
        id=_id_in(call, "alert"),
        actor=call.principal.name,
        owner=asked.owner,
        comment=asked.comment,
        expected_version=expected_version(call.header(b"if-match")),
    )
    return _alert_answer(await ACKNOWLEDGE_ALERT(call.parts.caller, request))


async def mitigate_alert(call: Call) -> Answer:
    """Say that something is being done."""
    return await _changed(call, MITIGATE_ALERT)


async def resolve_alert(call: Call) -> Answer:
    """Say that it is over."""
    return await _changed(call, RESOLVE_ALERT)


async def close_alert(call: Call) -> Answer:
    """Put a resolved alert away."""
    return await _changed(call, CLOSE_ALERT)


async def reopen_alert(call: Call) -> Answer:
    """Begin a new life of an alert."""
    return await _changed(call, REOPEN_ALERT)


async def comment_alert(call: Call) -> Answer:
    """Say something beside an alert."""
    asked = await call.model(CommentAlert)
    request = pb.CommentAlertRequest(
        id=_id_in(call, "alert"),
        actor=call.principal.name,
        comment=asked.comment,
        request_id=request_id_of(call, asked.request_id),
    )
    return _alert_answer(await COMMENT_ALERT(call.parts.caller, request))


async def stream_alerts(call: Call) -> EventStream:
    """Tell of the alerts as they move."""
    place, held = _place(call), ExitStack()
    watcher = held.enter_context(call.parts.alert_streams.watching())
    return EventStream(_told(call, watcher, place), release=held.close)


async def create_silence(call: Call) -> Answer:
    """Keep pages back for a time."""
    asked = await call.model(SilenceRequest)
    request = pb.CreateSilenceRequest(
        request_id=request_id_of(call, asked.request_id),
        matchers=[
            alert_pb2.SilenceMatcher(name=each.name, value=each.value, is_not=each.is_not) for each in asked.matchers
        ],
        reason=asked.reason,
        created_by=call.principal.name,
    )
    request.ends_time.FromDatetime(asked.ends_time)
    if asked.starts_time is not None:
        request.starts_time.FromDatetime(asked.starts_time)
    silence = await CREATE_SILENCE(call.parts.caller, request)
    location = (b"location", f"/v1/silences/{silence.id}".encode())
    return json_answer(public_form(silence), status=HTTPStatus.CREATED, headers=(location,))


async def get_silence(call: Call) -> Answer:
    """Answer one silence."""
    request = pb.GetSilenceRequest(id=_id_in(call, "silence"))
    return json_answer(public_form(await GET_SILENCE(call.parts.caller, request)))


async def list_silences(call: Call) -> Answer:
    """Answer a page of silences."""
    request = pb.ListSilencesRequest(page_size=call.query["page_size"], page_token=call.query["page_token"])
    return json_answer(public_form(await LIST_SILENCES(call.parts.caller, request)))


async def expire_silence(call: Call) -> Answer:
    """End a silence now."""
    request = pb.ExpireSilenceRequest(id=_id_in(call, "silence"))
    return json_answer(public_form(await EXPIRE_SILENCE(call.parts.caller, request)))


async def _changed(call: Call, method: Remote[pb.ChangeAlertRequest, alert_pb2.Alert]) -> Answer:
    asked = await call.model(ChangeAlert)
    request = pb.ChangeAlertRequest(
        id=_id_in(call, "alert"),
        actor=call.principal.name,
        comment=asked.comment,
        expected_version=expected_version(call.header(b"if-match")),
    )
    return _alert_answer(await method(call.parts.caller, request))


async def _told(call: Call, watcher: Watcher, place: Place | None) -> AsyncGenerator[bytes, None]:
    """Yield what is told: at first contact every live alert, then each alert as it moves."""
    yield opening()
    shop = call.query["shop"] or call.shop
    streams = call.parts.alert_streams
    async with aclosing(streams.told(watcher, shop, place, quiet_s=HEARTBEAT_S)) as told:
        async for news in told:
            if news is not None:
                yield message("alert", news.alert, id_=None if news.place is None else str(news.place))
                continue
            reason = await _why_no_longer(call)
            if reason:
                yield message("closing", orjson.dumps({"reason": reason}))
                return
            yield HEARTBEAT
    yield message("closing", orjson.dumps({"reason": "CLOSING"}))


async def _why_no_longer(call: Call) -> str:
    """Return why the caller may not go on: its key was taken back or has ended. "" while it may."""
    client = call.scope.get("client")
    try:
        await call.parts.admission.authenticator.identify(call.headers, client[0] if client else "")
    except ZhikeError as error:
        return error.reason if error.kind is ErrorKind.UNAUTHENTICATED else ""
    return ""


def _place(call: Call) -> Place | None:
    """Return how far the client was told: a browser that comes again says it by its header."""
    header = call.header(b"last-event-id")
    text = header or call.query["after"]
    return Place.parse(text, field="Last-Event-ID" if header else "after") if text else None


def _id_in(call: Call, noun: str) -> str:
    named = call.path["id"]
    if not 0 < len(named) <= ID_LIMIT:
        raise NotFoundError(f"there is no {noun} of this id", resource=noun)
    return named


def _alert_answer(alert: alert_pb2.Alert) -> Answer:
    return json_answer(public_form(alert), headers=((b"etag", etag_of(alert.version).encode()),))


_STEPPED: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED, HTTPStatus.CONFLICT)


def _step(name: str, verb: str, summary: str, handle: Handler, *, form: type[BaseModel] = ChangeAlert) -> Endpoint:
    return Endpoint(
        operation_id=name,
        method="POST",
        path=f"/v1/alerts/{{id}}:{verb}",
        tag="alerts",
        summary=summary,
        description="Asked again by the same person it changes nothing. From a state that does not allow it: 412 "
        "ALERT_STATE.",
        roles=DESK,
        handle=handle,
        body=Body(form),
        answer=Alert,
        headers=("If-Match",),
        answer_headers=("ETag",),
        problems=_STEPPED,
    )


ENDPOINTS: Final = (
    Endpoint(
        operation_id="listAlerts",
        method="GET",
        path="/v1/alerts",
        tag="alerts",
        summary="List alerts, the latest raised first",
        roles=DESK,
        handle=list_alerts,
        query=ALERTS_QUERY,
        answer=Alerts,
    ),
    Endpoint(
        operation_id="streamAlerts",
        method="GET",
        path="/v1/alerts/stream",
        tag="alerts",
        summary="Follow the alerts as they move",
        description="Server-sent events: `alert` with an alert as it stands each time that something happened to it, "
        "at first contact with every live one; `closing` with a reason before the end. Come again with Last-Event-ID, "
        "or with `after`: what was missed is told again. A comment every 15 s keeps the line open.",
        roles=DESK,
        handle=stream_alerts,
        query=STREAM_QUERY,
        headers=("Last-Event-ID",),
        answer_media_type=MEDIA_TYPE,
    ),
    Endpoint(
        operation_id="getAlert",
        method="GET",
        path="/v1/alerts/{id}",
        tag="alerts",
        summary="Read an alert with its history",
        roles=DESK,
        handle=get_alert,
        answer=Alert,
        answer_headers=("ETag",),
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    _step(
        "acknowledgeAlert",
        "acknowledge",
        "Take an alert in hand, or hand it over: its escalation ends",
        acknowledge_alert,
        form=AcknowledgeAlert,
    ),
    _step("mitigateAlert", "mitigate", "Say that something is being done", mitigate_alert),
    _step("resolveAlert", "resolve", "Say that it is over; the comment says what was done", resolve_alert),
    _step("closeAlert", "close", "Put a resolved alert away", close_alert),
    _step("reopenAlert", "reopen", "Begin a new life of an alert; the comment says why", reopen_alert),
    Endpoint(
        operation_id="commentAlert",
        method="POST",
        path="/v1/alerts/{id}:comment",
        tag="alerts",
        summary="Say something about an alert, whatever its state is",
        description="It stands in the history, and the alert stays as it is. At most 100 comments an alert: the next "
        "one is 412 ALERT_HISTORY_FULL.",
        roles=DESK,
        handle=comment_alert,
        body=Body(CommentAlert),
        answer=Alert,
        headers=("Idempotency-Key",),
        answer_headers=("ETag",),
        problems=_STEPPED,
    ),
    Endpoint(
        operation_id="createSilence",
        method="POST",
        path="/v1/silences",
        tag="alerts",
        summary="Keep pages back for a time",
        description="What it withholds goes out when it ends, once, unless somebody took the alert in hand meanwhile.",
        roles=DESK,
        handle=create_silence,
        body=Body(SilenceRequest),
        answer=Silence,
        status=HTTPStatus.CREATED,
        headers=("Idempotency-Key",),
        answer_headers=("Location",),
        problems=(HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED),
    ),
    Endpoint(
        operation_id="listSilences",
        method="GET",
        path="/v1/silences",
        tag="alerts",
        summary="List silences, the last to end first",
        roles=DESK,
        handle=list_silences,
        query=SILENCES_QUERY,
        answer=Silences,
    ),
    Endpoint(
        operation_id="getSilence",
        method="GET",
        path="/v1/silences/{id}",
        tag="alerts",
        summary="Read a silence",
        roles=DESK,
        handle=get_silence,
        answer=Silence,
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="expireSilence",
        method="POST",
        path="/v1/silences/{id}:expire",
        tag="alerts",
        summary="End a silence now; what it withheld goes out",
        roles=DESK,
        handle=expire_silence,
        answer=Silence,
        problems=(HTTPStatus.NOT_FOUND,),
    ),
)
