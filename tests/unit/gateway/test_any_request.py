"""Whatever comes, the answer is a documented one: never a 500, never an empty refusal, never what was sent."""

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway import event_stream
from gateway.principals import Role
from gateway.routes import all_endpoints
from tests.fakes.gateway_shop import Shop, open_shop

ENDPOINTS = [each for each in all_endpoints() if each.documented]
# Long, multi-byte and meaningful to some parser behind: what generic fuzzing seldom finds.
NASTY = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="牛奶ＡＢ🧀é\u0301\u202e\x00\n\"'\\%&=+?#;:/{}[]()<>*~^", max_size=60),
    st.text(alphabet="奶", min_size=200, max_size=400),
    st.sampled_from(["null", "NaN", "-1", "9" * 40, "true", "../..", "%", "%zz", "{", "card:", "v-", "a.b", "1.1"]),
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | NASTY,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NASTY, inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as opened:
        yield opened


@pytest.fixture(scope="module")
def shop(runner: asyncio.Runner) -> Iterator[Shop]:
    opened = runner.run(
        open_shop(shopper_rate_per_s=0, publishable_rate_per_s=0, secret_rate_per_s=0, failed_rate_per_s=0)
    )
    opened.client = httpx.AsyncClient(
        transport=httpx.ASGITransport(_leaving_streams(opened.app)), base_url=opened.client.base_url
    )
    yield opened
    runner.run(opened.client.aclose())


def _leaving_streams(app: ASGIApp) -> ASGIApp:
    """Stand for a client that leaves a stream when it opens: read to its end it would hold the test for ever."""

    async def leaving(scope: Scope, receive: Receive, send: Send) -> None:
        left = asyncio.Event()

        async def noting(message: Message) -> None:
            await send(message)
            if (b"content-type", event_stream.MEDIA_TYPE.encode()) in message.get("headers", ()):
                left.set()

        async def until_left() -> Message:
            coming, gone = asyncio.ensure_future(receive()), asyncio.ensure_future(left.wait())
            await asyncio.wait({coming, gone}, return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            if left.is_set():
                coming.cancel()
                return {"type": "http.disconnect"}
            return await coming

        await app(scope, until_left, noting)

    return leaving


@st.composite
def _requests(draw: st.DrawFn) -> dict[str, Any]:
    endpoint = draw(st.sampled_from(ENDPOINTS))
    path = endpoint.path.replace("{id:path}", "{id}")
    for name in ("id", "placement", "purpose", "version", "service", "projection", "carrier", "target"):
        path = path.replace(f"{{{name}}}", quote(draw(NASTY), safe=""))
    names = [each.name for each in endpoint.query.parameters]
    query = draw(st.lists(st.tuples(st.sampled_from(names), NASTY), max_size=3)) if names else []
    query += draw(st.sampled_from([[], [], [], [("column.a", "x")], [("zz", "x")]]))
    known = list(endpoint.body.form.model_fields) if endpoint.body and endpoint.body.form else []
    bodies = st.one_of(
        JSON_VALUES.map(_dumps),
        st.dictionaries(st.sampled_from(known or ["a"]), JSON_VALUES, max_size=6).map(_dumps),
        st.binary(max_size=60),
    )
    # Mostly somebody who may, else every example would end at the door.
    role = draw(st.one_of(st.sampled_from(sorted(endpoint.roles or Role)), st.sampled_from([None, *Role])))
    return {
        "role": role,
        "method": endpoint.method,
        "url": path,
        "params": query,
        "content": draw(bodies) if endpoint.body else b"",
        "headers": {
            "content-type": draw(st.sampled_from([*(endpoint.body.media_types if endpoint.body else ("",)), "x/y"])),
            **draw(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "if-match": st.sampled_from(['"v1"', "*", "x", 'W/"v1"', '"']),
                        "if-none-match": st.sampled_from(['"v3"', "*", ","]),
                        "idempotency-key": st.text(alphabet="abc \x7f", max_size=300),
                        "accept-language": st.sampled_from(["", ",", "zh", "en-;q=x", "*" * 500]),
                        "traceparent": st.sampled_from(["", "00-x", "00-" + "0" * 32 + "-1-1", "-" * 300]),
                        "x-visitor-id": st.sampled_from(["", "v-", "v-" + "a" * 30, "x" * 200]),
                    },
                )
            ),
        },
    }


def _dumps(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # beyond 64 bits, lone surrogates: not JSON of ours, but bytes all the same
        return repr(value).encode("utf-8", "replace")


@settings(max_examples=400, deadline=None)
@given(request=_requests())
def test_any_request_gets_a_documented_answer(shop: Shop, runner: asyncio.Runner, request: dict[str, Any]) -> None:
    headers = {**shop.headers(request.pop("role")), **request.pop("headers")}
    response: httpx.Response = runner.run(shop.client.request(**request, headers=headers))
    assert response.status_code < 500, f"{request}: {response.text}"
    if response.status_code >= 400:
        assert response.headers["content-type"] == "application/problem+json"
        problem = response.json()
        assert problem["status"] == response.status_code and problem["reason"] and problem["detail"]
