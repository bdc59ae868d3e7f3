"""What stands around every request: ids, errors, headers, CORS, the access line, metrics."""

import asyncio
import io
from typing import Any

import httpx
import pytest
import structlog
from starlette.routing import Route

from gateway.app import build_app
from gateway.metrics import GATEWAY_METRICS
from gateway.middleware.cors import CorsPolicy
from gateway.middleware.edge import EdgeMiddleware
from gateway.principals import Role
from services.chassis.errors import ErrorKind, NotFoundError, ZhikeError
from services.chassis.logs import bound_call
from services.chassis.metrics import CHASSIS_METRICS, Metrics
from tests.fakes.gateway_shop import Shop, problem_of

PAGE = "https://shop.example"


async def test_a_request_id_that_came_is_kept_and_an_unusable_one_replaced(shop: Shop) -> None:
    assert (await shop.client.get("/healthz", headers={"X-Request-Id": "abc-1"})).headers["x-request-id"] == "abc-1"
    for unusable in ("x" * 65, "a\tb", "号".encode(), ""):
        answered = (await shop.client.get("/healthz", headers={b"X-Request-Id": unusable})).headers["x-request-id"]
        assert len(answered) == 16


async def test_every_answer_carries_the_security_headers(shop: Shop) -> None:
    for path in ("/healthz", "/v1/search", "/nowhere"):
        headers = (await shop.client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"


async def test_an_unknown_path_is_a_404_problem(shop: Shop) -> None:
    for path in ("/v1", "/v1/search/", "/v2/search", "/店", "/v1/customers/a/b"):
        problem_of(await shop.client.get(path), 404, "ROUTE_NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/v1/search", "GET, HEAD"),
        ("PUT", "/v1/keys", "GET, HEAD, POST"),
        ("POST", "/v1/products/p-1", "GET, HEAD, PATCH"),
        ("GET", "/v1/products:import", "POST"),
        ("OPTIONS", "/v1/events", "POST"),
        ("BREW", "/healthz", "GET, HEAD"),
    ],
)
async def test_another_method_is_a_405_with_all_that_are_allowed(
    shop: Shop, method: str, path: str, allow: str
) -> None:
    response = await shop.client.request(method, path)
    problem_of(response, 405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == allow


async def test_head_is_answered_as_get(shop: Shop) -> None:
    assert (await shop.client.head("/healthz")).status_code == 200


@pytest.mark.parametrize("service", ["knowledge", "search", "recommendation"])
async def test_while_a_service_is_down_the_routes_of_the_others_answer(shop: Shop, service: str) -> None:
    shop.services.down.add(service)
    paths = {
        "knowledge": "/v1/customers/c-1",
        "search": "/v1/search",
        "recommendation": "/v1/recommendations/popular",
    }
    for owner, path in paths.items():
        response = await shop.get(path, Role.OPERATOR)
        if owner == service:
            problem = problem_of(response, 503, "SERVICE_UNAVAILABLE")
            assert response.headers["retry-after"] == "1"
            assert problem["domain"] == f"{service}.zhike"
        else:
            assert response.status_code == 200


class _TeapotError(ZhikeError):
    kind = ErrorKind.PRECONDITION
    reason = "TEAPOT"


class _LateError(ZhikeError):
    kind = ErrorKind.DEADLINE
    reason = "DEADLINE_EXCEEDED"


class _FullError(ZhikeError):
    kind = ErrorKind.EXHAUSTED
    reason = "QUEUE_FULL"


class _DefectError(ZhikeError):
    reason = "UNKNOWN_INDEX"


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (_TeapotError("not while it is hot", pot="p-1"), 412, None),
        (_LateError("too late"), 504, None),
        (_FullError("too many", retry_after_s="2.3"), 429, "3"),
        (NotFoundError("no such thing"), 404, None),
    ],
)
async def test_an_error_of_a_service_keeps_reason_message_and_metadata(
    shop: Shop, error: ZhikeError, status: int, retry_after: str | None
) -> None:
    shop.services.failures["Search"] = error
    response = await shop.get("/v1/search")
    problem = problem_of(response, status, error.reason)
    assert (problem["detail"], problem["domain"]) == (error.message, "search.zhike")
    assert problem["metadata"] == error.metadata
    assert response.headers.get("retry-after") == retry_after


async def test_a_defect_of_a_service_says_its_request_id_and_nothing_else(shop: Shop) -> None:
    shop.services.failures["Search"] = _DefectError("SELECT * FROM customers WHERE phone = 13800138000")
    response = await shop.get("/v1/search", headers={"X-Request-Id": "find-me"})
    problem = problem_of(response, 500, "UNKNOWN_INDEX")
    assert (problem["detail"], problem["metadata"], problem["request_id"]) == ("internal error", {}, "find-me")
    assert "13800138000" not in response.text


