"""Alerts and silences as PR staff reach them: read, taken through their lives, followed as they move."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import pytest
from zhike.reputation.v1 import alert_pb2

from gateway import alert_streams
from gateway.principals import Role
from gateway.routers import alerts
from gateway.schemas.alerts import Alert, Silence
from services.chassis.eventlog.backoff import Backoff
from tests.fakes.gateway_alerts import ALERT_ID, NO_SUCH_ALERT, SILENCE_ID, WrongStateError
from tests.fakes.gateway_shop import Shop, problem_of
from tests.unit.gateway.routers.test_orders import Stream

PATH = f"/v1/alerts/{ALERT_ID}"
STREAM = "/v1/alerts/stream"
SILENCE = {"matchers": [{"name": "brand", "value": "own"}], "reason": "launch", "ends_time": "2026-01-06T00:00:00Z"}


async def test_alerts_are_listed_by_state(shop: Shop) -> None:
    answer = await shop.get("/v1/alerts", Role.STAFF, params={"state": "acknowledged", "page_size": "7"})
    form = answer.json()
    assert form["next_page_token"] == "next"
    assert set(form["alerts"][0]) == set(Alert.model_fields)
    asked = shop.services.last("ListAlerts")
    assert (asked.shop, asked.state, asked.live, asked.page_size) == (
        "main",
        alert_pb2.ALERT_STATE_ACKNOWLEDGED,
        False,
        7,
    )
    await shop.get("/v1/alerts", Role.STAFF, params={"state": "live", "shop": "north"})
    asked = shop.services.last("ListAlerts")
    assert (asked.shop, asked.state, asked.live) == ("north", alert_pb2.ALERT_STATE_UNSPECIFIED, True)


async def test_an_alert_shows_every_term_with_its_words(shop: Shop) -> None:
    answer = await shop.get(PATH, Role.STAFF)
    form = answer.json()
    assert answer.headers["etag"] == '"v4"'
    assert (form["state"], form["kind"], form["level"]) == ("open", "brand", "III")
    known, unknown = form["assessment"]["terms"]
    assert (known["value"], known["points"], known["step"]) == (6.0, 2, 5.0)
    assert (unknown["value"], unknown["step"]) == (None, None)
    assert form["withheld"] == [{"cause": "1/raised", "by": "silence:sil_1", "until_time": None}]
    assert form["history"][0]["kind"] == "raised"
    problem_of(await shop.get(f"/v1/alerts/{NO_SUCH_ALERT}", Role.STAFF), 404, "NOT_FOUND")
    problem_of(await shop.get(f"/v1/alerts/{'x' * 65}", Role.STAFF), 404, "NOT_FOUND")


async def test_who_acknowledges_is_named_and_may_name_another_owner(shop: Shop) -> None:
    answer = await shop.post(f"{PATH}:acknowledge", Role.STAFF, json={})
    asked = shop.services.last("AcknowledgeAlert")
    assert asked.actor
    assert answer.json()["owner"] == asked.actor
    assert answer.json()["state"] == "acknowledged"
    body = {"owner": "wang", "comment": "on it"}
    await shop.post(f"{PATH}:acknowledge", Role.STAFF, json=body, headers={"If-Match": '"v4"'})
    asked = shop.services.last("AcknowledgeAlert")
    assert (asked.owner, asked.comment, asked.expected_version) == ("wang", "on it", 4)


@pytest.mark.parametrize(
    ("verb", "method", "state"),
    [
        ("mitigate", "MitigateAlert", "mitigating"),
        ("resolve", "ResolveAlert", "resolved"),
        ("close", "CloseAlert", "closed"),
        ("reopen", "ReopenAlert", "open"),
    ],
)
async def test_each_step_is_a_call_with_a_person_and_a_reason(shop: Shop, verb: str, method: str, state: str) -> None:
    answer = await shop.post(f"{PATH}:{verb}", Role.STAFF, json={"comment": "statement published"})
    assert (answer.status_code, answer.json()["state"]) == (200, state)
    asked = shop.services.last(method)
    assert (asked.id, asked.comment, asked.expected_version) == (ALERT_ID, "statement published", 0)
    assert asked.actor


async def test_a_step_that_the_state_does_not_allow_says_so(shop: Shop) -> None:
    shop.services.failures["CloseAlert"] = WrongStateError("an alert that is open cannot be closed", state="open")
    answer = await shop.post(f"{PATH}:close", Role.STAFF, json={})
    problem_of(answer, HTTPStatus.PRECONDITION_FAILED, "ALERT_STATE")


async def test_a_comment_is_said_once_however_often_the_request_comes(shop: Shop) -> None:
    for _ in range(2):
        body = {"comment": "the paper took it back"}
        answer = await shop.post(f"{PATH}:comment", Role.STAFF, json=body, headers={"Idempotency-Key": "k1"})
        assert (answer.status_code, answer.json()["history"][-1]["kind"]) == (200, "commented")
    first, second = [request for name, request in shop.services.asked if name == "CommentAlert"]
    assert first == second
    assert first.actor and first.request_id
    asked = len(shop.services.asked)
    for wrong in ({}, {"comment": ""}, {"comment": "x" * 2_001}, {"comment": "x", "actor": "somebody else"}):
        assert (await shop.post(f"{PATH}:comment", Role.STAFF, json=wrong)).status_code == 400
    assert len(shop.services.asked) == asked


@pytest.mark.parametrize("body", [{"comment": "x" * 2_001}, {"comment": 1}, {"actor": "somebody else"}])
async def test_a_step_with_a_body_that_is_none_is_refused(shop: Shop, body: dict[str, Any]) -> None:
    answer = await shop.post(f"{PATH}:resolve", Role.STAFF, json=body)
    assert answer.status_code == 400
    assert not shop.services.asked


async def test_a_silence_is_set_once_however_often_the_request_comes(shop: Shop) -> None:
    for _ in range(2):
        answer = await shop.post("/v1/silences", Role.STAFF, json=SILENCE, headers={"Idempotency-Key": "k1"})
        assert (answer.status_code, answer.headers["location"]) == (201, f"/v1/silences/{SILENCE_ID}")
        assert set(answer.json()) == set(Silence.model_fields)
    first, second = [request for name, request in shop.services.asked if name == "CreateSilence"]
    assert first.request_id == second.request_id
    assert (first.reason, first.matchers[0].name, first.created_by != "") == ("launch", "brand", True)
    assert not first.HasField("starts_time")
    later = {**SILENCE, "starts_time": "2026-01-05T20:00:00+08:00", "request_id": "k2"}
    await shop.post("/v1/silences", Role.STAFF, json=later)
    asked = shop.services.last("CreateSilence")
    assert asked.starts_time.ToJsonString() == "2026-01-05T12:00:00Z"
    assert asked.request_id != first.request_id


@pytest.mark.parametrize(
    "change",
    [
        {"matchers": []},
        {"matchers": [{"name": "weather", "value": "rain"}]},
        {"matchers": [{"name": "brand", "value": ""}]},
        {"matchers": [{"name": "brand", "value": "x"}] * 9},
        {"reason": ""},
        {"ends_time": None},
        {"ends_time": "2026-01-06T00:00:00"},
    ],
)
async def test_a_silence_that_is_none_is_refused(shop: Shop, change: dict[str, Any]) -> None:
    answer = await shop.post("/v1/silences", Role.STAFF, json={**SILENCE, **change})
    assert answer.status_code == 400
    assert not shop.services.asked


async def test_silences_are_read_listed_and_expired(shop: Shop) -> None:
    listed = await shop.get("/v1/silences", Role.STAFF, params={"page_size": "3"})
    assert (listed.json()["silences"][0]["id"], listed.json()["next_page_token"]) == (SILENCE_ID, "next")
    assert (await shop.get(f"/v1/silences/{SILENCE_ID}", Role.STAFF)).json()["active"]
    ended = await shop.post(f"/v1/silences/{SILENCE_ID}:expire", Role.STAFF, json={})
    assert not ended.json()["active"]
    problem_of(await shop.get(f"/v1/silences/{NO_SUCH_ALERT}", Role.STAFF), 404, "NOT_FOUND")


@asynccontextmanager
async def watching(shop: Shop, query: str = "", headers: dict[str, str] | None = None) -> AsyncIterator[Stream]:
    """Open a stream of alerts."""
    stream = Stream()
    given = {**shop.headers(Role.STAFF), **(headers or {})}
    scope = {
        "type": "http", "method": "GET", "path": STREAM, "raw_path": STREAM.encode(), "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
        "client": ("127.0.0.1", 1), "http_version": "1.1", "scheme": "http", "root_path": "",
    }  # fmt: skip
    answering = asyncio.ensure_future(shop.app(scope, stream.receive, stream.send))  # type: ignore[arg-type]
    try:
        yield stream
    finally:
        stream.left.set()
        await asyncio.wait({answering}, timeout=5)
    assert answering.done()
    answering.result()


async def test_a_first_contact_is_told_the_live_ones_and_then_what_moves(shop: Shop) -> None:
    shop.services.alert_log.append()
    async with watching(shop) as stream:
        first = await stream.until(1)
        assert (first[0][0], first[0][1], first[0][2]["id"]) == ("alert", "g1.1", ALERT_ID)
        shop.services.alert_log.append("another-1")
        told = await stream.until(2)
        assert (told[1][0], told[1][1], told[1][2]["id"]) == ("alert", "g1.2", "another-1")
    assert stream.status == HTTPStatus.OK


@pytest.mark.parametrize("how", [{"headers": {"Last-Event-ID": "g1.1"}}, {"query": "after=g1.1"}])
async def test_who_comes_again_is_told_what_was_missed_and_no_more(shop: Shop, how: dict[str, Any]) -> None:
    for number in range(3):
        shop.services.alert_log.append(f"a-{number}")
    async with watching(shop, **how) as stream:
        told = await stream.until(2)
        assert [(place, alert["id"]) for _, place, alert in told] == [("g1.2", "a-1"), ("g1.3", "a-2")]
    assert shop.services.count("ListAlerts") == 0


async def test_a_place_of_a_log_that_began_anew_is_answered_with_the_live_ones(shop: Shop) -> None:
    shop.services.alert_log.append()
    async with watching(shop, headers={"Last-Event-ID": "older.7"}) as stream:
        assert [place for _, place, _ in await stream.until(1)] == ["g1.1"]
        shop.services.alert_log.begin_anew()
        assert [place for _, place, _ in await stream.until(2)] == ["g1.1", "g1+.1"]


async def test_a_place_of_another_number_of_partitions_is_answered_with_the_live_ones(shop: Shop) -> None:
    shop.services.alert_log.append()
    async with watching(shop, headers={"Last-Event-ID": "g1.0-0"}) as stream:
        assert [place for _, place, _ in await stream.until(1)] == ["g1.1"]


@pytest.mark.parametrize("place", ["7", "g1", "g1.", "g1.x", "g1.1-", "g 1.1", "g1." + "9" * 16, "g1.1" + "-1" * 64])
async def test_a_place_that_is_none_is_refused(shop: Shop, place: str) -> None:
    answer = await shop.get(STREAM, Role.STAFF, params={"after": place})
    assert answer.status_code == HTTPStatus.BAD_REQUEST


async def test_another_shops_alerts_are_not_told(shop: Shop) -> None:
    async with watching(shop) as stream:
        await stream.until(1)
        shop.services.alert_log.append("theirs-1", shop="north")
        shop.services.alert_log.append("ours-1")
        assert [alert["id"] for _, _, alert in await stream.until(2)] == [ALERT_ID, "ours-1"]
    async with watching(shop, query="shop=north&after=g1.0") as stream:
        assert [alert["id"] for _, _, alert in await stream.until(1)] == ["theirs-1"]


async def test_an_alert_whose_owner_is_away_is_told_when_it_is_back(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_streams, "AGAIN", Backoff(first_s=0.001, limit_s=0.002))
    async with watching(shop) as stream:
        await stream.until(1)
        shop.services.down.add("reputation")
        shop.services.alert_log.append("late-1")
        await asyncio.sleep(0.02)
        assert len(stream.events) == 1
        shop.services.down.clear()
        assert (await stream.until(2))[1][2]["id"] == "late-1"


async def test_an_alert_that_is_no_more_is_passed_over(shop: Shop) -> None:
    async with watching(shop) as stream:
        await stream.until(1)
        shop.services.alert_log.append(NO_SUCH_ALERT)
        shop.services.alert_log.append("next-1")
        assert (await stream.until(2))[1][1:] == ("g1.2", (await stream.until(2))[1][2])


async def test_a_quiet_stream_is_kept_open_by_a_heartbeat(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "HEARTBEAT_S", 0.01)
    async with watching(shop) as stream:
        await stream.until(1)
        await stream.until_raw(b": \n\n")


async def test_a_stream_ends_with_a_reason_when_the_gateway_stops(shop: Shop) -> None:
    async with watching(shop) as stream:
        await stream.until(1)
        shop.parts.alert_streams.close()
        told = await stream.until(2)
        assert (told[-1][0], told[-1][2]) == ("closing", {"reason": "CLOSING"})
    problem_of(await shop.get(STREAM, Role.STAFF), HTTPStatus.SERVICE_UNAVAILABLE, "STREAMS_FULL")


async def test_streams_are_bounded_and_counted(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    value = shop.metrics.registry.get_sample_value
    async with watching(shop) as stream:
        await stream.until(1)
        assert (value("zhike_http_in_flight"), value("zhike_alert_streams")) == (0, 1)
        monkeypatch.setattr(alert_streams, "WATCHERS_LIMIT", 1)
        problem_of(await shop.get(STREAM, Role.STAFF), HTTPStatus.SERVICE_UNAVAILABLE, "STREAMS_FULL")
    assert value("zhike_alert_streams") == 0
