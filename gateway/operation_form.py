"""The public form of a long-running operation, and which service has it."""

from typing import Any

from google.longrunning import operations_pb2
from zhike.type.v1 import import_pb2

from gateway.clients import SERVICES
from gateway.endpoints import Answer, json_answer
from gateway.public_form import public_form, unpacked
from services.chassis.errors import NotFoundError
from services.chassis.status import error_from_status, service_domain


def service_of(operation_id: str) -> str:
    """Return the service that has an operation. Raises NotFoundError."""
    service, _, rest = operation_id.partition(".")
    if service not in SERVICES or not rest:
        raise NotFoundError(f"there is no operation {operation_id[:80]}", resource="operation", id=operation_id[:80])
    return service


def progress_of(operation: operations_pb2.Operation) -> Any:
    """Return the counters: the response once it succeeded, the metadata until then; None when it carries none."""
    if operation.HasField("response"):
        message = unpacked(operation.response)
        if isinstance(message, import_pb2.ImportProgress):
            return message
    return unpacked(operation.metadata)


def operation_form(operation: operations_pb2.Operation) -> dict[str, Any]:
    """Return the public form."""
    progress = progress_of(operation)
    form: dict[str, Any] = {
        "id": operation.name,
        "done": operation.done,
        "progress": None if progress is None else public_form(progress),
    }
    if operation.HasField("error"):
        error = error_from_status(operation.error, service=service_of(operation.name))
        form["error"] = {
            "reason": error.reason,
            "message": error.message,
            "domain": service_domain(error, error.service),
            "metadata": error.metadata,
        }
    return form


def accepted(operation: operations_pb2.Operation) -> Answer:
    """Return 202 with where to look."""
    location = f"/v1/operations/{operation.name}".encode()
    return json_answer(operation_form(operation), status=202, headers=((b"location", location),))
