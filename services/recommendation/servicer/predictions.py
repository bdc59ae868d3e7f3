"""zhike.recommendation.v1.PredictionService and ModelService over the use cases."""

from collections.abc import Callable
from typing import Any

from google.longrunning import operations_pb2
from zhike.recommendation.v1 import model_service_pb2 as models_pb
from zhike.recommendation.v1 import model_service_pb2_grpc as models_grpc
from zhike.recommendation.v1 import prediction_service_pb2 as pb
from zhike.recommendation.v1 import prediction_service_pb2_grpc as grpc_pb
from zhike.type.v1 import answer_pb2

from services.chassis.clock import Clock
from services.chassis.operations import Operations
from services.chassis.operations_servicer import operation_to_pb
from services.chassis.paging import decode_page_token, encode_page_token, page_size
from services.recommendation.store.models import ModelStore
from services.recommendation.store.scores import PRODUCTS_LIMIT
from services.recommendation.store.world import World
from services.recommendation.usecases.carts import get_cart
from services.recommendation.usecases.models import ModelInForce, list_models, promote_by_hand
from services.recommendation.usecases.predict import ConsentRules, predict
from services.recommendation.usecases.taste import Profiles
from services.recommendation.wire.predictions import (
    WrittenReasons,
    cart_to_pb,
    engine_from_pb,
    identifiers_from_pb,
    language_from_pb,
    model_to_pb,
    prediction_to_json,
    prediction_to_pb,
    request_from_pb,
)

TRAIN_KIND, SCORE_KIND = "train", "score"
SCORED_DEFAULT = 20  # products of a customer
MODELS_PAGE_DEFAULT, MODELS_PAGE_LIMIT = 20, 100
_MODELS_QUERY = {"list": "models"}


class PredictionServicer(grpc_pb.PredictionServiceServicer):
    """Placements and carts."""

    def __init__(
        self,
        world: World,
        profiles: Profiles,
        *,
        consent: ConsentRules,
        clock: Clock,
        new_token: Callable[[], str],
    ) -> None:
        self._world, self._profiles, self._consent = world, profiles, consent
        self._clock, self._new_token = clock, new_token
        self._reasons = WrittenReasons()

    async def Predict(self, request: pb.PredictRequest, context: Any) -> pb.PredictResponse:
        began = self._clock.monotonic()
        asked, world = request_from_pb(request), self._world
        prediction = await predict(asked, world, profiles=self._profiles, consent=self._consent, now=self._clock.now())
        facts: dict[str, Any] = {
            "model_version": "" if world.model is None else world.model.version,
            "token": self._new_token(),
            "engine_us": round((self._clock.monotonic() - began) * 1_000_000),
        }
        if request.format == answer_pb2.ANSWER_FORMAT_JSON:
            body = prediction_to_json(prediction, world.shelf, asked.language, reasons=self._reasons, **facts)
            return pb.PredictResponse(json=body)
        return pb.PredictResponse(prediction=prediction_to_pb(prediction, world.shelf, asked.language, **facts))

    async def GetCart(self, request: pb.GetCartRequest, context: Any) -> pb.GetCartResponse:
        language = language_from_pb(request.language)
        cart = await get_cart(
            self._world,
            identifiers_from_pb(request.shopper),
            default_consent=self._consent.default_consent,
            now=self._clock.now(),
        )
        return cart_to_pb(cart.lines, cart.total, cart.as_of_time, shelf=self._world.shelf, language=language)


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
        )

    async def TrainModel(self, request: models_pb.TrainModelRequest, context: Any) -> operations_pb2.Operation:
        arguments = {
            "engine": engine_from_pb(request.engine).value,
            "sweep": request.sweep,
            "dry_run": request.dry_run,
        }
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
        model, in_force = await promote_by_hand(request.version, request.reason, self._models)
        await self._in_force.refresh()
        return model_to_pb(model, in_force)
