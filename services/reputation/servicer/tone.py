"""zhike.reputation.v1.ToneService."""

from collections.abc import AsyncIterator
from typing import Any, Final

from google.longrunning import operations_pb2
from zhike.reputation.v1 import tone_service_pb2 as pb
from zhike.reputation.v1 import tone_service_pb2_grpc
from zhike.type.v1 import import_pb2

from services.chassis.artifacts.port import ArtifactStore
from services.chassis.operations import Operations
from services.chassis.operations_servicer import operation_to_pb
from services.reputation.domain.errors import ImportConfigError
from services.reputation.servicer.uploads import upload_chunks, upload_config
from services.reputation.store.tone_models import ToneModelStore
from services.reputation.usecases.tone import ToneInForce
from services.reputation.wire.tone import tone_model_to_pb

SERVICE: Final = "reputation"
TRAIN_KIND: Final = "train-tone"


class ToneServicer(tone_service_pb2_grpc.ToneServiceServicer):
    """Tone models."""

    def __init__(
        self, models: ToneModelStore, in_force: ToneInForce, artifacts: ArtifactStore, operations: Operations
    ) -> None:
        self._models, self._in_force = models, in_force
        self._artifacts, self._operations = artifacts, operations

    async def TrainTone(
        self, request_iterator: AsyncIterator[import_pb2.ImportRequest], context: Any
    ) -> operations_pb2.Operation:
        requests = aiter(request_iterator)
        config = await upload_config(requests)
        if config.format != import_pb2.IMPORT_FORMAT_NDJSON:
            raise ImportConfigError("labelled texts come as NDJSON", field="format")
        if config.columns or config.options:
            message = "labelled texts have text, label and data; there are no columns to map and no options"
            raise ImportConfigError(message, field="columns" if config.columns else "options")
        blob = await self._artifacts.put(upload_chunks(requests))
        operation = await self._operations.start(
            TRAIN_KIND,
            {"file": blob.digest, "dry_run": config.dry_run},
            request_id=config.request_id,
            owner=config.owner,
        )
        return operation_to_pb(operation, SERVICE)

    async def ListToneModels(self, request: pb.ListToneModelsRequest, context: Any) -> pb.ListToneModelsResponse:
        history = await self._models.history()
        return pb.ListToneModelsResponse(
            models=[tone_model_to_pb(each, in_force=place == 0) for place, each in enumerate(history)]
        )

    async def PromoteToneModel(self, request: pb.PromoteToneModelRequest, context: Any) -> pb.ToneModel:
        promotion = await self._models.go_back(request.version)
        await self._in_force.refresh()
        return tone_model_to_pb(promotion, in_force=True)
