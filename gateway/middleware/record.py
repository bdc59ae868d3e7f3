"""What is known of a request while it is answered; the router fills it in, the edge reads it at the end."""

from dataclasses import dataclass

from starlette.types import Scope

from gateway.limits import Allowance

SCOPE_KEY = "zhike.record"
HEADERS_KEY = "zhike.headers"
UNROUTED = "unrouted"


@dataclass(slots=True)
class RequestRecord:
    """One request. ``route`` is the template of the path: the path itself may hold an identifier."""

    request_id: str
    traceparent: str = ""
    route: str = UNROUTED
    role: str = ""
    key: str = ""
    allowance: Allowance | None = None
    reason: str = ""
    is_stream: bool = False  # an answer that goes on; it is no request in flight


def record_of(scope: Scope) -> RequestRecord:
    """Return the record of a request; a new one where no edge stands in front (a test of a part)."""
    record: RequestRecord | None = scope.get(SCOPE_KEY)
    if record is None:
        scope[SCOPE_KEY] = record = RequestRecord("")
    return record


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """Return the headers of a request by their names; of one that came twice, the last."""
    headers: dict[bytes, bytes] | None = scope.get(HEADERS_KEY)
    if headers is None:
        scope[HEADERS_KEY] = headers = dict(scope["headers"])
    return headers
