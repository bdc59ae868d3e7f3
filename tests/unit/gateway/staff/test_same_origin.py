"""Writes to the console come from the console: not from another site, another port, or nobody knows where."""

import pytest

from gateway.staff.errors import CrossSiteRequestError
from gateway.staff.same_origin import SameOriginMiddleware

HOST = (b"host", b"console.example.com")
LOCAL = (b"host", b"localhost:8080")


async def _passes(headers: list[tuple[bytes, bytes]], *, public_url: str = "", method: str = "POST") -> bool:
    reached = []

    async def app(scope: object, receive: object, send: object) -> None:
        reached.append(True)

    guarded = SameOriginMiddleware(app, public_url=public_url)
    scope = {"type": "http", "method": method, "path": "/console/staff", "headers": headers}
    try:
        await guarded(scope, None, None)  # type: ignore[arg-type]
    except CrossSiteRequestError:
        return False
    return bool(reached)


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ([HOST, (b"sec-fetch-site", b"same-origin")], True),
        ([HOST, (b"sec-fetch-site", b"same-site"), (b"origin", b"https://console.example.com")], False),
        ([HOST, (b"sec-fetch-site", b"cross-site")], False),
        ([HOST, (b"sec-fetch-site", b"none")], False),
        ([HOST, (b"origin", b"https://console.example.com")], True),
        ([HOST, (b"origin", b"https://evil.example")], False),
        ([HOST, (b"origin", b"https://console.example.com:8443")], False),
        ([HOST, (b"origin", b"https://console.example.com.evil.example")], False),
        ([HOST, (b"origin", b"null")], False),
        ([HOST, (b"origin", b"")], False),
        ([HOST], False),
        ([LOCAL, (b"origin", b"http://localhost:8080")], True),
        ([LOCAL, (b"origin", b"http://localhost:9090")], False),
        ([LOCAL, (b"origin", b"http://127.0.0.1:8080")], False),
        ([(b"origin", b"https://console.example.com")], False),
        ([HOST, (b"origin", b"https://[")], False),
    ],
)
async def test_where_a_write_comes_from(headers: list[tuple[bytes, bytes]], passes: bool) -> None:
    assert await _passes(headers) is passes


async def test_a_configured_address_is_what_counts_behind_a_proxy() -> None:
    inside = (b"host", b"10.0.0.7:8080")
    said = (b"origin", b"https://console.example.com")
    assert not await _passes([inside, said])
    assert await _passes([inside, said], public_url="https://console.example.com/")
    assert not await _passes([inside, (b"origin", b"https://10.0.0.7:8080")], public_url="https://console.example.com")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_reads_pass(method: str) -> None:
    assert await _passes([HOST, (b"sec-fetch-site", b"cross-site")], method=method)
