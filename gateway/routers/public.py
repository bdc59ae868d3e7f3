"""What needs no key: health, the API's documentation, and the browser's event snippet."""

import asyncio
from hashlib import blake2b
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from zhike.chassis.v1 import system_service_pb2

from gateway.clients import GET_READINESS, PROBE_TIMEOUT_MS, SERVICES
from gateway.endpoints import Answer, Call, Endpoint, Handler, json_answer
from gateway.errors import PartsMissingError
from gateway.etag import is_unchanged
from gateway.principals import PUBLIC
from gateway.schemas.admin import Health, Readiness
from services.chassis.errors import UnavailableError, ZhikeError

STATIC: Final = Path(__file__).parent.parent / "static"
DOCS_POLICY: Final = (
    b"default-src 'self'; img-src 'self' data:; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; "
    b"form-action 'self'"
)
CACHE_S: Final = 300
_MEDIA_TYPES: Final = {
    ".css": b"text/css; charset=utf-8",
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".json": b"application/json",
    ".png": b"image/png",
}
HEALTHY: Final = b'{"status":"ok"}'


async def get_health(_call: Call) -> Answer:
    """Say that the process answers."""
    return Answer(HEALTHY)


async def get_readiness(call: Call) -> Answer:
    """Ask every service at once; name those that are missing, and what those that serve must do without."""
    told = dict(zip(SERVICES, await asyncio.gather(*(_readiness(call, each) for each in SERVICES)), strict=True))
    missing = [service for service, readiness in told.items() if not readiness.serving]
    if not call.parts.readiness.serving:
        missing.append("gateway")
    if missing:
        raise PartsMissingError(f"not ready: {', '.join(missing)}", missing=",".join(missing), retry_after_s=1)
    degraded = {service: dict(readiness.degraded) for service, readiness in told.items()}
    degraded["gateway"] = dict(call.parts.readiness.degraded)
    return json_answer(
        {
            "status": "ready",
            "services": dict.fromkeys(SERVICES, "serving"),
            "degraded": {service: parts for service, parts in degraded.items() if parts},
        }
    )


async def get_root(call: Call) -> Answer:
    """Send a person who typed only the host to the page that is there."""
    page = b"/shop" if call.parts.settings.demo else b"/docs"
    return Answer(b"", status=HTTPStatus.TEMPORARY_REDIRECT, headers=((b"location", page),))


async def _readiness(call: Call, service: str) -> system_service_pb2.Readiness:
    try:
        return await call.parts.caller.call(
            GET_READINESS[service], system_service_pb2.GetReadinessRequest(), timeout_ms=PROBE_TIMEOUT_MS
        )
    except ZhikeError:  # also where this process was not told its address
        return system_service_pb2.Readiness()


def file_handler(path: Path, *headers: tuple[bytes, bytes]) -> Handler:
    """Return a handler of one small file, read once."""
    content = path.read_bytes()
    etag = f'"{blake2b(content, digest_size=8).hexdigest()}"'
    own = (
        (b"etag", etag.encode()),
        (b"cache-control", b"public, max-age=%d" % CACHE_S),
        *headers,
    )
    media_type = _MEDIA_TYPES[path.suffix]

    async def answer_file(call: Call) -> Answer:
        if is_unchanged(call.header(b"if-none-match"), etag):
            return Answer(b"", status=HTTPStatus.NOT_MODIFIED, headers=own, media_type=media_type)
        return Answer(content, headers=own, media_type=media_type)

    return answer_file


def swagger_folder() -> Path:
    """Return where the wheel keeps Swagger UI's files; its own page breaks under a strict policy, so ours is used."""
    spec = find_spec("fastapi_offline")
    if spec is None or not spec.submodule_search_locations:
        raise UnavailableError("the package fastapi-offline, which carries Swagger UI, is not installed")
    return Path(spec.submodule_search_locations[0]) / "static"


def _file(operation_id: str, path: str, file: Path, *headers: tuple[bytes, bytes]) -> Endpoint:
    return Endpoint(
        operation_id=operation_id,
        method="GET",
        path=path,
        tag="documentation",
        summary=file.name,
        roles=PUBLIC,
        handle=file_handler(file, *headers),
        documented=False,
    )


def endpoints() -> tuple[Endpoint, ...]:
    """Return the routes; the files are read now."""
    policy = (b"content-security-policy", DOCS_POLICY)
    swagger = swagger_folder()
    return (
        Endpoint(
            operation_id="getHealth",
            method="GET",
            path="/healthz",
            tag="health",
            summary="Whether the gateway answers",
            roles=PUBLIC,
            handle=get_health,
            answer=Health,
        ),
        Endpoint(
            operation_id="getReadiness",
            method="GET",
            path="/readyz",
            tag="health",
            summary="Whether every service is ready; names those that are not",
            roles=PUBLIC,
            handle=get_readiness,
            answer=Readiness,
            problems=(HTTPStatus.SERVICE_UNAVAILABLE,),
        ),
        Endpoint(
            operation_id="getRoot",
            method="GET",
            path="/",
            tag="documentation",
            summary="The page for a person",
            roles=PUBLIC,
            handle=get_root,
            documented=False,
        ),
        _file("getOpenapi", "/openapi.json", STATIC.parent / "openapi.json"),
        _file("getDocs", "/docs", STATIC / "docs.html", policy),
        _file("getDocsInit", "/docs/init.js", STATIC / "docs-init.js", policy),
        _file("getDocsStyle", "/docs/swagger-ui.css", swagger / "swagger-ui.css", policy),
        _file("getDocsBundle", "/docs/swagger-ui-bundle.js", swagger / "swagger-ui-bundle.js", policy),
        _file("getDocsIcon", "/docs/favicon.png", swagger / "favicon.png", policy),
        # Pages of other origins load it, so it says that they may.
        _file("getSnippet", "/zhike.js", STATIC / "zhike.js", (b"cross-origin-resource-policy", b"cross-origin")),
    )
