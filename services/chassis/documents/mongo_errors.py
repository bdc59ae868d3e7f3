"""What a driver's error means in the port's words.

After an error whether the write took effect may be unknown; what is certain is that nothing was acknowledged.
"""

from collections.abc import Mapping
from typing import Any

from pymongo.errors import BulkWriteError, ConnectionFailure, InvalidOperation, OperationFailure, PyMongoError

from services.chassis.documents.port import StoreUnavailableError

DUPLICATE_KEY = 11000
BAD_VALUE = 2
# What servers name by number alone in an older or a managed deployment; the name says more than the number.
_CODE_NAMES = {13: "Unauthorized", 18: "AuthenticationFailed", 14031: "OutOfDiskSpace", 10107: "NotWritablePrimary"}


def closed() -> StoreUnavailableError:
    """Return the error of every operation after the end."""
    return StoreUnavailableError("the document store is closed")


def unavailable(error: PyMongoError) -> StoreUnavailableError:
    """Return a driver's error as the port says it. The address of the server stays out of the message."""
    cause = cause_of(error)
    return StoreUnavailableError(f"the document store cannot answer now: {cause}", cause=cause)


def cause_of(error: PyMongoError) -> str:
    """Return one name for what happened: the server's own where it sent one, else the driver's."""
    if isinstance(error, OperationFailure) and not isinstance(error, ConnectionFailure):
        told = _write_concern_error(error) or _refused_write(error) or error.details or {}
        code = told.get("code", error.code)
        return str(told.get("codeName") or _CODE_NAMES.get(code or 0) or f"{type(error).__name__} {code}")
    return type(error).__name__


def is_closed(error: PyMongoError) -> bool:
    """Tell whether the client had been closed when the operation began."""
    return isinstance(error, InvalidOperation)


def duplicate(error: PyMongoError) -> Mapping[str, Any] | None:
    """Return the server's account of a taken key or unique value: ``index`` (place in the batch) and ``keyPattern``.

    None for any other error, and where the writes before the refused one were not acknowledged as durable: then
    nothing may be concluded from the refusal either.
    """
    if not isinstance(error, OperationFailure) or _write_concern_error(error):
        return None
    details = _refused_write(error) or error.details or {}
    return details if details.get("code") == DUPLICATE_KEY else None


def is_missing_index(error: PyMongoError) -> bool:
    """Tell whether a hinted index is not there: the collection was dropped by another replica."""
    return isinstance(error, OperationFailure) and error.code == BAD_VALUE and "hint" in str(error)


def _refused_write(error: OperationFailure) -> Mapping[str, Any]:
    """Return the write of a batch at which the server stopped; empty for an error of another form."""
    refused = (error.details or {}).get("writeErrors") if isinstance(error, BulkWriteError) else ()
    return next(iter(refused or ()), {})


def _write_concern_error(error: OperationFailure) -> Mapping[str, Any]:
    details: Mapping[str, Any] = error.details or {}
    several = details.get("writeConcernErrors") or ()
    return next(iter(several), None) or details.get("writeConcernError") or {}
