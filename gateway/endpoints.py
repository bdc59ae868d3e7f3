"""What a route is: one declaration that dispatches, admits, documents and answers.

Every API route is an ``Endpoint``. The way of a request: admit (who asks, may they, how often), then the handler, which
reads what it needs from its ``Call`` and returns an ASGI answer. There is no dependency injection and no model of the
answer on the way: hot routes pass a service's bytes through (building a 50-item answer by pydantic costs more than all
the rest). FastAPI sees each as a route of its own, so its tools and the OpenAPI document know them all.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, TypeVar

import orjson
from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from gateway.admission import NO_IDENTITY, Admission
from gateway.alert_streams import AlertStreams
from gateway.authentication import Identity
from gateway.clients import Caller
from gateway.errors import (
    FieldError,
    FieldsInvalidError,
    MalformedJsonError,
    MediaTypeError,
)
from gateway.fallbacks import Fallbacks
from gateway.keys import KeyStore
from gateway.middleware.record import RequestRecord, headers_of, record_of
from gateway.order_access import OrderTokens
from gateway.order_streams import OrderStreams
from gateway.parameters import NO_QUERY, Query, language_of
from gateway.principals import Principal, Role, acting_identifiers
from gateway.restored_erasures import RestoredErasures
from gateway.settings import GatewaySettings
from gateway.staff.office import Staff
from gateway.tokens import ShopperTokens
from services.chassis.clock import Clock
from services.chassis.errors import InvalidArgumentError
from services.chassis.readiness import Readiness

JSON: Final = "application/json"

ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the routes work with; built once by main."""

    settings: GatewaySettings
    caller: Caller
    admission: Admission
    keys: KeyStore
    tokens: ShopperTokens
    clock: Clock
    start_time: datetime
    fallbacks: Fallbacks
    order_tokens: OrderTokens
    order_streams: OrderStreams
    alert_streams: AlertStreams
    readiness: Readiness
    staff: Staff
    restored: RestoredErasures


class Answer:
    """A finished answer: bytes and headers, sent as they are."""

    __slots__ = ("body", "headers", "status")

    def __init__(
        self,
        body: bytes,
        *,
        status: int = 200,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        media_type: bytes = b"application/json",
    ) -> None:
        self.body, self.status = body, status
        self.headers = [(b"content-type", media_type), (b"content-length", b"%d" % len(body)), *headers]

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


