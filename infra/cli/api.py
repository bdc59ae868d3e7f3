"""The command's way to the gateway: one HTTP client with the operator token; problems become ApiProblem."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import httpx

from infra.cli.catalog import t
from infra.cli.deployment import Deployment
from services.chassis.errors import ErrorKind, ZhikeError

TIMEOUT_S = 30.0
UPLOAD_TIMEOUT_S = 600.0
POLL_S = 0.25
AWAY_POLLS = 240  # in a row that may find nobody while an operation is followed: services restart within seconds
_KINDS: Mapping[int, ErrorKind] = {
    HTTPStatus.UNAUTHORIZED: ErrorKind.UNAUTHENTICATED,
    HTTPStatus.FORBIDDEN: ErrorKind.FORBIDDEN,
    HTTPStatus.NOT_FOUND: ErrorKind.NOT_FOUND,
    HTTPStatus.CONFLICT: ErrorKind.CONFLICT,
    HTTPStatus.TOO_MANY_REQUESTS: ErrorKind.UNAVAILABLE,
    HTTPStatus.BAD_GATEWAY: ErrorKind.UNAVAILABLE,
    HTTPStatus.SERVICE_UNAVAILABLE: ErrorKind.UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT: ErrorKind.UNAVAILABLE,
    HTTPStatus.INTERNAL_SERVER_ERROR: ErrorKind.INTERNAL,
}


class ApiProblem(ZhikeError):
    """The gateway refused; the message is the problem's detail, the kind that of its status."""

    kind = ErrorKind.INVALID
    reason = "API_PROBLEM"

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        detail = problem.get("detail") or problem.get("title") or "no detail"
        super().__init__(f"{status} {problem.get('reason', '')}: {detail}".replace(" :", ":"))
        self.__dict__["kind"] = _KINDS.get(status, ErrorKind.INVALID)  # one class for every status
        self.status = status
        self.problem = dict(problem)


class GatewayAwayError(ZhikeError):
    """The gateway does not answer."""

    kind = ErrorKind.UNAVAILABLE
    reason = "GATEWAY_AWAY"


class Api:
    """Calls the gateway as the operator. Use as an async context manager."""

    def __init__(
        self, deployment: Deployment, *, transport: httpx.AsyncBaseTransport | None = None, poll_s: float = POLL_S
    ) -> None:
        self.url, self._poll_s = deployment.run.url, poll_s
        self._client = httpx.AsyncClient(
            base_url=self.url,
            headers={"Authorization": f"Bearer {deployment.token}"},
            timeout=httpx.Timeout(TIMEOUT_S),
            trust_env=False,
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def get(self, path: str, **parameters: str | int) -> Any:
        """GET and return the JSON. Raises ApiProblem, GatewayAwayError."""
        return await self._send("GET", path, params=parameters)

    async def post(self, path: str, body: Any = None) -> Any:
        """POST JSON and return the JSON."""
        return await self._send("POST", path, json=body if body is not None else {})

    async def put(self, path: str, body: Any) -> Any:
        """PUT JSON and return the JSON."""
        return await self._send("PUT", path, json=body)

    async def delete(self, path: str) -> Any:
        """DELETE and return the JSON, None when the answer has no body."""
        return await self._send("DELETE", path)

    async def upload(
        self, path: str, chunks: AsyncIterator[bytes], *, content_type: str, parameters: Mapping[str, str]
    ) -> Any:
        """POST a stream of bytes and return the JSON."""
        return await self._send(
            "POST",
            path,
            content=chunks,
            params=parameters,
            headers={"Content-Type": content_type},
            timeout=UPLOAD_TIMEOUT_S,
        )

    async def download(self, path: str) -> AsyncIterator[bytes]:
        """GET and yield the bytes. Raises ApiProblem, GatewayAwayError."""
        try:
            async with self._client.stream("GET", path) as answer:
                if answer.is_error:
                    await answer.aread()
                    raise ApiProblem(answer.status_code, _problem(answer))
                async for chunk in answer.aiter_bytes():
                    yield chunk
        except httpx.HTTPError as error:
            raise self._away(error) from None

    async def follow_operation(self, operation_id: str, on_progress: Callable[[dict[str, Any]], None]) -> Any:
        """Poll a long-running operation until it is done; ``on_progress`` sees every answer. Returns the last.

        It goes on by itself, so a gateway or service that is away for a while is waited for.
        """
        away = 0
        while True:
            try:
                operation = await self.get(f"/v1/operations/{operation_id}")
            except ZhikeError as error:
                away += 1
                if error.kind is not ErrorKind.UNAVAILABLE or away > AWAY_POLLS:
                    raise
            else:
                away = 0
                on_progress(operation)
                if operation.get("done"):
                    return operation
            await asyncio.sleep(self._poll_s)

    async def _send(self, method: str, path: str, **arguments: Any) -> Any:
        try:
            answer = await self._client.request(method, path, **arguments)
        except httpx.HTTPError as error:
            raise self._away(error) from None
        if answer.is_error:
            raise ApiProblem(answer.status_code, _problem(answer))
        return answer.json() if answer.content else None

    def _away(self, error: httpx.HTTPError) -> GatewayAwayError:
        reason = str(error) or type(error).__name__
        return GatewayAwayError(t("app.gateway_away", url=self.url, reason=reason))


def _problem(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {"detail": answer.text[:200]}
    return body if isinstance(body, dict) else {"detail": str(body)[:200]}
