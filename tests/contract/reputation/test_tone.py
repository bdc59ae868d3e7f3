"""A tone model from an operator's file to what mentions say, on real ports and a real training process."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import orjson
import pytest
from google.longrunning import operations_pb2, operations_pb2_grpc
from zhike.reputation.v1 import mention_pb2, tone_service_pb2_grpc
from zhike.reputation.v1 import tone_service_pb2 as pb
from zhike.type.v1 import import_pb2

from services.chassis.status import error_from_rpc
from services.reputation.servicer import uploads
from tests.contract.reputation.conftest import TIMEOUT_S, Reputation, mention, reputation_in
from tests.strategies.tone import reviews

TRAINING_LIMIT_S = 90.0


def tone_of(reputation: Reputation) -> Any:
    return tone_service_pb2_grpc.ToneServiceStub(reputation.clients.channel("reputation"))


def rows(count: int) -> list[bytes]:
    pairs = zip(*reviews(count), strict=True)
    return [orjson.dumps({"text": text, "label": int(label), "data": "a.csv"}) for text, label in pairs]


async def trained(reputation: Reputation, lines: Sequence[bytes], **config: Any) -> operations_pb2.Operation:
    """Train and wait for the end."""

    async def requests() -> AsyncIterator[import_pb2.ImportRequest]:
        given = {"format": import_pb2.IMPORT_FORMAT_NDJSON, "owner": "operator", **config}
        yield import_pb2.ImportRequest(config=import_pb2.ImportConfig(**given))
        yield import_pb2.ImportRequest(chunk=b"\n".join(lines))

    operation: operations_pb2.Operation = await tone_of(reputation).TrainTone(requests(), timeout=TIMEOUT_S)
    stub = operations_pb2_grpc.OperationsStub(reputation.clients.channel("reputation"))
    while not operation.done:
        request = operations_pb2.WaitOperationRequest(name=operation.name)
        operation = await stub.WaitOperation(request, timeout=TRAINING_LIMIT_S)
    return operation


async def test_without_a_model_tone_is_unknown_and_with_one_it_is_told(tmp_path: Path) -> None:
    async with reputation_in(tmp_path) as reputation:
        await reputation.write(mention("1", "知客 好吃 新鲜 推荐"))
        (before,) = await reputation.until(1)
        assert before.tone == mention_pb2.TONE_UNKNOWN
        operation = await trained(reputation, [*rows(1_200), b'{"text": "", "label": 1}'])
        progress = import_pb2.ImportProgress()
        assert not operation.HasField("error"), operation.error
        operation.response.Unpack(progress)
        assert (progress.rows, progress.accepted, progress.rejected) == (1_201, 1_200, 1)
        (model,) = (await tone_of(reputation).ListToneModels(pb.ListToneModelsRequest(), timeout=TIMEOUT_S)).models
        assert (model.in_force, model.texts, dict(model.data)) == (True, 1_200, {"a.csv": 1_200})
        assert model.accuracy > model.majority
    async with reputation_in(tmp_path) as reputation:  # it judges from the first mention after a restart on
        await reputation.write(mention("2", "知客 好吃 新鲜 推荐"), mention("3", "知客 难吃 变质 恶心"))
        heard = {each.source_mention_id: each for each in await reputation.until(3)}
        assert heard["2"].tone == mention_pb2.TONE_POSITIVE
        assert heard["3"].tone == mention_pb2.TONE_NEGATIVE
        assert heard["3"].tone_probability > 0.7
        assert heard["1"].tone == mention_pb2.TONE_UNKNOWN  # what was decided stays


async def test_an_earlier_model_is_gone_back_to(reputation: Reputation) -> None:
    stub = tone_of(reputation)
    await trained(reputation, rows(1_000))
    await trained(reputation, rows(1_100))
    newest, first = (await stub.ListToneModels(pb.ListToneModelsRequest(), timeout=TIMEOUT_S)).models
    back = await stub.PromoteToneModel(pb.PromoteToneModelRequest(version=first.version), timeout=TIMEOUT_S)
    assert (back.version, back.in_force) == (first.version, True)
    listed = (await stub.ListToneModels(pb.ListToneModelsRequest(), timeout=TIMEOUT_S)).models
    assert [(each.version, each.in_force) for each in listed][:2] == [(first.version, True), (newest.version, False)]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.PromoteToneModel(pb.PromoteToneModelRequest(version="tone-9"), timeout=TIMEOUT_S)
    assert error_from_rpc(refused.value, service="reputation").reason == "TONE_MODEL_NOT_FOUND"


async def test_too_little_trains_nothing_and_says_so(reputation: Reputation) -> None:
    operation = await trained(reputation, rows(40))
    assert operation.error.details
    assert "TONE_DATA" in str(operation.error)
    assert not (await tone_of(reputation).ListToneModels(pb.ListToneModelsRequest(), timeout=TIMEOUT_S)).models


@pytest.mark.parametrize(
    "config",
    [{"format": import_pb2.IMPORT_FORMAT_CSV}, {"columns": {"text": "review"}}, {"options": {"a": "b"}}],
)
async def test_a_file_of_another_form_is_refused(reputation: Reputation, config: dict[str, Any]) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await trained(reputation, rows(1), **config)
    assert error_from_rpc(refused.value, service="reputation").reason == "IMPORT_CONFIG"


async def test_an_upload_past_its_bound_is_refused(reputation: Reputation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_UPLOAD_BYTES", 100)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await trained(reputation, [b"x" * 101])
    assert error_from_rpc(refused.value, service="reputation").reason == "IMPORT_TOO_LARGE"