def json_answer(value: object, *, status: int = 200, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Answer:
    """Return a value as JSON."""
    return Answer(orjson.dumps(value, option=orjson.OPT_UTC_Z), status=status, headers=headers)


class Call:
    """One admitted request, read only as far as its handler asks."""

    __slots__ = ("_receive", "headers", "identity", "parts", "path", "query", "scope")

    def __init__(self, scope: Scope, receive: Receive, parts: Parts, identity: Identity, query: dict[str, Any]) -> None:
        self.scope, self._receive, self.parts, self.identity = scope, receive, parts, identity
        self.headers = headers_of(scope)
        self.path: Mapping[str, str] = scope["path_params"]
        self.query = query

    @property
    def record(self) -> RequestRecord:
        """What the edge says of the request at its end."""
        return record_of(self.scope)

    @property
    def principal(self) -> Principal:
        """Who asks."""
        return self.identity.principal

    @property
    def shop(self) -> str:
        """The shop that the key belongs to."""
        return self.identity.principal.shop or self.parts.settings.default_shop

    @property
    def language(self) -> str:
        """The language to answer in."""
        return language_of(self.query.get("language", ""), self.headers.get(b"accept-language", b""))

    def header(self, name: bytes) -> str:
        """Return a header, "" without one."""
        return self.headers.get(name, b"").decode("latin-1")

    def shopper_identifiers(self) -> tuple[str, ...]:
        """Return whom the request is about, checked against what the caller may ask for."""
        return acting_identifiers(self.principal, self.header(b"x-visitor-id"), self.query.get("identifier", ()))

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives. Raises ClientDisconnect."""
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            if message.get("body"):
                yield message["body"]
            if not message.get("more_body"):
                return

    async def body(self, media_type: str = JSON) -> bytes:
        """Return the whole body. Raises MediaTypeError, MalformedJsonError (empty), BodyTooLargeError."""
        self.check_media_type(media_type)
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        content: bytes = message.get("body", b"")
        if message.get("more_body"):
            content = b"".join([content, *[chunk async for chunk in self.chunks()]])
        if not content:
            raise MalformedJsonError("the body is empty", field="body")
        return content

    def check_media_type(self, *media_types: str) -> str:
        """Return the Content-Type without parameters. Raises MediaTypeError."""
        given = self.header(b"content-type").partition(";")[0].strip().lower()
        if given not in media_types:
            raise MediaTypeError(f"send Content-Type {' or '.join(media_types)}", field="Content-Type")
        if self.headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise MediaTypeError("send the body uncompressed", field="Content-Encoding")
        return given

    async def model(self, form: type[ModelT]) -> ModelT:
        """Return the body read as ``form``. Raises as ``body`` does, FieldsInvalidError."""
        content = await self.body()
        try:
            return form.model_validate_json(content, strict=True)
        except ValidationError as error:
            raise _fields_invalid(error) from None


Handler = Callable[[Call], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Body:
    """What a route reads: the form of a JSON body, or the media types of a raw one."""

    form: type[BaseModel] | None = None
    media_types: tuple[str, ...] = (JSON,)
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One route. ``roles`` empty means public; ``answer`` documents, it builds nothing."""

    operation_id: str
    method: str
    path: str
    tag: str
    summary: str
    roles: frozenset[Role]
    handle: Handler
    answer: type[BaseModel] | None = None
    status: int = 200
    again: bool = False  # what a request makes may be there already: 200 with the same form
    query: Query = NO_QUERY
    query_token: bool = False  # its query may carry the token, as "access_token"
    body: Body | None = None
    headers: tuple[str, ...] = ()
    answer_headers: tuple[str, ...] = ()
    answer_media_type: str = JSON
    problems: tuple[HTTPStatus, ...] = ()
    description: str = ""
    documented: bool = True


class EndpointRoute(APIRoute):
    """An Endpoint as FastAPI sees it."""

    def __init__(self, declaration: Endpoint, parts: Parts) -> None:
        async def endpoint(request: Request) -> Any:
            raise AssertionError(f"{request.url.path} is answered by its route")

        super().__init__(
            declaration.path,
            endpoint,
            methods=[declaration.method],
            name=declaration.operation_id,
            operation_id=declaration.operation_id,
            response_model=None,
            include_in_schema=declaration.documented,
        )
        self.declaration, self._parts = declaration, parts
        self.app = self.answer

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Admit and answer."""
        declaration, parts = self.declaration, self._parts
        headers, record = headers_of(scope), record_of(scope)
        record.route = declaration.path
        query: dict[str, Any] | None = None
        if declaration.query_token:
            query = declaration.query.read(scope["query_string"])
            _take_query_token(headers, query)
        identity = NO_IDENTITY
        if declaration.roles:
            client = scope.get("client")
            identity = await parts.admission.admit(
                headers, declaration.roles, record, address=client[0] if client else ""
            )
        if query is None:
            query = declaration.query.read(scope["query_string"])
        call = Call(scope, receive, parts, identity, query)
        response = await declaration.handle(call)
        await response(scope, receive, send)


def _take_query_token(headers: dict[bytes, bytes], query: Mapping[str, Any]) -> None:
    """Let a token in the query stand for the header that a browser's EventSource, or a link, cannot set."""
    token = query.get("access_token", "")
    if token and b"authorization" not in headers:
        headers[b"authorization"] = b"Bearer " + token.encode("latin-1", "replace")


def _fields_invalid(error: ValidationError) -> InvalidArgumentError:
    """Name every wrong field. What was sent is not repeated: it may be somebody's phone number."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    if found and found[0]["type"] == "json_invalid":
        return MalformedJsonError("the body is no JSON", field="body")
    return FieldsInvalidError([FieldError(".".join(map(str, each["loc"])) or "body", each["msg"]) for each in found])
