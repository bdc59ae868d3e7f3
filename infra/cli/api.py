"""The command's way to the gateway: one HTTP client with the operator token; problems become ApiProblem."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from infra.cli.catalog import t
from infra.cli.deployment import Deployment
from services.chassis.errors import ErrorKind, ZhikeError

TIMEOUT_S = 30.0
UPLOAD_TIMEOUT_S = 600.0
POLL_S = 0.25


class ApiProblem(ZhikeError):
    """The gateway refused; the message is the problem's detail."""

    kind = ErrorKind.INVALID
    reason = "API_PROBLEM"

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        detail = problem.get("detail") or problem.get("title") or "no detail"
        super().__init__(f"{status} {problem.get('reason', '')}: {detail}".replace(" :", ":"))
        self.status = status
        self.problem = dict(problem)


class GatewayAwayError(ZhikeError):
    """The gateway does not answer."""

    kind = ErrorKind.UNAVAILABLE
    reason = "GATEWAY_AWAY"


class Api:
    """Calls the gateway as the operator. Use as an async context manager."""

    def __init__(self, deployment: Deployment) -> None:
        self.url = deployment.run.url
        self._client = httpx.AsyncClient(
            base_url=self.url,
            headers={"Authorization": f"Bearer {deployment.token}"},
            timeout=httpx.Timeout(TIMEOUT_S),
            trust_env=False,
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
        """GET and yield the bytes."""
        async with self._client.stream("GET", path) as answer:
            if answer.is_error:
                await answer.aread()
                raise ApiProblem(answer.status_code, _problem(answer))
            async for chunk in answer.aiter_bytes():
                yield chunk

    async def follow_operation(self, operation_id: str, on_progress: Callable[[dict[str, Any]], None]) -> Any:
        """Poll a long-running operation until it is done; ``on_progress`` sees every answer. Returns the last."""
        while True:
            operation = await self.get(f"/v1/operations/{operation_id}")
            on_progress(operation)
            if operation.get("done"):
                return operation
            await asyncio.sleep(POLL_S)

    async def _send(self, method: str, path: str, **arguments: Any) -> Any:
        try:
            answer = await self._client.request(method, path, **arguments)
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise GatewayAwayError(t("app.gateway_away", url=self.url, reason=reason)) from None
        if answer.is_error:
            raise ApiProblem(answer.status_code, _problem(answer))
        return answer.json() if answer.content else None


def _problem(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {"detail": answer.text[:200]}
    return body if isinstance(body, dict) else {"detail": str(body)[:200]}
