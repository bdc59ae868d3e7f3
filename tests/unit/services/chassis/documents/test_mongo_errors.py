"""What a driver's error means: a taken value is concluded only from a refusal whose forerunners are durable."""

import pytest
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    DuplicateKeyError,
    InvalidOperation,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WriteConcernError,
    WTimeoutError,
)

from services.chassis.documents.mongo_errors import cause_of, duplicate, is_closed, is_missing_index, unavailable

TAKEN = {"index": 3, "code": 11000, "keyPattern": {"i0": 1}, "errmsg": "E11000"}
LAGGING = {"code": 64, "codeName": "WriteConcernTimeout", "errmsg": "waiting for replication timed out"}


def test_a_taken_value_is_read_from_a_single_write_and_from_a_batch() -> None:
    assert duplicate(DuplicateKeyError("E11000", 11000, TAKEN)) == TAKEN
    assert duplicate(BulkWriteError({"writeErrors": [TAKEN], "writeConcernErrors": [], "nInserted": 3})) == TAKEN


def test_nothing_is_concluded_from_a_refusal_behind_writes_that_no_majority_acknowledged() -> None:
    error = BulkWriteError({"writeErrors": [TAKEN], "writeConcernErrors": [LAGGING], "nInserted": 3})
    assert duplicate(error) is None
    assert unavailable(error).metadata["cause"] == "WriteConcernTimeout"


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ServerSelectionTimeoutError("10.0.0.1:27017: refused"), "ServerSelectionTimeoutError"),
        (AutoReconnect("connection closed"), "AutoReconnect"),
        (NetworkTimeout("timed out"), "NetworkTimeout"),
        (NotPrimaryError("not primary", {"code": 10107}), "NotPrimaryError"),
        (ConfigurationError("Server reports wire version 6"), "ConfigurationError"),
        (WTimeoutError("waiting", 64, {"writeConcernError": LAGGING}), "WriteConcernTimeout"),
        (
            WriteConcernError("shutdown", 91, {"writeConcernError": {"code": 91, "codeName": "ShutdownInProgress"}}),
            "ShutdownInProgress",
        ),
        (OperationFailure("full", 14031, {"code": 14031}), "OutOfDiskSpace"),
        (OperationFailure("may not", 13, {"code": 13, "codeName": "Unauthorized"}), "Unauthorized"),
        (OperationFailure("new", 99_999, {"code": 99_999}), "OperationFailure 99999"),
        (BulkWriteError({"writeErrors": [{"code": 14031, "index": 0}], "writeConcernErrors": []}), "OutOfDiskSpace"),
    ],
)
def test_every_other_error_is_a_store_that_is_away_and_names_its_cause(error: PyMongoError, cause: str) -> None:
    assert duplicate(error) is None
    failure = unavailable(error)
    assert (failure.metadata["cause"], cause_of(error)) == (cause, cause)
    assert "10.0.0.1" not in failure.message


def test_a_closed_client_and_a_dropped_collections_index_are_told_apart() -> None:
    assert is_closed(InvalidOperation("Cannot use MongoClient after close"))
    assert not is_closed(AutoReconnect("closed"))
    assert is_missing_index(OperationFailure("hint provided does not correspond to an existing index", 2))
    assert not is_missing_index(OperationFailure("bad value", 2))
