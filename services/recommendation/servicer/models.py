"""zhike.recommendation.v1.ModelService: decode, call one use case, encode."""

from typing import Any, Final

from google.longrunning import operations_pb2
from zhike.recommendation.v1 import model_service_pb2 as models_pb
from zhike.recommendation.v1 import model_service_pb2_grpc as models_grpc

from services.chassis.operations import Operations
from services.chassis.operations_servicer import operation_to_pb
from services.chassis.paging import decode_page_token, encode_page_token, page_size
from services.recommendation.store.models import ModelStore
from services.recommendation.store.scores import PRODUCTS_LIMIT
from services.recommendation.usecases.models import (
    ACTOR_LIMIT,
    ModelInForce,
    list_models,
    list_promotions,
    promote_by_hand,
)
from services.recommendation.wire.predictions import engine_from_pb, model_to_pb, promotion_to_pb

TRAIN_KIND: Final = "train"
SCORE_KIND: Final = "score"
SCORED_DEFAULT: Final = 20  # products of a customer
MODELS_PAGE_DEFAULT: Final = 20
MODELS_PAGE_LIMIT: Final = 100
RUNNING_LIMIT: Final = 100  # unfinished operations that are looked through for a training
_MODELS_QUERY: Final = {"list": "models"}


class ModelServicer(models_grpc.ModelServiceServicer):
    """Versions: list, train, promote."""

    def __init__(self, models: ModelStore, in_force: ModelInForce, operations: Operations, service: str) -> None:
        self._models, self._in_force, self._operations, self._service = models, in_force, operations, service

    async def ListModels(self, request: models_pb.ListModelsRequest, context: Any) -> models_pb.ListModelsResponse:
        found, position, in_force = await list_models(
            self._models,
            after=decode_page_token(request.page_token, query=_MODELS_QUERY),
            limit=page_size(request.page_size, default=MODELS_PAGE_DEFAULT, maximum=MODELS_PAGE_LIMIT),
        )
        return models_pb.ListModelsResponse(
            models=[model_to_pb(model, in_force) for model in found],
            next_page_token="" if position is None else encode_page_token(position, query=_MODELS_QUERY),
            promotions=[promotion_to_pb(each) for each in await list_promotions(self._models)],
            training=await self._training(),
        )

    async def TrainModel(self, request: models_pb.TrainModelRequest, context: Any) -> operations_pb2.Operation:
        arguments = {
            "engine": engine_from_pb(request.engine).value,
            "sweep": request.sweep,
            "dry_run": request.dry_run,
        }
        if request.actor:
            arguments["actor"] = request.actor[:ACTOR_LIMIT]
        operation = await self._operations.start(TRAIN_KIND, arguments, request_id=request.request_id)
        return operation_to_pb(operation, self._service)

    async def ScoreCustomers(self, request: models_pb.ScoreCustomersRequest, context: Any) -> operations_pb2.Operation:
        arguments = {
            "engine": engine_from_pb(request.engine).value,
            "count": page_size(request.count, default=SCORED_DEFAULT, maximum=PRODUCTS_LIMIT),
        }
        operation = await self._operations.start(SCORE_KIND, arguments, request_id=request.request_id)
        return operation_to_pb(operation, self._service)

    async def PromoteModel(self, request: models_pb.PromoteModelRequest, context: Any) -> models_pb.Model:
        model, in_force = await promote_by_hand(
            request.version,
            request.reason,
            self._models,
            actor=request.actor,
            expected_number=request.expected_number,
        )
        await self._in_force.refresh()
        return model_to_pb(model, in_force)

    async def _training(self) -> str:
        """Return the training that runs now, "" without one."""
        unfinished, _ = await self._operations.list_page(done=False, after=None, limit=RUNNING_LIMIT)
        return next((operation.id for operation in unfinished if operation.kind == TRAIN_KIND), "")
