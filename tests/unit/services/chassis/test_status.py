"""Errors become statuses and statuses errors, once each way."""

import grpc
import pytest
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import ErrorKind, InvalidArgumentError, NotFoundError, ZhikeError
from services.chassis.status import (
    CODES,
    KINDS,
    MESSAGE_LIMIT,
    METADATA_LIMIT,
    METADATA_VALUE_LIMIT,
    RemoteError,
    error_from_rpc,
    error_from_status,
    grpc_status,
    status_from_error,
)


def remote(kind: ErrorKind, **metadata: object) -> RemoteError:
    return RemoteError("words", kind=kind, reason="SOME_REASON", service="orders", **metadata)


@pytest.mark.parametrize("kind", [kind for kind in ErrorKind if kind is not ErrorKind.INTERNAL])
def test_every_kind_survives_the_way_there_and_back(kind: ErrorKind) -> None:
    back = error_from_status(status_from_error(remote(kind, a=1), service="gateway"), service="gateway")
    assert (back.kind, back.reason, back.message, back.metadata) == (kind, "SOME_REASON", "words", {"a": "1"})
    assert back.service == "orders", "who said it first stays who said it"


def test_kinds_and_codes_map_one_to_one() -> None:
    assert set(CODES) == set(ErrorKind)
    assert len(KINDS) == len(CODES)


def test_an_internal_error_keeps_its_reason_and_loses_its_words() -> None:
    class BrokenError(ZhikeError):
        reason = "BROKEN"

    status = status_from_error(BrokenError("card 6222 of Li", card="6222"), service="search", request_id="r-1")
    assert "6222" not in str(status)
    back = error_from_status(status, service="search")
    assert (back.kind, back.reason, back.message) == (ErrorKind.INTERNAL, "BROKEN", "internal error")


@given(
    st.text(max_size=3_000),
    st.dictionaries(st.from_regex(r"[a-z]{1,20}", fullmatch=True), st.text(max_size=500), max_size=40),
)
def test_whatever_the_words_the_status_fits_into_trailing_metadata(message: str, metadata: dict[str, str]) -> None:
    metadata.pop("retry_after_s", None)
    error = RemoteError(message, kind=ErrorKind.INVALID, reason="SOME_REASON", service="search", **metadata)
    encoded = grpc_status(error, service="search", request_id="r" * 64)
    ((_, details),) = encoded.trailing_metadata
    assert len(error_from_status(Status.FromString(details), service="x").message) <= MESSAGE_LIMIT
    percent_encoded = len(encoded.details.encode()) * 3
    assert percent_encoded + len(details) * 4 / 3 < 16_384, "gRPC's hard limit of trailing metadata"


def test_metadata_past_its_bounds_is_cut() -> None:
    metadata = {f"f{number:02}": "x" * (METADATA_VALUE_LIMIT + 1) for number in range(METADATA_LIMIT + 1)}
    back = error_from_status(status_from_error(remote(ErrorKind.CONFLICT, **metadata), service="s"), service="s")
    assert len(back.metadata) == METADATA_LIMIT
    assert {len(value) for value in back.metadata.values()} == {METADATA_VALUE_LIMIT}


def test_a_status_without_our_detail_gets_the_name_of_its_code_as_reason() -> None:
    back = error_from_status(Status(code=14, message="connection refused"), service="search")
    assert (back.kind, back.reason, back.service) == (ErrorKind.UNAVAILABLE, "UNAVAILABLE", "search")
    unknown = error_from_status(Status(code=2, message=""), service="search")
    assert (unknown.kind, unknown.reason) == (ErrorKind.INTERNAL, "UNKNOWN")
    assert error_from_status(Status(code=999), service="search").kind is ErrorKind.INTERNAL


def test_what_a_failed_call_raised_is_decoded_with_and_without_details() -> None:
    encoded = grpc_status(NotFoundError("no such product", resource="product", id="p-1"), service="search")
    metadata = grpc.aio.Metadata(*encoded.trailing_metadata)
    failed = grpc.aio.AioRpcError(grpc.StatusCode.NOT_FOUND, grpc.aio.Metadata(), metadata, details="no such product")
    back = error_from_rpc(failed, service="search")
    assert (back.kind, back.reason, back.metadata["id"]) == (ErrorKind.NOT_FOUND, "NOT_FOUND", "p-1")
    bare = grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), details=None)
    assert error_from_rpc(bare, service="search").reason == "UNAVAILABLE"


def test_a_wrong_field_and_a_wait_become_details_of_their_own() -> None:
    wrong = status_from_error(InvalidArgumentError("too long", field="query"), service="search")
    assert [each.type_url.rpartition(".")[2] for each in wrong.details] == ["ErrorInfo", "BadRequest"]
    wait = status_from_error(remote(ErrorKind.EXHAUSTED, retry_after_s=2.5), service="search")
    assert [each.type_url.rpartition(".")[2] for each in wait.details] == ["ErrorInfo", "RetryInfo"]
