"""zhike.recommendation.v1.PredictionService: decode, call one use case, encode."""

from collections.abc import Callable
from typing import Any

from zhike.recommendation.v1 import prediction_service_pb2 as pb
from zhike.recommendation.v1 import prediction_service_pb2_grpc as grpc_pb
from zhike.type.v1 import answer_pb2

from services.chassis.clock import Clock
from services.recommendation.store.world import World
from services.recommendation.usecases.carts import get_cart
from services.recommendation.usecases.controlled import Ruling
from services.recommendation.usecases.predict import ConsentRules, predict
from services.recommendation.usecases.taste import Profiles
from services.recommendation.wire.predictions import (
    WrittenReasons,
    cart_to_pb,
    identifiers_from_pb,
    language_from_pb,
    prediction_to_json,
    prediction_to_pb,
    request_from_pb,
)


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
        ruling: Callable[[], Ruling | None] = lambda: None,
    ) -> None:
        self._world, self._profiles, self._consent = world, profiles, consent
        self._clock, self._new_token, self._ruling = clock, new_token, ruling
        self._reasons = WrittenReasons()

    async def Predict(self, request: pb.PredictRequest, context: Any) -> pb.PredictResponse:
        began = self._clock.monotonic()
        asked, world = request_from_pb(request), self._world
        prediction = await predict(
            asked,
            world,
            profiles=self._profiles,
            consent=self._consent,
            now=self._clock.now(),
            ruling=self._ruling(),
        )
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
