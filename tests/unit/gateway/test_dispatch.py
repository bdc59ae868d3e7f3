"""Every path finds its route, and only its own."""

import re
from typing import Any

import pytest

from gateway.dispatch import Dispatcher
from gateway.endpoints import Answer, Call, Endpoint, EndpointRoute
from gateway.errors import MethodNotAllowedError
from gateway.principals import PUBLIC
from gateway.routes import all_endpoints
from tests.fakes.gateway_shop import Shop

ELSEWHERE = "elsewhere"


class Route(EndpointRoute):
    """Says who it is and with which parameters it was asked."""

    found: list[tuple[str, str, dict[str, str]]]

    async def answer(self, scope: Any, receive: Any, send: Any) -> None:
        self.found.append((self.declaration.method, self.path, scope["path_params"]))


def dispatcher_of(shop: Shop, *endpoints: tuple[str, str]) -> tuple[Dispatcher, list[Any]]:
    async def handle(_call: Call) -> Answer:
        raise AssertionError

    found: list[Any] = []
    routes = []
    for number, (method, path) in enumerate(endpoints):
        declaration = Endpoint(
            operation_id=f"o{number}", method=method, path=path, tag="", summary="", roles=PUBLIC, handle=handle
        )
        route = Route(declaration, shop.parts)
        route.found = found
        routes.append(route)

    async def fallback(_scope: Any, _receive: Any, _send: Any) -> None:
        found.append(ELSEWHERE)

    return Dispatcher(routes, fallback), found


async def ask(dispatcher: Dispatcher, path: str, method: str = "GET", kind: str = "http") -> None:
    async def nothing(*_: Any) -> Any:
        raise AssertionError

    await dispatcher({"type": kind, "path": path, "method": method}, nothing, nothing)


async def test_every_route_of_the_api_is_found_by_a_path_of_its_form(shop: Shop) -> None:
    routes = sorted({(each.method, each.path) for each in all_endpoints()})
    dispatcher, found = dispatcher_of(shop, *routes)
    for method, path in routes:
        concrete = re.sub(r"{\w+:path}", "a/b", path)
        for name in re.findall(r"{(\w+)}", concrete):
            concrete = concrete.replace(f"{{{name}}}", f"some-{name}")
        await ask(dispatcher, concrete, method)
        assert found[-1][:2] == (method, path), concrete
        assert "{" not in concrete


@pytest.mark.parametrize(
    "path",
    ["", "/", "//", "/v1", "/v1/", "/v1/things", "/v1/things/", "/v1/thing/1", "/v1/things/1/2", "x/v1/things/1"],
)
async def test_what_is_no_route_goes_elsewhere(shop: Shop, path: str) -> None:
    dispatcher, found = dispatcher_of(shop, ("GET", "/v1/things/{id}"), ("GET", "/v1/others"))
    await ask(dispatcher, path)
    assert found == [ELSEWHERE]


async def test_what_is_no_request_goes_elsewhere(shop: Shop) -> None:
    dispatcher, found = dispatcher_of(shop, ("GET", "/v1/things"))
    await ask(dispatcher, "/v1/things", kind="websocket")
    assert found == [ELSEWHERE]


async def test_a_verb_behind_the_parameter_wins_over_the_bare_parameter(shop: Shop) -> None:
    dispatcher, found = dispatcher_of(
        shop, ("GET", "/v1/things/{id}"), ("POST", "/v1/things/{id}:merge"), ("GET", "/v1/things/{id}/parts")
    )
    await ask(dispatcher, "/v1/things/a:merge", "POST")
    await ask(dispatcher, "/v1/things/a:merge", "GET")
    await ask(dispatcher, "/v1/things/a/parts", "HEAD")
    assert [(path, params) for _, path, params in found] == [
        ("/v1/things/{id}:merge", {"id": "a"}),
        ("/v1/things/{id}", {"id": "a:merge"}),
        ("/v1/things/{id}/parts", {"id": "a"}),
    ]
    with pytest.raises(MethodNotAllowedError) as refused:
        await ask(dispatcher, "/v1/things/a:merge", "PUT")
    assert refused.value.metadata["allow"] == "GET, HEAD, POST"


async def test_a_route_whose_beginning_is_not_fixed_is_a_mistake_at_start(shop: Shop) -> None:
    with pytest.raises(ValueError, match="fixed"):
        dispatcher_of(shop, ("GET", "/v1/{kind}/x"))