async def test_a_defect_of_ours_is_a_500_and_the_process_goes_on(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise KeyError("13800138000 lives in secret street")

    monkeypatch.setattr(shop.services, "call", broken)
    response = await shop.get("/v1/search")
    problem_of(response, 500, "INTERNAL")
    assert "secret" not in response.text
    assert "secret street" not in capsys.readouterr().out.replace("[debug", "\0").split("\0")[0]
    assert (await shop.client.get("/healthz")).status_code == 200


async def test_what_a_page_raises_is_a_problem_too(shop: Shop) -> None:
    async def missing(_request: object) -> None:
        raise NotFoundError("there is no such guest")

    async def broken(_request: object) -> None:
        raise ValueError("secret")

    pages = (Route("/page/missing", missing), Route("/page/broken", broken))
    app = build_app(shop.parts, Metrics((CHASSIS_METRICS, GATEWAY_METRICS)), pages=pages)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway.test") as client:
        problem_of(await client.get("/page/missing"), 404, "NOT_FOUND")
        broke = await client.get("/page/broken")
        problem_of(broke, 500, "INTERNAL")
        assert "secret" not in broke.text
        problem_of(await client.post("/page/missing"), 405, "METHOD_NOT_ALLOWED")


async def test_pages_of_any_origin_may_call_by_default(shop: Shop) -> None:
    response = await shop.get("/v1/search", headers={"Origin": PAGE})
    assert response.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in response.headers
    assert "RateLimit-Remaining" in response.headers["access-control-expose-headers"]
    assert "access-control-allow-origin" not in (await shop.get("/v1/search")).headers


async def test_a_refusal_can_be_read_by_the_page_too(shop: Shop) -> None:
    response = await shop.client.get("/v1/search", headers={"Origin": PAGE})
    problem_of(response, 401, "CREDENTIALS_MISSING")
    assert response.headers["access-control-allow-origin"] == "*"


async def test_a_preflight_is_answered_before_any_key(shop: Shop) -> None:
    headers = {"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
    response = await shop.client.options("/v1/events", headers=headers)
    assert response.status_code == 204
    assert "POST" in response.headers["access-control-allow-methods"]
    allowed = response.headers["access-control-allow-headers"].lower()
    for header in ("x-api-key", "x-visitor-id", "authorization", "content-type", "idempotency-key", "last-event-id"):
        assert header in allowed
    assert int(response.headers["access-control-max-age"]) > 0


async def test_with_origins_named_others_get_nothing(open_with) -> None:
    shop: Shop = await open_with(cors_origins=(PAGE,))
    mine = await shop.get("/v1/suggest", headers={"Origin": PAGE})
    assert (mine.headers["access-control-allow-origin"], mine.headers["vary"]) == (PAGE, "Origin")
    other = await shop.get("/v1/suggest", headers={"Origin": "https://other.example"})
    assert "access-control-allow-origin" not in other.headers
    assert other.headers["vary"] == "Origin"
    preflight = {"Origin": "https://other.example", "Access-Control-Request-Method": "POST"}
    problem_of(await shop.client.options("/v1/events", headers=preflight), 403, "ORIGIN_NOT_ALLOWED")


async def test_the_access_line_names_the_route_and_no_personal_data(shop: Shop) -> None:
    with structlog.testing.capture_logs() as lines:
        await shop.get("/v1/customers/phone:+8613800138111", Role.STAFF)
        await shop.get("/v1/search?q=secret-query")
        await shop.get("/v1/cart", params={"identifier": "login:secret"})
    access = [each for each in lines if each["event"] == "request answered"]
    assert [each["route"] for each in access] == ["/v1/customers/{id}", "/v1/search", "/v1/cart"]
    assert [each["status"] for each in access] == [200, 200, 403]
    assert (access[0]["role"], access[0]["key"], access[2]["reason"]) == (
        "staff",
        "test-staff.1",
        "IDENTIFIER_NOT_ALLOWED",
    )
    written = io.StringIO()
    print(lines, file=written)
    assert "secret" not in written.getvalue() and "13800138111" not in written.getvalue()


async def test_requests_are_counted_by_route_and_status_with_labels_that_strangers_cannot_grow(shop: Shop) -> None:
    await shop.get("/v1/products/p-1")
    await shop.get("/v1/products/p-2")
    for number in range(5):
        await shop.client.request(f"BREW{number}", f"/nowhere-{number}")
    registry = shop.metrics.registry
    labels = {"method": "GET", "route": "/v1/products/{id:path}", "status": "200"}
    assert registry.get_sample_value("zhike_http_requests_total", labels) == 2
    labels = {"method": "OTHER", "route": "unrouted", "status": "404"}
    assert registry.get_sample_value("zhike_http_requests_total", labels) == 5
    assert registry.get_sample_value("zhike_http_refused_total", {"reason": "ROUTE_NOT_FOUND"}) == 5
    assert registry.get_sample_value("zhike_http_in_flight") == 0


async def test_the_call_to_a_service_carries_request_id_and_trace(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    original = shop.services.call

    async def spy(*arguments: object, **named: object) -> object:
        seen.append(bound_call())
        return await original(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(shop.services, "call", spy)
    trace = "0af7651916cd43dd8448eb211c80319c"
    await shop.get("/v1/search", headers={"X-Request-Id": "r-1", "Traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    assert (seen[0].request_id, seen[0].trace_id) == ("r-1", trace)


async def test_more_requests_at_once_than_the_bound_are_told_to_come_back(shop: Shop) -> None:
    release, waiting = asyncio.Event(), asyncio.Semaphore(0)

    async def slow(_scope: object, _receive: object, send: Any) -> None:
        waiting.release()
        await release.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    metrics = Metrics((CHASSIS_METRICS, GATEWAY_METRICS))
    edge = EdgeMiddleware(slow, metrics=metrics, cors=CorsPolicy(("*",)), in_flight_limit=2)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(edge), base_url="http://gateway.test") as client:
        taken = [asyncio.create_task(client.get("/")) for _ in range(2)]
        for _ in taken:
            await waiting.acquire()
        assert metrics.registry.get_sample_value("zhike_http_in_flight") == 2
        refused = await client.get("/")
        problem_of(refused, 503, "OVERLOADED")
        assert refused.headers["retry-after"] == "1"
        release.set()
        assert [(await each).status_code for each in taken] == [200, 200]
        assert (await client.get("/")).status_code == 200
