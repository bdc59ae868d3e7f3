"""The gateway's application on fakes: no socket, no file, a clock that stands still."""

from dataclasses import dataclass
from random import Random
from typing import Any

import httpx
from argon2.profiles import CHEAPEST
from starlette.types import ASGIApp

from gateway.admission import Admission
from gateway.alert_streams import AlertStreams
from gateway.app import build_app
from gateway.authentication import Authenticator
from gateway.endpoints import Parts
from gateway.fallbacks import Fallbacks
from gateway.keys import KeyName, KeyStore
from gateway.limits import RateLimiter
from gateway.metrics import GATEWAY_METRICS
from gateway.order_access import OrderTokens
from gateway.order_streams import OrderStreams
from gateway.principals import Principal, Role
from gateway.restored_erasures import RestoredErasures
from gateway.settings import GatewaySettings
from gateway.staff.accounts import NewAccount, Where
from gateway.staff.audit import NamedActor
from gateway.staff.cookies import SECURE_NAME
from gateway.staff.members import StaffRole
from gateway.staff.office import open_staff
from gateway.tokens import OperatorToken, ShopperTokens
from services.chassis.documents.memory import MemoryDocuments
from services.chassis.metrics import CHASSIS_METRICS, Metrics
from services.chassis.readiness import Readiness
from services.chassis.standing import Standings
from tests.fakes.clock import ManualClock
from tests.fakes.gateway_services import ORDER_ID, FakeServices

OPERATOR = "op_operator-of-the-tests"
SECRET = "a signing secret of thirty-two bytes or more"
VISITOR = "v-0123456789abcdefghijklmn"
OTHER_VISITOR = "v-zzzzzzzzzzzzzzzzzzzzzzzz"
STAFF_PASSWORD = "correct horse of the tests"
SHOPPER_IDENTIFIERS = ("login:u42", f"visitor:{VISITOR}")


@dataclass
class Shop:
    """A running gateway on fakes. ``headers(role)`` are valid credentials of each role."""

    client: httpx.AsyncClient
    app: ASGIApp
    services: FakeServices
    parts: Parts
    keys: dict[Role, str]
    clock: ManualClock
    metrics: Metrics
    standings: Standings

    def headers(self, role: Role | str | None) -> dict[str, str]:
        if role is None:
            return {}
        role = Role(role)
        if role is Role.PUBLISHABLE:
            return {"X-Api-Key": self.keys[role], "X-Visitor-Id": VISITOR}
        return {"Authorization": f"Bearer {self.keys[role]}"}

    async def send(self, method: str, path: str, role: Role | str | None = None, **arguments: Any) -> httpx.Response:
        headers = {**self.headers(role), **arguments.pop("headers", {})}
        return await self.client.request(method, path, headers=headers, **arguments)

    async def staffed(self, *roles: StaffRole, name: str = "") -> str:
        """Return the id of somebody of staff; the account is made at the first call."""
        staff, staff_id = self.parts.staff, name or "-".join(sorted(roles))
        if await staff.members.get(staff_id) is None:
            wanted = NewAccount(staff_id, staff_id.title(), tuple(roles))
            await staff.accounts.create(NamedActor("operator"), wanted, password=STAFF_PASSWORD)
        return staff_id

    async def signed_in(self, *roles: StaffRole, name: str = "") -> dict[str, str]:
        """Return the headers of somebody of staff who is signed in."""
        staff_id = await self.staffed(*roles, name=name)
        session_id = await self.parts.staff.accounts.sign_in(staff_id, STAFF_PASSWORD, Where("test", "a test"))
        return {"Cookie": f"{SECURE_NAME}={session_id}", "Sec-Fetch-Site": "same-origin"}

    async def get(self, path: str, role: Role | str | None = Role.PUBLISHABLE, **arguments: Any) -> httpx.Response:
        return await self.send("GET", path, role, **arguments)

    async def post(self, path: str, role: Role | str | None = Role.OPERATOR, **arguments: Any) -> httpx.Response:
        return await self.send("POST", path, role, **arguments)


async def _nothing() -> bool:
    """The gateway keeps no names of the erased."""
    return True


async def open_shop(**settings: Any) -> Shop:
    """Build a gateway with a key of every role."""
    clock, services = ManualClock(), FakeServices()
    configured = GatewaySettings(documents="memory", **settings)
    metrics = Metrics((CHASSIS_METRICS, GATEWAY_METRICS))
    standings, documents = Standings(metrics), MemoryDocuments()
    store, order_tokens = KeyStore(documents, clock), OrderTokens((SECRET,), documents, clock)
    for each in (store, order_tokens):
        await each.open()
    tokens, limiter = ShopperTokens((SECRET,), clock), RateLimiter(clock)
    authenticator = Authenticator(
        store, tokens, OperatorToken(OPERATOR), limiter, orders=order_tokens, clock=clock, settings=configured
    )
    parts = Parts(
        settings=configured,
        caller=services,
        admission=Admission(authenticator, limiter, configured),
        keys=store,
        tokens=tokens,
        clock=clock,
        start_time=clock.now(),
        fallbacks=Fallbacks(clock, metrics),
        order_tokens=order_tokens,
        order_streams=OrderStreams(services.order_log, services, metrics, rng=Random(7)),
        alert_streams=AlertStreams(services.alert_log, services, metrics, rng=Random(7)),
        readiness=Readiness(None, metrics, standings, clock),
        staff=await open_staff(documents, clock, limiter, configured, hashing=CHEAPEST),
        restored=RestoredErasures(documents, services, scrub=_nothing),
    )
    await parts.readiness.become_ready()
    keys = {Role.OPERATOR: OPERATOR}
    for role in (Role.PUBLISHABLE, Role.SHOP, Role.STAFF, Role.LOAD):
        name = KeyName(f"test-{role.value}", role, shop="main", channel="", owner=f"owner-{role.value}")
        _, keys[role] = await store.create(name)
    backend = Principal(Role.SHOP, name="test-shop", owner="owner-shop", shop="main")
    keys[Role.SHOPPER] = tokens.mint(backend, "test-shop.1", SHOPPER_IDENTIFIERS, life_s=3_600)
    keys[Role.ORDER] = order_tokens.mint(ORDER_ID, "test-shop.1", life_s=86_400)
    app = build_app(parts, metrics)
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=True), base_url="http://gateway.test"
    )
    return Shop(client, app, services, parts, keys, clock, metrics, standings)


def problem_of(response: httpx.Response, status: int, reason: str) -> dict[str, Any]:
    """Return the problem of a response after holding it against RFC 9457 and the contract."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem["reason"] == reason, problem
    assert problem["title"] and problem["type"].startswith("urn:zhike:problem:")
    assert problem["request_id"] == response.headers["x-request-id"]
    return problem
